#pragma once
// From the state after the last round to what is handed back: verdicts, causes, alternatives, and
// when to look again.

#include "pass.h"

namespace spillway::plan {

TrainingDecision decide_training(Pass& pass, std::size_t index);
InferenceDecision decide_inference(Pass& pass, std::size_t index);

// Instants at which a decision could change although nothing happens.
void consider_wake(Pass& pass);

}  // namespace spillway::plan
