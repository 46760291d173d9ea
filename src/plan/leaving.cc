#include "leaving.h"

#include <algorithm>

#include <spillway/plan/checkpoint_policy.h>

#include "training.h"

namespace spillway::plan {

using api::SaveReason;
using api::SaveState;

bool is_alive(const TrainingWorkload& workload) {
  return workload.placement &&
         (workload.state == AttemptState::kStarting || workload.state == AttemptState::kRunning);
}

bool lost_a_node(const Snapshot& snapshot, const TrainingWorkload& workload) {
  return workload.gang && is_alive(workload) &&
         std::any_of(workload.bound.begin(), workload.bound.end(), [&](const Bound& at) {
           return snapshot.nodes[at.node].health == NodeHealth::kGone;
         });
}

namespace {

AttemptFacts facts_of(const TrainingWorkload& workload) {
  return {.attempt = workload.placement ? workload.placement->attempt : AttemptNumber(),
          .running = workload.state == AttemptState::kRunning &&
                     (workload.gang || !workload.bound.empty()),
          .running_since = workload.running_since};
}

// When the attempt should be done, by its estimate.
std::optional<Instant> estimated_end(const Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (workload.state != AttemptState::kRunning || !workload.duration) return std::nullopt;
  const Duration resumed =
      workload.checkpointing ? workload.checkpointing->resumed_work : Duration(0);
  const Offer* offer = pass.kind(job).find(job.pool);
  const double speed = offer != nullptr ? offer->rates.speed : 1.0;
  return pass.past(workload.running_since.value_or(job.placed_at())) +
         std::chrono::ceil<Duration>(Hours(*workload.duration - resumed) / speed);
}

// What is said of its nodes, all of them together.
struct Said {
  std::optional<Leave> notice;
  std::optional<Instant> hint;
};

Said said_of_nodes(const Pass& pass, const Job& job) {
  Said said;
  if (pass.notices.empty() || !is_alive(*job.workload) || !job.workload->gang) return said;
  std::optional<Leave>& leave = said.notice;
  for (const Bound& at : job.workload->bound) {
    const Notice* notice = pass.notices[at.node];
    if (notice == nullptr) continue;
    if (notice->kind == NoticeKind::kRebalance) {
      said.hint = std::min(said.hint.value_or(notice->first_seen), notice->first_seen);
      continue;
    }
    if (!leave) leave = Leave{.reason = SaveReason::kNotice, .since = notice->first_seen};
    leave->since = std::min(leave->since, notice->first_seen);
    if (notice->deadline)
      leave->deadline = std::min(leave->deadline.value_or(*notice->deadline), *notice->deadline);
  }
  return said;
}

// Until then it stays in spite of the notice: it should be done before that runs out.
std::optional<Instant> stays_until(const Pass& pass, const Job& job, const Leave& notice) {
  const auto end = notice.deadline ? estimated_end(pass, job) : std::nullopt;
  return end && pass.now < *end && *end < *notice.deadline ? end : std::nullopt;
}

}  // namespace

std::optional<Leave> notice_for(const Pass& pass, const Job& job) {
  Said said = said_of_nodes(pass, job);
  if (said.notice) {
    if (stays_until(pass, job, *said.notice)) said.notice->reason = SaveReason::kPrecaution;
    return said.notice;
  }
  if (said.hint) return Leave{.reason = SaveReason::kPrecaution, .since = *said.hint};
  return std::nullopt;
}

std::optional<Instant> obeys_notice_at(const Pass& pass, const Job& job) {
  const Said said = said_of_nodes(pass, job);
  return said.notice ? stays_until(pass, job, *said.notice) : std::nullopt;
}

bool is_being_displaced(const TrainingWorkload& workload) {
  if (!is_alive(workload) || !workload.checkpointing || !workload.checkpointing->save) return false;
  const api::SaveStatus& save = *workload.checkpointing->save;
  return save.attempt == workload.placement->attempt && save.state == SaveState::kRequested &&
         save.reason == SaveReason::kDisplaced;
}

bool was_being_taken(const TrainingWorkload& workload) {
  if (!workload.placement || !workload.checkpointing || !workload.checkpointing->save) return false;
  const api::SaveStatus& save = *workload.checkpointing->save;
  return save.attempt == workload.placement->attempt && save.reason == SaveReason::kNotice &&
         save.state != SaveState::kCancelled;
}

void ask_to_leave(const Pass& pass, Job& job, const Leave& leave) {
  const TrainingWorkload& workload = *job.workload;
  if (!workload.checkpointing || !is_alive(workload)) return;
  job.step = interruption_step(facts_of(workload), *workload.checkpointing, leave, pass.now,
                               pass.config.interruption);
  job.saving = leave.reason != SaveReason::kPrecaution && !job.step->may_end;
}

void cancel_what_is_not_wanted(const Pass& pass, Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (job.step || !workload.checkpointing || !is_alive(workload)) return;
  InterruptionStep step = interruption_step(facts_of(workload), *workload.checkpointing,
                                            std::nullopt, pass.now, pass.config.interruption);
  if (step.save) job.step = std::move(step);
}

namespace {

bool has_progressed(const TrainingWorkload& workload) {
  const Checkpointing& checkpointing = *workload.checkpointing;
  return checkpointing.verified && workload.placement &&
         checkpointing.verified->attempt == workload.placement->attempt;
}

}  // namespace

std::int64_t restarts_without_progress(const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (has_progressed(workload)) return 0;
  const bool unexplained = workload.placement && workload.state == AttemptState::kLost &&
                           workload.loss == LossKind::kUnexplained;
  return workload.restarts_without_progress + (unexplained ? 1 : 0);
}

namespace {

Duration saved_work(const Checkpointing& checkpointing) {
  return checkpointing.verified ? checkpointing.verified->work : Duration(0);
}

// When an attempt that waits for the store resumes from what is known.
std::optional<Instant> store_patience_ends(const Pass& pass, const Checkpointing& checkpointing) {
  if (!checkpointing.verified || !checkpointing.ended) return std::nullopt;
  return pass.past(checkpointing.ended->at) + pass.config.interruption.store_patience;
}

// No attempt has run before, or the store has told what there is.
bool knows_resume_point(const Pass& pass, const TrainingWorkload& workload,
                        const Checkpointing& checkpointing) {
  if (workload.last_attempt <= AttemptNumber(1) &&
      (!workload.placement || workload.state == AttemptState::kNotCreated)) {
    const bool is_first = !checkpointing.ended;
    if (is_first) return true;
  }
  if (checkpointing.sight == StoreSight::kCurrent) return true;
  const auto patience_ends = store_patience_ends(pass, checkpointing);
  return patience_ends && *patience_ends <= pass.now;
}

// Whether the children of the placement may be created, and what they begin with.
void report_start(const Pass& pass, const Job& job, TrainingDecision& decision) {
  const TrainingWorkload& workload = *job.workload;
  const Checkpointing& checkpointing = *workload.checkpointing;
  const bool ends_one = decision.verdict == TrainingVerdict::kPlace && workload.placement &&
                        workload.state != AttemptState::kNotCreated;
  const bool is_to_start = decision.placement && (decision.verdict == TrainingVerdict::kPlace ||
                                                  workload.state == AttemptState::kNotCreated);
  if (!is_to_start) return;
  const bool told = knows_resume_point(pass, workload, checkpointing);
  decision.may_start = told && !ends_one && !workload.earlier_attempt_ending;
  if (!told && !ends_one && !workload.earlier_attempt_ending &&
      decision.verdict == TrainingVerdict::kKeep)
    decision.cause = Cause::kCheckpointUnknown;
  if (!decision.may_start) return;
  if (checkpointing.verified) decision.resume_step = checkpointing.verified->step;
  if (checkpointing.ended) {
    decision.lost_work =
        std::max(checkpointing.ended->work - saved_work(checkpointing), Duration(0));
  }
}

std::optional<Duration> suggestion(const Pass& pass, const Job& job) {
  const Checkpointing& checkpointing = *job.workload->checkpointing;
  const bool runs = job.running() && checkpointing.save_time;
  const auto life = runs ? pass.pool(job.pool).offering.life.residual : std::nullopt;
  if (!life) return checkpointing.suggested_interval;
  const double success = checkpointing.can_ask ? notice_success(checkpointing.notice_saves,
                                                                checkpointing.notice_saves_verified)
                                               : 0;
  return suggested_interval(*checkpointing.save_time, *life, success,
                            checkpointing.suggested_interval);
}

}  // namespace

void report_checkpointing(const Pass& pass, const Job& job, TrainingDecision& decision) {
  const TrainingWorkload& workload = *job.workload;
  if (!workload.checkpointing) return;
  decision.interruption = job.step;
  decision.restarts_without_progress = restarts_without_progress(job);
  decision.suggested_interval = suggestion(pass, job);
  if (workload.placement) decision.work_done = std::chrono::floor<Duration>(work_done(pass, job));
  report_start(pass, job, decision);
}

void consider_checkpointing(Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (!workload.checkpointing) return;
  if (job.step) pass.wake.consider(job.step->wake_at);
  if (workload.checkpointing->sight != StoreSight::kCurrent)
    pass.wake.consider(store_patience_ends(pass, *workload.checkpointing));
}

}  // namespace spillway::plan
