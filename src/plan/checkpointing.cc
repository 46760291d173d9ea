#include <spillway/plan/checkpointing.h>

#include <algorithm>

#include <spillway/core/check.h>

namespace spillway::plan {
namespace {

using api::SaveReason;
using api::SaveState;
using api::SaveStatus;

constexpr Duration kShortestGrace = std::chrono::seconds(1);

// Status carries whole seconds: what is recorded has to read back the same.
Instant whole_seconds(Instant instant) {
  return std::chrono::floor<std::chrono::seconds>(instant);
}

class Machine {
 public:
  Machine(const AttemptFacts& attempt, const Checkpointing& checkpointing,
          const std::optional<Leave>& leave, Instant now, const InterruptionLimits& limits)
      : attempt_(attempt), facts_(checkpointing), leave_(leave), now_(now), limits_(limits) {}

  InterruptionStep step() {
    const SaveStatus* recorded =
        facts_.save && facts_.save->attempt == attempt_.attempt ? &*facts_.save : nullptr;
    const bool requested = recorded != nullptr && recorded->state == SaveState::kRequested;
    if (!leave_) return requested ? cancelled(*recorded) : InterruptionStep{};
    if (requested) return while_saving(for_this_reason(*recorded));
    if (recorded != nullptr && settles(*recorded)) return settled(*recorded);
    return begin();
  }

 private:
  [[nodiscard]] bool leaves() const { return leave_->reason != SaveReason::kPrecaution; }

  // A settled save answers the reason that it was asked for.
  [[nodiscard]] bool settles(const SaveStatus& recorded) const {
    const bool stands = leave_->reason == SaveReason::kNotice ||
                        leave_->reason == SaveReason::kPrecaution ||
                        leave_->reason == SaveReason::kDeleted;
    return stands && recorded.state != SaveState::kCancelled && recorded.reason == leave_->reason &&
           recorded.requested_at >= whole_seconds(leave_->since);
  }

  InterruptionStep begin() const {
    if (!attempt_.running) return unsaved(NoSave::kNothingToSave, std::nullopt);
    SaveStatus save{.attempt = attempt_.attempt,
                    .reason = leave_->reason,
                    .requested_at = whole_seconds(now_),
                    .deadline = whole_seconds(leave_->deadline.value_or(
                        now_ + std::max<Duration>(facts_.save_timeout, std::chrono::seconds(1))))};
    if (facts_.verified) save.after_step = facts_.verified->step;
    if (is_fresh()) return verified(save);
    if (!facts_.can_ask) return unsaved(NoSave::kCannotAsk, std::nullopt);
    const Duration needed = limits_.overhead + facts_.save_time.value_or(Duration(0));
    if (leave_->deadline && now_ + needed > save_by(*leave_, limits_))
      return given_up(save, NoSave::kDoesNotFit);
    return while_saving(save);
  }

  // The running attempt has done less since its last checkpoint than a new one would take.
  [[nodiscard]] bool is_fresh() const {
    if (!facts_.verified || !facts_.save_time) return false;
    Instant saved_at = facts_.verified->committed_at;
    const bool resumed_from_it = facts_.resumed_step == facts_.verified->step;
    if (facts_.verified->attempt != attempt_.attempt) {
      if (!resumed_from_it || !attempt_.running_since) return false;
      saved_at = *attempt_.running_since;
    }
    return now_ - saved_at <= *facts_.save_time;
  }

  // A request that is under way takes over a graver reason and an earlier deadline.
  [[nodiscard]] SaveStatus for_this_reason(SaveStatus recorded) const {
    if (recorded.reason == SaveReason::kPrecaution) recorded.reason = leave_->reason;
    if (leave_->deadline)
      recorded.deadline = std::min(recorded.deadline, whole_seconds(*leave_->deadline));
    return recorded;
  }

  InterruptionStep while_saving(SaveStatus save) const {
    if (is_done(save)) return verified(save);
    if (!attempt_.running) return given_up(save, NoSave::kNothingToSave);
    const Instant by =
        leave_->deadline ? std::min(save.deadline, save_by(*leave_, limits_)) : save.deadline;
    if (now_ >= by) return given_up(save, NoSave::kTooLate);
    return {.state = InterruptionState::kSaving, .save = save, .ask = true, .wake_at = by};
  }

  [[nodiscard]] bool is_done(const SaveStatus& save) const {
    const auto& verified = facts_.verified;
    if (!verified || verified->attempt != attempt_.attempt) return false;
    if (facts_.answered) return verified->step >= *facts_.answered;
    return verified->committed_at >= save.requested_at &&
           (!save.after_step || verified->step > *save.after_step);
  }

  InterruptionStep verified(SaveStatus save) const {
    save.state = SaveState::kVerified;
    save.settled_at = whole_seconds(now_);
    save.step = facts_.verified->step;
    return settled(save);
  }

  InterruptionStep given_up(SaveStatus save, NoSave why) const {
    save.state = SaveState::kGivenUp;
    save.settled_at = whole_seconds(now_);
    save.message = explain(why, facts_);
    return unsaved(why, save);
  }

  // Nothing to ask for is nothing to do, unless the attempt has to go.
  InterruptionStep unsaved(NoSave why, std::optional<SaveStatus> save) const {
    if (!leaves() && !save) return {};
    InterruptionStep step{.state = InterruptionState::kUnsaved,
                          .save = std::move(save),
                          .may_end = leaves(),
                          .no_save = why};
    if (leaves()) step.grace = grace();
    return step;
  }

  InterruptionStep settled(const SaveStatus& save) const {
    if (save.state == SaveState::kVerified) {
      InterruptionStep step{.state = InterruptionState::kSaved, .save = save, .may_end = leaves()};
      if (leaves()) step.grace = grace();
      return step;
    }
    return unsaved(NoSave::kTooLate, save);
  }

  InterruptionStep cancelled(SaveStatus save) const {
    save.state = SaveState::kCancelled;
    save.settled_at = whole_seconds(now_);
    save.message = "the reason to save went away";
    return {.state = InterruptionState::kUndisturbed, .save = std::move(save)};
  }

  // SIGTERM handlers run only while the node is there.
  [[nodiscard]] std::optional<Duration> grace() const {
    if (!leave_->deadline) return std::nullopt;
    const Duration left = *leave_->deadline - now_ - kShortestGrace;
    return std::clamp(left, kShortestGrace, std::max(kShortestGrace, facts_.grace));
  }

  const AttemptFacts& attempt_;
  const Checkpointing& facts_;
  const std::optional<Leave>& leave_;
  const Instant now_;
  const InterruptionLimits& limits_;
};

}  // namespace

Instant save_by(const Leave& leave, const InterruptionLimits& limits) {
  SPILLWAY_CHECK(leave.deadline.has_value());
  constexpr int kReserveShare = 3;
  const Duration notice = std::max(*leave.deadline - leave.since, Duration(0));
  return *leave.deadline - std::min(limits.end_reserve, notice / kReserveShare);
}

InterruptionStep interruption_step(const AttemptFacts& attempt, const Checkpointing& checkpointing,
                                   const std::optional<Leave>& leave, Instant now,
                                   const InterruptionLimits& limits) {
  return Machine(attempt, checkpointing, leave, now, limits).step();
}

std::string explain(NoSave why, const Checkpointing& checkpointing) {
  switch (why) {
    case NoSave::kNothingToSave: return "not every rank runs, so there is nothing to save";
    case NoSave::kCannotAsk:
      return "spec.checkpoint.trigger names no way to ask for a checkpoint before SIGTERM";
    case NoSave::kDoesNotFit:
      return checkpointing.save_time ? "a save takes " + format_duration(*checkpointing.save_time) +
                                           ", which is more than the notice leaves"
                                     : std::string("the notice leaves no time to save");
    case NoSave::kTooLate: return "the checkpoint was not verified in time";
  }
  SPILLWAY_CHECK(false && "a reason outside its type");
  return {};
}

}  // namespace spillway::plan
