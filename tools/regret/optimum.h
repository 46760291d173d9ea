#pragma once
// The cheapest schedule with hindsight: the exact optimum by dynamic programming over (where,
// progress), tick by tick. It is the optimum of the integer programme of "Can't Be Late" (NSDI'24)
// eq. 6-10, with several zones and a price per tick.

#include <optional>

#include "market.h"

namespace spillway::regret {

// Dollars; nullopt when not even on-demand from the first tick on is in time. Exact: an optimal
// schedule never gives up an instance before its changeover is over, so charging the whole
// changeover at entry equals the simulator. Time O(ticks x states), where only states that can
// still finish in time and can have been reached are visited.
[[nodiscard]] std::optional<double> optimal_cost(const Window& window, const JobTerms& job);

}  // namespace spillway::regret
