#pragma once
// The stochastic dynamic programme as published for one zone at a constant price, computed anew for
// every job every four hours from what its zone has shown: the yardstick for Spillway's shared
// tables.

#include <memory>

#include "simulator.h"

namespace spillway::regret {

[[nodiscard]] std::unique_ptr<Policy> make_refit_programme(const JobTerms& job, Seconds tick,
                                                           double on_demand_price);

}  // namespace spillway::regret
