#pragma once
// A market as a script: what a node costs from when on. Its feed answers like any other, so the
// real MarketKeeper, with its ages and bounds, stands between it and the planner.

#include <map>
#include <memory>

#include <spillway/market/feed.h>

namespace spillway::sim {

class PriceBook {
 public:
  explicit PriceBook(const Clock& clock) : clock_(clock) {}
  void set_spot(const market::PriceKey& key, HourlyRate spot, Instant from);
  void set_on_demand(const market::PriceKey& key, HourlyRate on_demand) {
    on_demand_[key] = on_demand;
  }
  // While true, every poll fails: the market does not answer.
  void set_silent(bool silent) { silent_ = silent; }

  // What the feed says now.
  [[nodiscard]] Result<market::PollResult> answer(
      const std::vector<market::PriceKey>& wanted) const;
  // One for each process that asks; the book outlives it.
  [[nodiscard]] std::unique_ptr<market::PriceFeed> make_feed(FeedName name) const;

 private:
  const Clock& clock_;
  std::map<market::PriceKey, std::map<Instant, HourlyRate>> spot_;
  std::map<market::PriceKey, HourlyRate> on_demand_;
  bool silent_ = false;
};

}  // namespace spillway::sim
