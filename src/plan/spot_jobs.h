#pragma once
// Jobs with checkpoints and a deadline on bought capacity: choose_spot_move (spot_policy.h) says
// what each of them does next. Here a job and its kind's offers become its question, and its answer
// becomes an offer with room.
//
// Decisions fall at whole multiples of Config::decision_step: between two of them time alone
// changes nothing, whatever else makes the plan look again.

#include <optional>

#include "training.h"

namespace spillway::plan {

// The programme applies: checkpoints, a deadline and an estimate, spot allowed, and on-demand
// capacity at a known price behind it. Others follow the rules of training.h.
bool follows_programme(const Pass& pass, const Job& job);

// For a job that waits, or runs on bought capacity.
SpotAnswer ask_programme(Pass& pass, const Job& job, const Work& work);

// The next instant at which the answer may be another.
Instant next_decision(const Pass& pass);

}  // namespace spillway::plan
