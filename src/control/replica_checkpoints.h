#pragma once
// What is known of the checkpoints of replicas that retry alone, one by one and of all together.
// Pure.

#include <spillway/control/picture.h>

#include "checkpoint_facts.h"

namespace spillway::control {

// Fills `replicas`, one for each that runs; `common` is what their targets in the book share.
// `facts.verified`: what everybody who runs has. Nothing, as long as one of them has nothing.
void add_replicas(const AttemptView& attempt, const Observed& observed,
                  const CheckpointTarget& common, TrainingCheckpoint& out);

// What was asked of this pod alone, as its annotations tell; nullopt: nothing.
std::optional<api::SaveStatus> save_asked_of(const kube::Pod& pod, AttemptNumber attempt);

}  // namespace spillway::control
