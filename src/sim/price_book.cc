#include <spillway/sim/price_book.h>

#include <iterator>

namespace spillway::sim {
namespace {

class BookFeed final : public market::PriceFeed {
 public:
  BookFeed(FeedName name, const PriceBook& book) : name_(std::move(name)), book_(book) {}
  [[nodiscard]] const FeedName& name() const override { return name_; }
  Task<Result<market::PollResult>> poll(std::vector<market::PriceKey> wanted) override {
    co_return book_.answer(wanted);
  }

 private:
  FeedName name_;
  const PriceBook& book_;
};

}  // namespace

void PriceBook::set_spot(const market::PriceKey& key, HourlyRate spot, Instant from) {
  spot_[key][from] = spot;
}

Result<market::PollResult> PriceBook::answer(const std::vector<market::PriceKey>& wanted) const {
  if (silent_) return fail(ErrorCode::kUnavailable, "the market does not answer");
  market::PollResult result;
  for (const market::PriceKey& key : wanted) {
    market::PriceObservation observation{.key = key};
    if (const auto series = spot_.find(key); series != spot_.end()) {
      const auto next = series->second.upper_bound(clock_.now());
      if (next != series->second.begin()) {
        observation.spot = std::prev(next)->second;
        observation.changed_at = std::prev(next)->first;
      }
    }
    if (const auto stated = on_demand_.find(key); stated != on_demand_.end())
      observation.on_demand = stated->second;
    if (observation.spot || observation.on_demand)
      result.observations.push_back(std::move(observation));
  }
  return result;
}

std::unique_ptr<market::PriceFeed> PriceBook::make_feed(FeedName name) const {
  return std::make_unique<BookFeed>(std::move(name), *this);
}

}  // namespace spillway::sim
