#pragma once
// Inference: R replicas, of which min(baseline, R) and what is not meant for spot belong on
// reserved capacity, or on-demand while that is full, and floor((R - baseline) * spot_percent /
// 100) on spot, and `overprovision` more. On-demand stands in for the share of spot that is not to
// be had, and (SpotHedge; Mao et al. 2025) for what of it is not ready: so it covers the time that
// spot takes to come. Replicas on nodes that are about to go count as gone (draining.h).

#include <cstdint>

#include "pass.h"

namespace spillway::plan {

// Replicas that are meant for spot.
std::int64_t spot_target(const Service& service);

// How many replicas would go to reserved capacity if it had room: new ones, and those that have
// been on on-demand or on too much spot for long enough.
std::int64_t reserved_wanted(Pass& pass, const Service& service);

// What is beyond the replicas that were asked for, and what is not as it should be.
struct Extras {
  std::int64_t covering = 0;        // on on-demand until those on spot serve
  std::int64_t spare = 0;           // beyond what was asked for, so that a loss is no loss
  std::int64_t spot_missing = 0;    // of the spot share
  std::int64_t on_demand_open = 0;  // that on-demand should take and has no room for
  std::int64_t unprotected = 0;     // that would be missed if the worst zone went
};
Extras extras_of(const Pass& pass, const Service& service);

// Dollars per useful hour of one replica that gets no reserved slot: on-demand, or spot where that
// is all it may use.
double serving_cost_elsewhere(Pass& pass, const Service& service);

bool wants_turn(Pass& pass, const Service& service);
void settle(Pass& pass, Service& service);

}  // namespace spillway::plan
