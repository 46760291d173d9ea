#pragma once
// What the children of an attempt show. Pure.

#include <optional>
#include <vector>

#include <spillway/control/picture.h>

namespace spillway::control {

// The attempt that a Job or a pod belongs to, by its label.
std::optional<AttemptNumber> attempt_of(const kube::Meta& meta);

// The status that a Job tells of, for a TrainingJob that lost its own ("a lost status can
// be rebuilt").
std::optional<api::TrainingPlacement> placement_told_by(
    const kube::Job& job, const std::vector<Shared<api::CapacityPool>>& pools);

// Adds what one pod of the current attempt shows.
void note_replica(TrainingChildren& children, const kube::Pod& pod);

plan::AttemptState state_of(const api::TrainingJob& job, const TrainingChildren& children);

// When the job last began to wait for a placement.
Instant waiting_since(const api::TrainingJob& job);

}  // namespace spillway::control
