#include "training_deletion.h"

#include <spillway/control/keys.h>

namespace spillway::control {
namespace {

// From the end of the pods' grace period: a store that is away for longer keeps what it has.
constexpr Duration kErasePatience = std::chrono::minutes(10);

// Somebody does not want to wait.
bool at_once(const api::TrainingJob& job) {
  const auto mark = job.meta.annotations.find(std::string(annotation::kDeleteNow));
  return mark != job.meta.annotations.end() && mark->second == "true";
}

Deletion let_go(std::string why_kept) {
  return {.step = DeletionStep::kLetGo,
          .notable = Notable{.warning = true,
                             .reason = "CheckpointsKept",
                             .action = "Delete",
                             .note = "the checkpoints stay in the store: " + why_kept}};
}

Deletion erasure(const DeletedJob& deleted, Instant give_up_at) {
  const auto& checkpoint = deleted.checkpoint;
  if (!checkpoint || checkpoint->store == nullptr)
    return let_go("the operator has no store of that name that it can use");
  if (!checkpoint->store->config.prune)
    return let_go("the operator may remove none from it (stores[].prune)");
  if (checkpoint->erased) return {};
  if (deleted.now >= give_up_at) {
    return let_go(
        "not all could be removed in time; what is left is below " +
        uri_of(checkpoint->store->config,
               job_key(checkpoint->store->config, deleted.job.meta.key, deleted.job.meta.uid)));
  }
  const bool writes =
      deleted.pods_ending || (deleted.children.current && !deleted.children.current->terminal());
  return {.step = writes ? DeletionStep::kEnd : DeletionStep::kErase, .give_up_at = give_up_at};
}

}  // namespace

Deletion next_of_deletion(const DeletedJob& deleted) {
  if (at_once(deleted.job)) return {};
  const std::optional<api::CheckpointSpec>& spec = deleted.job.spec.checkpoint;
  const std::optional<Instant>& deleted_at = deleted.job.meta.deleted_at;
  if (spec && deleted_at && removes_checkpoints(deleted.job))
    return erasure(deleted, *deleted_at + spec->grace + kErasePatience);
  const auto& step = deleted.decision.interruption;
  const bool saving = step && step->state == plan::InterruptionState::kSaving && !step->may_end;
  if (saving) return {.step = DeletionStep::kSave};
  const bool began = deleted.job.status.attempt.value() > 0 && !finished(deleted.job);
  return {.step = DeletionStep::kLetGo,
          .attempt_unseen = began && deleted.children.current == nullptr};
}

bool wants_deletion_held(const api::TrainingJob& job, const api::TrainingJobStatus& status) {
  const std::optional<api::CheckpointSpec>& spec = job.spec.checkpoint;
  if (!spec || status.attempt.value() == 0 || at_once(job)) return false;
  if (spec->deletion_policy == api::DeletionPolicy::kDelete) return true;
  const bool over = api::is_true(status.conditions, api::condition::kComplete) ||
                    api::is_true(status.conditions, api::condition::kFailed);
  const bool can_ask = spec->mode == api::CheckpointMode::kAgent ? !spec->trigger.empty()
                                                                 : spec->trigger.http.has_value();
  return can_ask && status.placement && !over;
}

bool removes_checkpoints(const api::TrainingJob& job) {
  const std::optional<api::CheckpointSpec>& spec = job.spec.checkpoint;
  return job.meta.deleted_at && spec && spec->deletion_policy == api::DeletionPolicy::kDelete &&
         !at_once(job);
}

}  // namespace spillway::control
