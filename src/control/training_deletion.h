#pragma once
// What a TrainingJob that was deleted still needs before it may go: a save of what runs, or the
// removal of its checkpoints. Level-triggered, so that a restart in between changes nothing, and
// bounded in every case (docs/interruption.md). Pure.

#include <cstdint>
#include <optional>

#include <spillway/control/picture.h>
#include <spillway/control/status.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

struct DeletedJob {
  const api::TrainingJob& job;
  const plan::TrainingDecision& decision;
  const TrainingChildren& children;
  const std::optional<TrainingCheckpoint>& checkpoint;
  bool pods_ending = false;  // of attempts that were ended
  Instant now;
};

enum class DeletionStep : std::uint8_t {
  kSave,   // its pods are being asked, or save
  kEnd,    // its pods are to end, and nothing is written any more
  kErase,  // what is in the store is being removed
  kLetGo,  // nothing (more) is to be done
};

struct Deletion {
  DeletionStep step = DeletionStep::kLetGo;
  std::optional<Notable> notable;     // what a person should know when it goes
  std::optional<Instant> give_up_at;  // then it goes in any case
  // Nothing is seen of its attempt, which may be the fault of who looks: that it is over has to be
  // read live before the job is let go.
  bool attempt_unseen = false;
};
Deletion next_of_deletion(const DeletedJob& deleted);

// Is there something that deleting the job would have to wait for? `status` is what it will say.
bool wants_deletion_held(const api::TrainingJob& job, const api::TrainingJobStatus& status);

// It was deleted, and its checkpoints are to go with it.
bool removes_checkpoints(const api::TrainingJob& job);

}  // namespace spillway::control
