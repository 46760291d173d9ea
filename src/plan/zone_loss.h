#pragma once
// Services that are to survive the loss of a zone (api::Survives::kZoneLoss): their spot share is
// spread over zones as spread.h says, and on-demand stands in for what that lacks, as placed or as
// ready. What is held is left where it is for less than the margin of a move, for min_run, and
// while any replica loads.

#include <cstdint>
#include <vector>

#include "pass.h"
#include "spread.h"

namespace spillway::plan {

bool survives_zone_loss(const Service& service);
SpreadGoal spread_goal(const Service& service, std::int64_t share, std::int64_t spare);

// Replicas on spot that have a place, and that serve: what of the goal they leave to on-demand.
struct Surplus {
  std::size_t pool = 0;
  std::int64_t replicas = 0;
};
// What of the goal replicas on spot leave to on-demand: as they have a place, less a surplus, and
// as they serve.
std::int64_t unplaced_of(const Pass& pass, const Service& service, const SpreadGoal& goal,
                         const std::vector<Surplus>& surplus = {});
std::int64_t unserved_of(const Pass& pass, const Service& service, const SpreadGoal& goal);

// What on-demand offers: the cost of a new replica there (infinite: it may not stand in, or has no
// room), and how many stand in now, not counting those that only cover loading.
struct StandIns {
  double cost = 0;
  std::int64_t held = 0;
};
// Grows shares on spot to their goal; returns what of the present ones is beyond it, the dearest
// first. A pool that would not take the service today keeps what serves there.
std::vector<Surplus> spread_over_zones(Pass& pass, Service& service, const SpreadGoal& goal,
                                       const StandIns& on_demand);

}  // namespace spillway::plan
