#include <spillway/market/feed.h>

#include <numeric>

namespace spillway::market {
namespace {

class FixedFeed final : public PriceFeed {
 public:
  FixedFeed(FeedName name, FixedSource source)
      : name_(std::move(name)), source_(std::move(source)) {}
  [[nodiscard]] const FeedName& name() const override { return name_; }

  Task<Result<PollResult>> poll(std::vector<PriceKey> wanted) override {
    PollResult out;
    for (const PriceKey& key : wanted) {
      if (const FixedPrice* price = find(key)) {
        out.observations.push_back({.key = key, .spot = price->per_node});
      }
    }
    co_return out;
  }

 private:
  // A price of the very zone goes before one of every zone.
  [[nodiscard]] const FixedPrice* find(const PriceKey& key) const {
    const FixedPrice* best = nullptr;
    for (const FixedPrice& price : source_.prices) {
      if (price.instance_type != key.instance_type) continue;
      if (price.zone == key.zone) return &price;
      if (price.zone.empty()) best = &price;
    }
    return best;
  }

  FeedName name_;
  FixedSource source_;
};

}  // namespace

void RefusalCounts::add(const RefusalCounts& other) {
  for (std::size_t i = 0; i < by_reason.size(); ++i)
    by_reason[i] += other.by_reason[i];
}

std::uint64_t RefusalCounts::total() const {
  return std::accumulate(by_reason.begin(), by_reason.end(), std::uint64_t{0});
}

std::unique_ptr<PriceFeed> make_fixed_feed(FeedName name, FixedSource source) {
  return std::make_unique<FixedFeed>(std::move(name), std::move(source));
}

std::unique_ptr<PriceFeed> make_feed(const Runtime& runtime, const FeedConfig& config,
                                     cloud::HttpClient& http,
                                     cloud::EnvironmentLookup environment) {
  if (const auto* file = std::get_if<FileSource>(&config.source)) {
    return make_file_feed(runtime, config.name, *file);
  }
  if (const auto* fixed = std::get_if<FixedSource>(&config.source)) {
    return make_fixed_feed(config.name, *fixed);
  }
  const auto& aws = std::get<AwsSpotSource>(config.source);
  auto credentials = aws.credentials_folder.empty()
                         ? cloud::make_environment_credentials(std::move(environment))
                         : cloud::make_file_credentials(aws.credentials_folder);
  return make_aws_spot_feed(runtime, config.name, aws, http, std::move(credentials));
}

}  // namespace spillway::market
