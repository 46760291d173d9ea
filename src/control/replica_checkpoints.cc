#include "replica_checkpoints.h"

#include <algorithm>
#include <charconv>

#include <spillway/control/keys.h>

namespace spillway::control {
namespace {

// While a save is waited for.
constexpr Duration kUrgent = std::chrono::seconds(1);

std::int64_t count_in(const kube::LabelSet& set, std::string_view key) {
  const std::string_view text = set.get(key);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : 0;
}

std::optional<ReplicaIndex> index_of(const kube::Pod& pod) {
  if (!pod.meta.labels.contains(annotation::kCompletionIndex)) return std::nullopt;
  return ReplicaIndex(count_in(pod.meta.labels, annotation::kCompletionIndex));
}

RetryNumber retry_of(const kube::Pod& pod) {
  const storage::Retry retry{
      .counted = count_in(pod.meta.annotations, annotation::kFailuresCounted),
      .ignored = count_in(pod.meta.annotations, annotation::kFailuresIgnored)};
  return retry.number();
}

// Of this very pod; what its predecessors wrote is as good to begin with, and answers no request.
plan::VerifiedCheckpoint verified_in(const storage::Judgement& judgement, const kube::Pod& pod,
                                     AttemptNumber attempt) {
  const bool own = judgement.attempt == attempt && judgement.retry == retry_of(pod);
  return {.step = api::StepNumber(judgement.step.value()),
          .attempt = own ? attempt : AttemptNumber(),
          .committed_at = judgement.committed_at.value_or(Instant{})};
}

// What everybody has: as old as the oldest, as far as the one that is least far.
std::optional<plan::VerifiedCheckpoint> shared_by(const std::vector<ReplicaCheckpoint>& replicas) {
  std::optional<plan::VerifiedCheckpoint> shared;
  for (const ReplicaCheckpoint& replica : replicas) {
    const auto& own = replica.facts.verified;
    if (!own) return std::nullopt;
    if (!shared) shared = *own;
    shared->step = std::min(shared->step, own->step);
    shared->attempt = std::min(shared->attempt, own->attempt);
    shared->committed_at = std::min(shared->committed_at, own->committed_at);
  }
  return shared;
}

// How long the save took that this checkpoint is the answer to.
std::optional<Duration> save_took(const ReplicaCheckpoint& replica, const api::SaveStatus& save) {
  const auto& verified = replica.facts.verified;
  if (!verified || verified->attempt != save.attempt) return std::nullopt;
  if (verified->committed_at < save.requested_at) return std::nullopt;
  return std::max<Duration>(verified->committed_at - save.requested_at, std::chrono::seconds(1));
}

void measure(const api::TrainingJob& job, TrainingCheckpoint& out) {
  const auto& of_all = job.status.save;
  for (const ReplicaCheckpoint& replica : out.replicas) {
    std::optional<api::SaveStatus> save = replica.facts.save;
    if (!save && of_all && of_all->state == api::SaveState::kRequested) save = of_all;
    const auto took = save ? save_took(replica, *save) : std::nullopt;
    if (took) out.status.save_time = std::max(out.status.save_time.value_or(*took), *took);
  }
}

}  // namespace

std::optional<api::SaveStatus> save_asked_of(const kube::Pod& pod, AttemptNumber attempt) {
  const auto asked = parse_instant(pod.meta.annotations.get(annotation::kSaveAskedAt));
  const auto deadline = parse_instant(pod.meta.annotations.get(annotation::kSaveDeadline));
  if (!asked || !deadline) return std::nullopt;
  return api::SaveStatus{.attempt = attempt,
                         .reason = api::SaveReason::kNotice,
                         .requested_at = *asked,
                         .deadline = *deadline};
}

void add_replicas(const AttemptView& attempt, const Observed& observed,
                  const CheckpointTarget& common, TrainingCheckpoint& out) {
  const auto& placement = attempt.job.status.placement;
  if (!placement) return;
  for (const Shared<kube::Pod>& pod : attempt.children.pods) {
    const auto index = index_of(*pod);
    if (!index || pod->phase != kube::PodPhase::kRunning) continue;
    ReplicaCheckpoint replica{.index = *index, .pod = pod, .facts = out.facts, .target = common};
    replica.facts.save = save_asked_of(*pod, placement->attempt);
    replica.target.replica = *index;
    replica.target.prefix = storage::replica_prefix(common.prefix, *index);
    if (replica.facts.save) replica.target.every = kUrgent;
    const FoundCheckpoints* found = observed.checkpoints == nullptr
                                        ? nullptr
                                        : observed.checkpoints->find(attempt.job.meta.uid, index);
    if (found != nullptr && found->newest) {
      replica.facts.verified = verified_in(found->newest->judgement, *pod, placement->attempt);
      if (replica.facts.verified->attempt != placement->attempt)
        replica.facts.resumed_step = replica.facts.verified->step;
    }
    if (replica.facts.save && observed.requests != nullptr) {
      replica.progress = observed.requests->progress(pod->meta.uid, save_id(*replica.facts.save));
      replica.facts.answered = replica.progress.answered;
    }
    out.replicas.push_back(std::move(replica));
  }
  std::ranges::sort(out.replicas, {}, &ReplicaCheckpoint::index);
  out.facts.verified = shared_by(out.replicas);
  measure(attempt.job, out);
}

}  // namespace spillway::control
