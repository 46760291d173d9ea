#pragma once
// Inference: R replicas, of which min(baseline, R) and what is not meant for spot belong on
// reserved capacity, or on-demand while that is full, and floor((R - baseline) * spot_percent /
// 100) on spot.

#include <cstdint>

#include "pass.h"

namespace spillway::plan {

// Replicas that are meant for spot.
std::int64_t spot_target(const Service& service);

// How many replicas would go to reserved capacity if it had room: new ones, and those that have
// been on on-demand or on too much spot for long enough.
std::int64_t reserved_wanted(Pass& pass, const Service& service);

// Of `wanted` replicas, how many the rate limit still allows on the offering.
std::int64_t affordable(const Pass& pass, const Service& service, const Offer& offer,
                        std::int64_t wanted);

// Dollars per useful hour of one replica that gets no reserved slot: on-demand, or spot where that
// is all it may use.
double serving_cost_elsewhere(Pass& pass, const Service& service);

bool wants_turn(Pass& pass, const Service& service);
void settle(Pass& pass, Service& service);

}  // namespace spillway::plan
