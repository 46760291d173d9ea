#pragma once
// Replicas that retry alone leave alone: at a notice for a node those on it are asked to save, and
// each is ended when its own checkpoint is verified, or cannot be had in time. The attempt and the
// other replicas go on; the Job begins the replica anew, which is no failure of it.
//
//   notice ──annotations on the pod──> asked ──verified, or too late──> marked, deleted
//
// It competes with nobody for room, so it is no part of the plan's pass; what it does is decided by
// the same machine as for gangs (plan/checkpointing.h). Pure. What is under way stands in the
// pods' own annotations: a crash in between changes nothing.

#include <string>

#include <spillway/control/work.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

// Fills ReplicaCheckpoint::step; after the plan, because an attempt that leaves as a whole asks all
// of its replicas itself.
void decide_replicas(Picture& picture, const plan::Plan& plan, Instant now,
                     const plan::InterruptionLimits& limits);

// What a pass writes for the replicas of one job, and tells of them.
void write_replicas(Work& work, const World& world, const TrainingCheckpoint& checkpoint,
                    Instant now);
// When time alone changes it.
std::optional<Instant> wake_for_replicas(const TrainingCheckpoint& checkpoint);

// "2 of 20 replicas that run are asked to save, 1 may end; until 2026-11-21T12:00:00Z"; empty when
// none is to leave.
std::string describe_replicas(const TrainingCheckpoint& checkpoint);

}  // namespace spillway::control
