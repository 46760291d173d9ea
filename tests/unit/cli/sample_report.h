#pragma once
// A simulation's report made by hand: a month with a baseline, a spot market and a night of
// interruptions. Deterministic.

#include <spillway/sim/simulation.h>

namespace spillway::cli::testing {

struct SampleSize {
  int training_jobs = 12;
  int inference_pools = 3;
  int spot_pools = 3;
  int spans_per_job = 4;
};

sim::SimulationReport sample_report(const SampleSize& size = {});

}  // namespace spillway::cli::testing
