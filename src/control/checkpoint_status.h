#pragma once
// The parts of a TrainingJob's status that are about saving and resuming. Pure.

#include <spillway/control/status.h>

namespace spillway::control {

// One workload with checkpoints, for the functions below.
struct SavedWorkload {
  const api::TrainingJob& job;
  const plan::TrainingWorkload& workload;
  const plan::TrainingDecision& decision;
  const TrainingCheckpoint& checkpoint;
  Instant now;
};
using NextTraining = NextStatus<api::TrainingJobStatus>;

// What the store has, and the condition Checkpointed.
void record_checkpoint(const SavedWorkload& saved, NextTraining& next);
// What is asked of the pods, and the condition Interrupted.
void record_save(const SavedWorkload& saved, NextTraining& next);
// The attempt that ends: what its successor is measured against.
void record_end(const SavedWorkload& saved, NextTraining& next);
// What the attempt that may now start resumes from, and what was lost since.
void record_start(const SavedWorkload& saved, NextTraining& next);

}  // namespace spillway::control
