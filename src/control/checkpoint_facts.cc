#include "checkpoint_facts.h"

#include <algorithm>
#include <limits>

#include <spillway/control/keys.h>
#include <spillway/core/text.h>

#include "replica_checkpoints.h"
#include "status_parts.h"
#include "training_deletion.h"

namespace spillway::control {
namespace {

using api::CheckpointFormat;
using api::CheckpointMode;
using api::CheckpointState;
using api::ConditionStatus;
using std::chrono::seconds;

// While something waits for what is in the store it is looked at this often; otherwise a few times
// an interval.
constexpr Duration kUrgent = seconds(1);
constexpr Duration kOftenest = seconds(10);
constexpr Duration kSeldomest = std::chrono::minutes(5);
constexpr int kLooksPerInterval = 4;
// A checkpoint without its marker is being written for as long as parts of it come this often.
constexpr Duration kPatience = std::chrono::minutes(10);

// In mode Agent the agent's manifest commits, whatever the program writes.
storage::CheckpointFormat format_of(const api::CheckpointSpec& spec) {
  if (spec.mode == CheckpointMode::kAgent) return storage::CheckpointFormat::kManifest;
  const auto format = storage::parse_checkpoint_format(api::to_string(spec.format));
  return format ? *format : storage::CheckpointFormat::kUnmarked;
}

class Facts {
 public:
  Facts(const AttemptView& attempt, const Observed& observed, Instant now)
      : attempt_(attempt),
        job_(attempt.job),
        spec_(*attempt.job.spec.checkpoint),
        children_(attempt.children),
        may_still_write_(attempt.may_still_write),
        speed_percent_(attempt.speed_percent),
        observed_(observed),
        now_(now) {}

  TrainingCheckpoint run() {
    if (job_.status.checkpoint) out_.status = *job_.status.checkpoint;
    take_spec();
    find_store();
    if (!job_.spec.gang) return of_replicas();
    if (out_.store != nullptr) {
      take_target();
      take_found();
    }
    take_verified();
    take_predecessor();
    take_save();
    say();
    return std::move(out_);
  }

 private:
  // Each of them saves, and finds what it resumes from, by itself.
  TrainingCheckpoint of_replicas() {
    if (out_.store != nullptr) take_target();
    if (const auto target = out_.target) {
      if (!target->erase) out_.target.reset();
      add_replicas(attempt_, observed_, *target, out_);
    }
    const bool reads = observed_.checkpoints != nullptr && out_.store != nullptr;
    for (const ReplicaCheckpoint& replica : out_.replicas) {
      const auto* found =
          reads ? observed_.checkpoints->find(job_.meta.uid, replica.index) : nullptr;
      if (found != nullptr && store_trouble_.empty()) store_trouble_ = found->trouble;
    }
    if (const auto* found = reads ? observed_.checkpoints->find(job_.meta.uid) : nullptr)
      out_.erased = found->erased;
    if (out_.facts.verified) out_.status.state = CheckpointState::kCommitted;
    out_.progress = progress();
    say_of_replicas();
    return std::move(out_);
  }

  void say_of_replicas() {
    if (!fix_.empty() || !store_trouble_.empty()) return say();
    const api::Condition* before =
        api::find_condition(job_.status.conditions, api::condition::kCheckpointed);
    if (out_.replicas.empty() && before != nullptr && before->reason == "Verified") {
      out_.verified = before->status;
      out_.reason = before->reason;
      out_.message = before->message;
      return;
    }
    const bool all = out_.facts.verified.has_value();
    out_.verified = all ? ConditionStatus::kTrue : ConditionStatus::kFalse;
    out_.reason = all ? "Verified" : "NoCheckpoint";
    out_.message = all ? "every replica that runs has a complete checkpoint"
                       : "some replica that runs has no checkpoint in the store yet";
  }

  void take_spec() {
    plan::Checkpointing& facts = out_.facts;
    facts.interval = spec_.interval;
    facts.grace = spec_.grace;
    facts.save_timeout = spec_.save_timeout;
    const bool agent = spec_.mode == CheckpointMode::kAgent;
    facts.can_ask =
        observed_.requests != nullptr &&
        (agent ? observed_.agent && !spec_.trigger.empty() : spec_.trigger.http.has_value());
    facts.save_time = out_.status.save_time;
    facts.suggested_interval = out_.status.suggested_interval;
    facts.save = job_.status.save;
  }

  void find_store() {
    const Stores::Store* store =
        observed_.stores != nullptr ? observed_.stores->find(spec_.store) : nullptr;
    if (store == nullptr) {
      const std::string known = observed_.stores != nullptr ? observed_.stores->names() : "";
      fix_ = "StoreUnknown";
      trouble_ = "the operator knows no store '" + spec_.store.str() +
                 "': " + (known.empty() ? "configure one under stores" : "write one of " + known);
    } else if (store->objects == nullptr) {
      fix_ = "StoreUnusable";
      trouble_ = "store '" + spec_.store.str() + "': " + store->trouble;
    } else if (spec_.mode == CheckpointMode::kAgent && !observed_.agent) {
      out_.store = store;
      fix_ = "AgentNotConfigured";
      trouble_ = "mode Agent needs agent.image in the operator's configuration";
    } else {
      out_.store = store;
    }
  }

  void take_target() {
    const api::TrainingJobStatus& status = job_.status;
    CheckpointTarget target{.job = job_.meta.uid,
                            .store = out_.store,
                            .prefix = job_key(out_.store->config, job_.meta.key, job_.meta.uid),
                            .format = format_of(spec_),
                            .expectation = {.job = job_.meta.key, .uid = job_.meta.uid},
                            .allow_unverified = spec_.allow_unverified,
                            .may_still_write = may_still_write_};
    const bool by_rank = target.format == storage::CheckpointFormat::kTorchDistributed ||
                         target.format == storage::CheckpointFormat::kDeepSpeed;
    if (by_rank) {
      const std::int64_t pods = job_.spec.gang ? job_.spec.replicas : 1;
      target.expectation.world_size = spec_.world_size.value_or(
          static_cast<std::int32_t>(pods * job_.spec.accelerator.per_replica.value()));
    }
    const bool saving = status.save && status.placement && status.save->attempt == status.attempt &&
                        status.save->state == api::SaveState::kRequested;
    const bool starts = status.placement && status.ended && children_.current == nullptr;
    const bool waits = saving || may_still_write_ || starts;
    if (status.ended) target.ended = status.ended->attempt;
    target.every =
        waits ? kUrgent : std::clamp(spec_.interval / kLooksPerInterval, kOftenest, kSeldomest);
    const bool runs = children_.current != nullptr && !saving && !status.ended;
    if (out_.store->config.prune && runs) {
      target.pruning = CheckpointTarget::Pruning{.keep = spec_.keep};
      if (status.placement && status.placement->resume_from) {
        const auto uri = storage::parse_s3_uri(status.placement->resume_from->uri);
        if (uri) target.pruning->in_use = uri->key;
      }
    }
    const bool ended = !may_still_write_ && children_.pods.empty() &&
                       (children_.current == nullptr || children_.current->terminal());
    if (removes_checkpoints(job_) && ended && out_.store->config.prune) {
      target.erase = true;
      target.every = kUrgent;
      target.pruning.reset();
    }
    if (status.attempt.value() > 0) out_.target = std::move(target);
  }

  // What the store told last takes the place of what was recorded, unless something newer is still
  // open: what was verified once stays the newest known then.
  void take_found() {
    if (observed_.checkpoints == nullptr) return;
    const auto& ended = job_.status.ended;
    out_.facts.sight = observed_.checkpoints->sight(
        job_.meta.uid, ended ? ended->attempt : AttemptNumber(), may_still_write_);
    const FoundCheckpoints* found = observed_.checkpoints->find(job_.meta.uid);
    if (found == nullptr) return;
    store_trouble_ = found->trouble;
    out_.erased = found->erased;
    if (!found->looked) return;
    api::CheckpointStatus& status = out_.status;
    const bool keeps_known =
        found->uncertain && status.step && (!found->newest || older(*found->newest, status));
    if (!keeps_known) {
      if (found->newest) {
        take_newest(*found->newest);
      } else if (status.step) {
        status = {.save_time = status.save_time,
                  .suggested_interval = status.suggested_interval,
                  .restarts_without_progress = status.restarts_without_progress};
      }
    }
    status.state = found->newest ? CheckpointState::kCommitted : CheckpointState::kUnknown;
    status.message.clear();
    if (found->passed_over && in_progress(*found->passed_over)) {
      if (!found->newest) status.state = CheckpointState::kSaving;
    } else if (found->passed_over) {
      const storage::Judgement& judgement = found->passed_over->judgement;
      status.state = judgement.validity == storage::Validity::kUnknown ? CheckpointState::kUnknown
                                                                       : CheckpointState::kInvalid;
      status.message = shorten(
          "step " + std::to_string(judgement.step.value()) + ": " + judgement.reason, kMaxSentence);
    }
  }

  // Its last part was stored so lately that its marker may yet come.
  bool in_progress(const storage::FoundCheckpoint& found) const {
    if (!children_.current || !job_.status.placement ||
        found.judgement.attempt != job_.status.placement->attempt)
      return false;
    return std::ranges::any_of(found.candidate.files, [this](const storage::ObjectInfo& file) {
      return now_ - file.modified_at < kPatience;
    });
  }

  static bool older(const storage::FoundCheckpoint& found, const api::CheckpointStatus& known) {
    const AttemptNumber attempt = known.attempt.value_or(AttemptNumber());
    return std::pair(found.judgement.attempt, found.judgement.step.value()) <
           std::pair(attempt, known.step ? known.step->value() : 0);
  }

  void take_newest(const storage::FoundCheckpoint& found) {
    api::CheckpointStatus& status = out_.status;
    const std::string uri = uri_of(out_.store->config, found.candidate.folder);
    if (status.uri == uri && status.step) return;
    const storage::Judgement& judgement = found.judgement;
    status.compute_time = work_saved(judgement);
    status.uri = uri;
    status.step = api::StepNumber(judgement.step.value());
    status.attempt = judgement.attempt;
    status.committed_at = judgement.committed_at;
    status.verified_at = now_;
    status.bytes = judgement.bytes;
    status.parts = static_cast<std::int32_t>(
        std::min<std::int64_t>(judgement.files, std::numeric_limits<std::int32_t>::max()));
    if (const auto took = save_took(judgement)) status.save_time = *took;
  }

  // From the request to the last part.
  std::optional<Duration> save_took(const storage::Judgement& judgement) const {
    const auto& save = job_.status.save;
    if (!save || save->attempt != judgement.attempt || !judgement.committed_at) return std::nullopt;
    const Duration took = *judgement.committed_at - save->requested_at;
    const bool its_own = save->state == api::SaveState::kRequested && took >= Duration(0);
    return its_own ? std::optional(std::max<Duration>(took, seconds(1))) : std::nullopt;
  }

  // Work in a checkpoint of the running attempt, or of the one that ended last: what had been done
  // when it was committed.
  Duration work_saved(const storage::Judgement& judgement) const {
    const api::TrainingJobStatus& status = job_.status;
    const Instant committed = judgement.committed_at.value_or(now_);
    const bool of_current = status.placement && status.placement->attempt == judgement.attempt;
    if (of_current && status.started_at) {
      const Duration ran = std::max(committed - *status.started_at, Duration(0));
      return whole(resumed_work() + scaled(ran));
    }
    if (status.ended && status.ended->attempt == judgement.attempt) {
      const Duration after = std::max(status.ended->ended_at - committed, Duration(0));
      return whole(std::max(status.ended->compute_time - after, Duration(0)));
    }
    return status.checkpoint ? status.checkpoint->compute_time.value_or(Duration(0)) : Duration(0);
  }
  static Duration whole(Duration time) { return std::chrono::floor<seconds>(time); }

  // Machine time as compute time on the first-listed model.
  Duration scaled(Duration time) const { return time * speed_percent_ / 100; }

  Duration resumed_work() const {
    if (children_.current) {
      const auto text = children_.current->meta.annotations.find(annotation::kResumedWork);
      const auto work = text ? parse_duration(*text) : Result<Duration>(Duration(0));
      return work ? *work : Duration(0);
    }
    const api::TrainingJobStatus& status = job_.status;
    const bool resumes = status.placement && status.placement->resume_from;
    if (!resumes || !status.checkpoint) return Duration(0);
    return status.checkpoint->compute_time.value_or(Duration(0));
  }

  void take_verified() {
    const api::CheckpointStatus& status = out_.status;
    if (!status.step) return;
    out_.facts.save_time = status.save_time;
    out_.facts.verified = plan::VerifiedCheckpoint{
        .step = *status.step,
        .attempt = status.attempt.value_or(AttemptNumber()),
        .committed_at = status.committed_at.value_or(status.verified_at.value_or(now_)),
        .work = status.compute_time.value_or(Duration(0))};
  }

  void take_predecessor() {
    const api::TrainingJobStatus& status = job_.status;
    if (status.placement && status.placement->resume_from)
      out_.facts.resumed_step = status.placement->resume_from->step;
    out_.facts.resumed_work = resumed_work();
    if (status.ended) {
      out_.facts.ended = plan::Checkpointing::Ended{.attempt = status.ended->attempt,
                                                    .at = status.ended->ended_at,
                                                    .work = status.ended->compute_time};
    }
  }

  void take_save() {
    out_.progress = progress();
    out_.facts.answered = out_.progress.answered;
  }
  SaveProgress progress() const {
    if (!job_.status.save || observed_.requests == nullptr) return {};
    return observed_.requests->progress(job_.meta.uid, save_id(*job_.status.save));
  }

  void say() {
    const api::CheckpointStatus& status = out_.status;
    const auto set = [this](ConditionStatus holds, std::string reason, std::string message) {
      out_.verified = holds;
      out_.reason = std::move(reason);
      out_.message = std::move(message);
    };
    if (!fix_.empty()) return set(ConditionStatus::kFalse, fix_, trouble_);
    if (!store_trouble_.empty()) {
      return set(ConditionStatus::kUnknown, "StoreUnreadable",
                 "store '" + spec_.store.str() + "' could not be read: " + store_trouble_ +
                     (status.step ? "; the last verified step stays in force" : ""));
    }
    if (status.step && status.state == CheckpointState::kCommitted)
      return set(ConditionStatus::kTrue, "Verified", "the newest checkpoint is complete");
    if (!status.message.empty()) {
      return set(status.step ? ConditionStatus::kTrue : ConditionStatus::kFalse,
                 status.state == CheckpointState::kInvalid ? "NewestIncomplete" : "NewestUnproven",
                 "the newest checkpoint does not count, " + status.message);
    }
    set(ConditionStatus::kFalse, "NoCheckpoint", "there is none in the store yet");
  }

  const AttemptView& attempt_;
  const api::TrainingJob& job_;
  const api::CheckpointSpec& spec_;
  const TrainingChildren& children_;
  bool may_still_write_;
  std::int64_t speed_percent_;
  const Observed& observed_;
  Instant now_;
  TrainingCheckpoint out_;
  std::string fix_, trouble_, store_trouble_;
};

}  // namespace

TrainingCheckpoint checkpoint_of(const AttemptView& attempt, const Observed& observed,
                                 Instant now) {
  return Facts(attempt, observed, now).run();
}

std::string save_id(const api::SaveStatus& save) {
  return std::to_string(save.attempt.value()) + "-" +
         std::to_string(
             std::chrono::duration_cast<seconds>(save.requested_at.time_since_epoch()).count());
}

}  // namespace spillway::control
