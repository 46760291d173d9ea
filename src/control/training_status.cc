#include <algorithm>

#include <spillway/control/children.h>
#include <spillway/core/text.h>

#include "checkpoint_status.h"
#include "status_parts.h"

namespace spillway::control {
namespace {

using api::ConditionStatus;
using plan::AttemptState;
using plan::Cause;
using plan::TrainingVerdict;

class TrainingStatus {
 public:
  TrainingStatus(const Picture& picture, const plan::TrainingDecision& decision,
                 const Trouble& trouble, Instant now)
      : picture_(picture),
        decision_(decision),
        trouble_(trouble),
        now_(now),
        job_(*picture.training[decision.workload]),
        children_(picture.training_children[decision.workload]),
        workload_(picture.snapshot.training[decision.workload]),
        old_(job_.status),
        next_{.status = job_.status} {}

  NextStatus<api::TrainingJobStatus> run() {
    next_.status.observed_generation = job_.meta.generation;
    const auto saved = saved_workload();
    switch (decision_.verdict) {
      case TrainingVerdict::kKeep: note_start(); break;
      case TrainingVerdict::kPlace:
        end_attempt();
        if (decision_.placement) place(*decision_.placement);
        break;
      case TrainingVerdict::kRelease:
        end_attempt();
        next_.status.placement.reset();
        say_waiting();
        break;
      case TrainingVerdict::kWait: say_waiting(); break;
      case TrainingVerdict::kSucceed: finish(true); break;
      case TrainingVerdict::kFail: finish(false); break;
    }
    if (saved) {
      record_checkpoint(*saved, next_);
      record_save(*saved, next_);
      record_start(*saved, next_);
    }
    say_running();
    say_override();
    next_.status.phase = phase();
    charge();
    return std::move(next_);
  }

 private:
  [[nodiscard]] std::optional<SavedWorkload> saved_workload() const {
    const auto& checkpoint = picture_.checkpoints[decision_.workload];
    if (!checkpoint) return std::nullopt;
    return SavedWorkload{job_, workload_, decision_, *checkpoint, now_};
  }

  // There while what a person asked for cannot be read, so that it is told once.
  void say_override() {
    constexpr std::string_view kUnreadable = "OverrideUnreadable";
    const std::string problem = decision_.hours ? decision_.hours->problem : "";
    if (problem.empty() || finishing()) {
      std::erase_if(next_.status.conditions,
                    [&](const api::Condition& condition) { return condition.type == kUnreadable; });
      return;
    }
    const api::Condition* before = api::find_condition(old_.conditions, kUnreadable);
    if (before == nullptr || before->message != shorten(problem, kMaxSentence))
      tell(next_.notables, true, std::string(kUnreadable), "Wake", problem);
    api::set_condition(next_.status.conditions,
                       condition(std::string(kUnreadable), true, job_.meta.generation, "NotATime",
                                 std::string(shorten(problem, kMaxSentence)), now_));
  }

  [[nodiscard]] bool finishing() const {
    return decision_.verdict == TrainingVerdict::kSucceed ||
           decision_.verdict == TrainingVerdict::kFail;
  }
  [[nodiscard]] bool keeps() const { return decision_.verdict == TrainingVerdict::kKeep; }

  void note_start() {
    if (workload_.state != AttemptState::kRunning || next_.status.started_at) return;
    next_.status.started_at = workload_.running_since.value_or(now_);
    if (workload_.duration) next_.status.eta = *next_.status.started_at + *workload_.duration;
    tell(next_.notables, false, "Started", "Start",
         plural(job_.spec.replicas, "replica") + " of attempt " + attempt_text() + " run");
  }

  // What the attempt that ends leaves in the books. Without checkpoints all it did is lost; with
  // them it is known when its successor starts. Replicas that retry alone lose at most what came
  // after the oldest of their newest checkpoints.
  void end_attempt() {
    if (!old_.placement) return;
    const bool had_children = children_.current != nullptr || children_.replica_lost;
    if (had_children && next_.status.attempt == old_.placement->attempt) ++next_.status.restarts;
    if (decision_.counts_as_user_failure) {
      ++next_.status.restarts_counted;
    } else if (old_.started_at && decision_.cause != Cause::kSuspended &&
               decision_.cause != Cause::kAsleep) {
      api::Interruptions interruptions = old_.interruptions.value_or(api::Interruptions{});
      ++interruptions.count;
      const auto& checkpoint = picture_.checkpoints[decision_.workload];
      if (!checkpoint || !job_.spec.gang) {
        Instant saved = *old_.started_at;
        if (checkpoint && checkpoint->facts.verified)
          saved = std::max(saved, checkpoint->facts.verified->committed_at);
        const Duration lost = std::max(now_ - saved, Duration(0));
        interruptions.lost += std::chrono::duration_cast<std::chrono::seconds>(lost);
        if (old_.cost)
          interruptions.cost = interruptions.cost.value_or(Money()) + old_.cost->rate.over(lost);
      }
      next_.status.interruptions = interruptions;
    }
    if (const auto saved = saved_workload()) record_end(*saved, next_);
    next_.status.started_at.reset();
    next_.status.eta.reset();
  }

  void place(const plan::TrainingPlacement& placement) {
    const plan::Pool& pool = picture_.snapshot.pools[placement.pool];
    const std::string sentence =
        shorten(plan::explain(picture_.snapshot, decision_, now_), kMaxSentence);
    next_.status.attempt = placement.attempt;
    next_.status.placement =
        api::TrainingPlacement{.pool = pool.name,
                               .tier = pool.tier,
                               .attempt = placement.attempt,
                               .rate = rate_on(picture_, placement.pool, job_.spec.replicas,
                                               job_.spec.accelerator.per_replica),
                               .since = placement.since,
                               .reason = sentence,
                               .alternatives = alternatives_of(picture_, decision_.alternatives)};
    say_placed(true, sentence);
    const bool forced =
        decision_.cause == Cause::kDisplaced || decision_.cause == Cause::kLaunchTimeout ||
        decision_.cause == Cause::kReplicaLost || decision_.cause == Cause::kProgramFailed;
    tell(next_.notables, forced, forced ? std::string(plan::to_string(decision_.cause)) : "Placed",
         "Place", "attempt " + attempt_text() + " on " + pool.name.str() + ": " + sentence);
  }

  void say_placed(bool placed, const std::string& sentence) {
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kPlaced, placed, job_.meta.generation,
                                 plan::to_string(decision_.cause), sentence, now_));
  }

  void say_waiting() {
    const std::string sentence = plan::explain(picture_.snapshot, decision_, now_);
    const api::Condition* before = api::find_condition(old_.conditions, api::condition::kPlaced);
    const bool news = before == nullptr || before->status != ConditionStatus::kFalse ||
                      before->reason != plan::to_string(decision_.cause);
    say_placed(false, sentence);
    if (news)
      tell(next_.notables, decision_.cause != Cause::kSuspended,
           std::string(plan::to_string(decision_.cause)), "Wait", sentence);
  }

  void finish(bool well) {
    const std::string sentence = well ? "all " + plural(job_.spec.replicas, "replica") +
                                            " of attempt " + attempt_text() + " succeeded"
                                      : plan::explain(picture_.snapshot, decision_, now_);
    const std::optional<Instant> completed_at =
        children_.current ? children_.current->completed_at : std::nullopt;
    next_.status.finished_at = std::min(now_, completed_at.value_or(now_));
    next_.status.eta.reset();
    const auto add = [&](std::string_view type) {
      api::set_condition(next_.status.conditions,
                         condition(type, true, job_.meta.generation,
                                   plan::to_string(decision_.cause), sentence, now_));
    };
    add(well ? api::condition::kComplete : api::condition::kFailed);
    if (decision_.counts_as_user_failure) ++next_.status.restarts_counted;
    tell(next_.notables, !well, well ? "Complete" : "Failed", "Finish", sentence);
  }

  // The rate is charged while replicas hold nodes. Called last, when it is known whether the status
  // is written anyway.
  void charge() {
    HourlyRate rate;
    Instant at = now_;
    const bool holds_nodes =
        keeps() && (children_.bound > 0 || workload_.state == AttemptState::kRunning);
    const bool charged_before = old_.cost && old_.cost->rate > HourlyRate();
    if (holds_nodes && workload_.placement) {
      rate = rate_on(picture_, workload_.placement->pool, job_.spec.replicas,
                     job_.spec.accelerator.per_replica)
                 .value_or(HourlyRate());
      if (!charged_before && children_.first_bound_at)
        at = std::min(now_, *children_.first_bound_at);
      if (charged_before && only_drifts(*old_.cost, rate, !(next_.status == old_), now_)) return;
    }
    if (finishing() && next_.status.finished_at) at = *next_.status.finished_at;
    if (!old_.cost && rate == HourlyRate()) return;
    if (old_.cost && old_.cost->rate == rate) return;
    if (old_.cost) at = std::max(at, old_.cost->since);
    HourlyRate on_demand;
    if (workload_.placement) {
      on_demand = on_demand_rate(picture_, workload_.placement->pool, job_.spec.replicas,
                                 job_.spec.accelerator.per_replica);
    }
    accrue(next_.status.cost, rate, on_demand, at);
  }

  void say_running() {
    const bool running = keeps() && workload_.state == AttemptState::kRunning;
    std::string reason = running ? "AllReplicasRunning" : "NotRunning";
    const auto& placement = next_.status.placement;
    std::string message = running && placement
                              ? "attempt " + attempt_text() + " runs on " + placement->pool.str()
                              : "";
    if (!running && finishing()) {
      reason = "Finished";
    } else if (!running && !trouble_.empty()) {
      reason = "ChildRejected";
      message = trouble_;
    } else if (!running && keeps() && !children_.trouble.empty()) {
      reason = "ReplicaNotStarting";
      message = children_.trouble;
    } else if (!running && decision_.cause == Cause::kCheckpointUnknown) {
      reason = std::string(plan::to_string(decision_.cause));
      message = "waiting for the store to tell what there is to resume from";
    } else if (!running && next_.status.placement) {
      reason = "Starting";
      message = workload_.earlier_attempt_ending
                    ? "waiting for the pods of the earlier attempt to end"
                    : "waiting for its replicas to run";
    }
    api::set_condition(
        next_.status.conditions,
        condition(api::condition::kRunning, running, job_.meta.generation, reason, message, now_));
  }

  [[nodiscard]] api::TrainingJobPhase phase() const {
    using api::TrainingJobPhase;
    if (decision_.verdict == TrainingVerdict::kSucceed) return TrainingJobPhase::kSucceeded;
    if (decision_.verdict == TrainingVerdict::kFail) return TrainingJobPhase::kFailed;
    const bool children_left =
        workload_.earlier_attempt_ending || (!keeps() && children_.current != nullptr);
    if (!next_.status.placement) {
      if (children_left) return TrainingJobPhase::kEnding;
      const bool stopped_at_night =
          decision_.cause == Cause::kAsleep && next_.status.attempt.value() > 0;
      return job_.spec.suspend || stopped_at_night ? TrainingJobPhase::kSuspended
                                                   : TrainingJobPhase::kPending;
    }
    if (keeps() && workload_.state == AttemptState::kRunning) {
      const bool saving = decision_.interruption &&
                          decision_.interruption->state == plan::InterruptionState::kSaving;
      return saving ? TrainingJobPhase::kSaving : TrainingJobPhase::kRunning;
    }
    // From the first replica that holds a node: then the cost begins, and one write says both.
    if (keeps() && workload_.state == AttemptState::kStarting && children_.bound > 0)
      return TrainingJobPhase::kStarting;
    return children_left ? TrainingJobPhase::kEnding : TrainingJobPhase::kPlaced;
  }

  [[nodiscard]] std::string attempt_text() const {
    return std::to_string(next_.status.attempt.value());
  }

  const Picture& picture_;
  const plan::TrainingDecision& decision_;
  const Trouble& trouble_;
  Instant now_;
  const api::TrainingJob& job_;
  const TrainingChildren& children_;
  const plan::TrainingWorkload& workload_;
  const api::TrainingJobStatus& old_;
  NextStatus<api::TrainingJobStatus> next_;
};

}  // namespace

NextStatus<api::TrainingJobStatus> next_status(const Picture& picture,
                                               const plan::TrainingDecision& decision,
                                               const Trouble& trouble, Instant now) {
  return TrainingStatus(picture, decision, trouble, now).run();
}

}  // namespace spillway::control
