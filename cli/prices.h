#pragma once
// Prices as the operator wrote them into the pools' status: a command line tool has no feeds.

#include <map>
#include <utility>

#include <spillway/control/picture.h>
#include <spillway/control/world.h>

namespace spillway::cli {

// The price of every pool at `now`, with the quality that its status states. A stale price is
// widened with age as the operator widens it, except for what only the feed's history knows. A pool
// without a status (new in a file) has its fixed price, else that of another pool with the same
// feed, tier, instance type and zone, else what spec.price.onDemand says. The same node on demand:
// spec.price.onDemand, else an OnDemand pool of the same instance type and region.
class RecordedPrices {
 public:
  RecordedPrices(const control::World& world, Instant now);

  [[nodiscard]] std::pair<market::NodePrice, HourlyRate> price_of(const PoolName& pool) const;

 private:
  std::map<PoolName, std::pair<market::NodePrice, HourlyRate>> prices_;
};

}  // namespace spillway::cli
