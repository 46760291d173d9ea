#include "checkpoint_status.h"

#include <algorithm>

#include <spillway/control/replica_saves.h>
#include <spillway/core/text.h>

#include "status_parts.h"

namespace spillway::control {
namespace {

using api::SaveState;
using plan::InterruptionState;

constexpr std::string_view kAction = "Save";

void set(NextTraining& next, api::Condition condition) {
  api::set_condition(next.status.conditions, std::move(condition));
}

std::string who(const api::TrainingJob& job) {
  return job.spec.gang ? "rank" : "replica";
}

std::optional<std::int32_t> percent_of(std::int64_t step, const api::TrainingJob& job) {
  if (!job.spec.total_steps) return std::nullopt;
  constexpr std::int64_t kAll = 100;
  return static_cast<std::int32_t>(std::min(step * kAll / *job.spec.total_steps, kAll));
}

}  // namespace

void record_checkpoint(const SavedWorkload& saved, NextTraining& next) {
  if (next.status.attempt.value() == 0) return;
  api::CheckpointStatus status = saved.checkpoint.status;
  status.restarts_without_progress =
      static_cast<std::int32_t>(saved.decision.restarts_without_progress);
  status.suggested_interval = saved.decision.suggested_interval;
  next.status.checkpoint = std::move(status);
  const auto& step = next.status.checkpoint->step;
  if (step && (!next.status.progress || next.status.progress->step < *step)) {
    next.status.progress = api::ProgressStatus{
        .step = *step,
        .percent = percent_of(step->value(), saved.job),
        .observed_at = next.status.checkpoint->committed_at.value_or(saved.now)};
  }
  const api::Condition* before =
      api::find_condition(saved.job.status.conditions, api::condition::kCheckpointed);
  const TrainingCheckpoint& known = saved.checkpoint;
  const bool news = before == nullptr || before->reason != known.reason;
  api::Condition condition{.type = std::string(api::condition::kCheckpointed),
                           .status = known.verified,
                           .observed_generation = saved.job.meta.generation,
                           .last_transition_time = saved.now,
                           .reason = known.reason,
                           .message = shorten(known.message, kMaxSentence)};
  set(next, std::move(condition));
  if (news && known.reason != "NoCheckpoint")
    tell(next.notables, known.reason != "Verified", known.reason, kAction, known.message);
}

void record_save(const SavedWorkload& saved, NextTraining& next) {
  const auto& step = saved.decision.interruption;
  const auto& before = saved.job.status.save;
  const std::optional<api::SaveStatus> asked = step ? step->save : std::nullopt;
  if (asked) {
    const api::SaveStatus& save = *asked;
    const bool same = before && before->attempt == save.attempt &&
                      before->requested_at == save.requested_at && before->state == save.state;
    next.status.save = save;
    const std::string why(plan::to_string(saved.decision.cause));
    const std::string until = format_instant(save.deadline);
    if (!same) {
      switch (save.state) {
        case SaveState::kRequested:
          tell(next.notables, save.reason == api::SaveReason::kNotice, "SaveRequested", kAction,
               "asking every " + who(saved.job) + " of attempt " +
                   std::to_string(save.attempt.value()) + " to save (" + why + "), until " + until);
          break;
        case SaveState::kVerified:
          tell(next.notables, false, "SaveVerified", kAction,
               "step " + std::to_string(save.step ? save.step->value() : 0) +
                   " is complete in the store");
          break;
        case SaveState::kGivenUp:
          tell(next.notables, true, "SaveGivenUp", kAction, save.message);
          break;
        case SaveState::kCancelled:
          tell(next.notables, false, "SaveCancelled", kAction, save.message);
          break;
      }
    }
  }
  const std::string replicas = describe_replicas(saved.checkpoint);
  const bool whole = step && step->state != InterruptionState::kUndisturbed;
  const bool interrupted = whole || !replicas.empty();
  const bool was_there =
      api::find_condition(saved.job.status.conditions, api::condition::kInterrupted) != nullptr;
  if (!interrupted && !was_there) return;
  std::string message = replicas;
  if (whole && next.status.save) {
    const bool saving = step->state == InterruptionState::kSaving;
    message = (saving ? "every " + who(saved.job) + " is asked to save" : "the attempt may end") +
              "; until " + format_instant(next.status.save->deadline);
    if (saving && !saved.checkpoint.progress.trouble.empty())
      message += "; " + saved.checkpoint.progress.trouble;
  }
  const plan::Cause cause = whole ? saved.decision.cause : plan::Cause::kNotice;
  set(next, condition(api::condition::kInterrupted, interrupted, saved.job.meta.generation,
                      interrupted ? plan::to_string(cause) : "Undisturbed",
                      shorten(message, kMaxSentence), saved.now));
}

void record_end(const SavedWorkload& saved, NextTraining& next) {
  const api::TrainingJobStatus& old = saved.job.status;
  if (!old.placement || !old.started_at || !saved.job.spec.gang) return;
  next.status.ended = api::EndedAttempt{
      .attempt = old.placement->attempt,
      .ended_at = saved.now,
      .reason = std::string(plan::to_string(saved.decision.cause)),
      .compute_time = std::chrono::floor<std::chrono::seconds>(saved.decision.work_done)};
  if (old.cost && old.cost->rate > HourlyRate()) {
    next.status.ended->rate = old.cost->rate;
  } else if (old.placement->rate) {
    next.status.ended->rate = old.placement->rate;
  }
}

void record_start(const SavedWorkload& saved, NextTraining& next) {
  const plan::TrainingDecision& decision = saved.decision;
  const bool begins = decision.verdict == plan::TrainingVerdict::kPlace ||
                      (decision.verdict == plan::TrainingVerdict::kKeep &&
                       saved.workload.state == plan::AttemptState::kNotCreated);
  if (!next.status.placement || !begins || !decision.may_start) return;
  const api::CheckpointStatus& known = saved.checkpoint.status;
  next.status.placement->resume_from.reset();
  if (decision.resume_step && known.step == decision.resume_step) {
    next.status.placement->resume_from =
        api::ResumePoint{.uri = known.uri,
                         .step = *decision.resume_step,
                         .attempt = known.attempt.value_or(AttemptNumber())};
  }
  const std::optional<api::EndedAttempt> ended = std::exchange(next.status.ended, std::nullopt);
  if (!ended) return;
  // Work that the program itself threw away is not an interruption.
  if (ended->reason == plan::to_string(plan::Cause::kProgramFailed)) return;
  api::Interruptions interruptions = next.status.interruptions.value_or(api::Interruptions{});
  interruptions.lost += std::chrono::duration_cast<std::chrono::seconds>(decision.lost_work);
  if (ended->rate) {
    interruptions.cost =
        interruptions.cost.value_or(Money()) + ended->rate->over(decision.lost_work);
  }
  next.status.interruptions = interruptions;
}

}  // namespace spillway::control
