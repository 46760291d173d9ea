#pragma once
// What is known of a job's checkpoints in one pass: from its status, from the stores, and from what
// its pods answered. Pure.

#include <spillway/control/picture.h>

namespace spillway::control {

struct AttemptView {
  const api::TrainingJob& job;
  const TrainingChildren& children;
  bool may_still_write = false;      // pods of an attempt that has ended are there
  std::int64_t speed_percent = 100;  // of the accelerator in use, of the first-listed one's
};
TrainingCheckpoint checkpoint_of(const AttemptView& attempt, const Observed& observed, Instant now);

// "3-1795262340": what a request to save is known by.
std::string save_id(const api::SaveStatus& save);

}  // namespace spillway::control
