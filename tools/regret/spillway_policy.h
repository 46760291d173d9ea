#pragma once
// The operator's spot policy (spillway/plan/spot_policy.h) at the rules of the simulator: this file
// only translates.

#include <memory>

#include <spillway/plan/programme_library.h>

#include "simulator.h"

namespace spillway::regret {

// `margin`: slack kept for on-demand that cannot be had at once. `library` must outlive the policy.
[[nodiscard]] std::unique_ptr<Policy> make_spillway(const JobTerms& job, Seconds tick,
                                                    double on_demand_price,
                                                    const plan::ProgrammeLibrary& library,
                                                    Seconds margin = 0);

}  // namespace spillway::regret
