#pragma once
// What a simulation assumed, said in sentences. Pure.

#include <map>
#include <string>
#include <vector>

#include <spillway/sim/recorded_market.h>

#include "simulation_input.h"

namespace spillway::sim {

std::vector<std::string> notes_of(const Scene& scene, const RecordedMarket& market,
                                  const std::map<PoolName, PoolRecord>& records, TimeRange range);

}  // namespace spillway::sim
