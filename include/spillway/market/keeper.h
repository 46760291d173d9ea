#pragma once
// Keeps prices: polls every feed on its own loop, holds the series, and answers what a pool costs
// now.
//
//   pools ──watch()──> wanted keys ──poll──> feed ──observations──> series ──price_of()──> planner
//                                     │ error: old prices stay, age shows, back-off
//                                     └ price or quality of a pool changed: the callback
//
// Everything happens on the control thread of the Runtime.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/enums.h>
#include <spillway/async/timers.h>
#include <spillway/core/ids.h>
#include <spillway/market/config.h>
#include <spillway/market/feed.h>
#include <spillway/market/offering.h>
#include <spillway/market/recording.h>
#include <spillway/market/series.h>

namespace spillway::market {

// How a pool is priced, as its spec says.
struct PricedPool {
  PoolName pool;
  InstanceType instance_type;
  Region region;
  Zone zone;
  // Spot pools ask the feed for the spot price, all others for the on-demand price.
  api::Tier tier = api::Tier::kSpot;
  std::optional<HourlyRate> fixed;  // spec.price.fixed: needs no feed
  FeedName feed;                    // spec.price.feed; empty with `fixed`
  std::optional<HourlyRate>
      on_demand;  // stated at the pool; before the catalogue, before what a feed says
  friend bool operator==(const PricedPool&, const PricedPool&) = default;
};

// What the keeper contributes to an Offering.
struct PoolPrice {
  NodePrice price;
  HourlyRate on_demand;  // zero = unknown
};

struct FeedMetrics {
  FeedName name;
  std::uint64_t polls = 0;
  std::map<ErrorCode, std::uint64_t> errors;
  RefusalCounts refused;
  std::optional<Instant> last_success;
  std::string last_error;  // "" after a success
};
struct PoolPriceMetrics {
  PoolName pool;
  FeedName feed;  // empty when fixed
  PriceQuality quality = PriceQuality::kUnknown;
  std::optional<Duration> age;  // since the price was last heard; nullopt = never, or fixed
  HourlyRate likely;
};
struct MarketMetrics {
  std::vector<FeedMetrics> feeds;
  std::vector<PoolPriceMetrics> pools;
  std::string catalogue_error;  // "" = the on-demand catalogue is read, or there is none
};

class MarketKeeper {
 public:
  // Called with the pools whose price, upper bound or quality is another one than at the last call.
  // "Look again", not "it is now": read price_of(). Never called from inside a method of the keeper
  // that the listener itself called.
  using Listener = std::function<void(const std::vector<PoolName>&)>;

  // `config` is valid (validate()); `feeds` are the feeds it describes, in its order.
  MarketKeeper(const Runtime& runtime, MarketConfig config,
               std::vector<std::unique_ptr<PriceFeed>> feeds);
  ~MarketKeeper();
  MarketKeeper(const MarketKeeper&) = delete;
  MarketKeeper& operator=(const MarketKeeper&) = delete;

  void on_change(Listener listener);

  // Replaces the set of pools. A key that nobody priced before is polled at once, as soon as the
  // feed is free; the history of keys that no pool names any more is forgotten after an hour.
  void watch(std::vector<PricedPool> pools);

  // The price at clock.now(); Unknown for a pool that is not watched. A pool that names a feed that
  // is not configured has its fallback price and says so in NodePrice::source.
  [[nodiscard]] PoolPrice price_of(const PoolName& pool) const;

  // While a pool's price has never been asked for: until when its first answer is worth waiting
  // for (ten seconds at most; a feed that fails has answered). nullopt = nothing is awaited. The
  // listener is called, with no pools, when a first answer came that changed no price.
  [[nodiscard]] std::optional<MonotonicTime> awaiting_until() const;

  // Starts one loop per feed, and one that wakes when a quality or a bound changes with time alone.
  // stop() makes them end at their next wait; the group's drained() tells when. A request in flight
  // ends at its own deadline, or at once with HttpClient::shut_down(). The keeper outlives the
  // group.
  void start(TaskGroup& group);
  void stop();

  [[nodiscard]] MarketMetrics metrics() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spillway::market
