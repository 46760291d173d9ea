#pragma once
// From the books of a simulated run to its report. Pure.

#include <spillway/sim/recorded_market.h>
#include <spillway/sim/simulation.h>
#include <spillway/sim/trainer.h>

#include "bookkeeper.h"
#include "market_replay.h"
#include "simulation_input.h"

namespace spillway::sim {

struct RunBooks {
  const Scene& scene;
  const std::map<PoolName, PoolRecord>& records;
  TimeRange range;
  const Bookkeeper& books;
  const Trainer& trainer;
  const MarketReplay& replay;
};

// Everything but seed, notes, violations, counts of writes and passes, and speed.
SimulationReport make_report(const RunBooks& run);

}  // namespace spillway::sim
