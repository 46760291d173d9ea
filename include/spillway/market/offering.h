#pragma once
// What the planner knows of a pool's capacity at an instant: price, how far to trust it, how long
// it is expected to last, and whether it can be had at all. Plain values; the feeds that make them
// are in feed.h.

#include <optional>
#include <string>

#include <spillway/api/enums.h>
#include <spillway/core/money.h>
#include <spillway/core/time.h>

namespace spillway::market {

using api::Availability;
using api::PriceQuality;

// One node for an hour. `likely` is the best estimate and what is shown; `upper` is what decisions
// reckon with: equal to `likely` while live, wider with age, the on-demand price at most (a spot
// price is capped there, by EC2's own rule).
struct NodePrice {
  HourlyRate likely;
  HourlyRate upper;
  PriceQuality quality = PriceQuality::kUnknown;
  std::optional<Instant> observed_at;  // when we last heard this price, not when it last changed
  std::string source;                  // "feed aws-us-east-1", "fixed", "catalogue"
};

// How a pool is expected to behave, learnt from the cluster itself (market/estimate.h).
struct LifeEstimate {
  // Expected time until a node of the pool is lost, for a node that starts now. Never zero;
  // unlimited for reserved and on-demand capacity.
  std::optional<Duration> fresh;  // nullopt = not expected to be lost
  std::optional<Duration>
      residual;  // the same for the nodes that run now, whose age speaks for them
};

struct Offering {
  NodePrice price;
  HourlyRate on_demand;  // the same node bought on demand; the baseline of "saved". Zero = unknown
  LifeEstimate life;
  Availability availability = Availability::kAvailable;
  std::optional<Instant> retry_at;  // when stocked out: not to be tried before
};

}  // namespace spillway::market
