#include "attempts.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <spillway/control/keys.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

// Reasons of the condition DisruptionTarget that say: its node, not the pod (kubernetes.io/docs,
// "Pod disruption conditions").
constexpr std::array<std::string_view, 3> kNodeReasons = {
    "DeletionByTaintManager", "DeletionByPodGC", "TerminationByKubelet"};

// The pods are the evidence; when they are gone already the Job's reason is: its failure policy
// ends it with "PodFailurePolicy" exactly for disruptions.
bool ended_by_program(const kube::Job& job, const TrainingChildren& children) {
  if (children.program_failed) return true;
  const kube::Condition* failed = kube::find_condition(job.conditions, "Failed");
  return !children.replica_lost && failed != nullptr && !(failed->reason == "PodFailurePolicy");
}

}  // namespace

std::optional<AttemptNumber> attempt_of(const kube::Meta& meta) {
  const auto text = meta.labels.find(label::kAttempt);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value <= 0) return std::nullopt;
  return AttemptNumber(value);
}

std::optional<api::TrainingPlacement> placement_told_by(
    const kube::Job& job, const std::vector<Shared<api::CapacityPool>>& pools) {
  const auto attempt = attempt_of(job.meta);
  const auto pool_label = job.meta.labels.find(label::kPool);
  if (!attempt || !pool_label) return std::nullopt;
  for (const auto& pool : pools) {
    if (pool->meta.key.name.str() != *pool_label) continue;
    const auto placed_at = parse_instant(job.meta.annotations.get(annotation::kPlacedAt));
    return api::TrainingPlacement{.pool = PoolName(pool->meta.key.name.str()),
                                  .tier = pool->spec.tier,
                                  .attempt = *attempt,
                                  .since = placed_at ? *placed_at : job.meta.created_at,
                                  .reason = "found running as Job " + job.meta.key.name.str()};
  }
  return std::nullopt;
}

void note_replica(TrainingChildren& children, const kube::Pod& pod) {
  const bool disrupted = pod.deleting() || !pod.disruption.empty();
  children.replica_lost = children.replica_lost || disrupted;
  children.node_lost =
      children.node_lost || std::ranges::any_of(kNodeReasons, [&](std::string_view reason) {
        return pod.disruption == reason;
      });
  children.program_failed =
      children.program_failed || (pod.phase == kube::PodPhase::kFailed && !disrupted);
  if (disrupted) return;
  if (pod.phase == kube::PodPhase::kRunning || pod.phase == kube::PodPhase::kSucceeded) {
    ++children.running;
    const Instant started = pod.started_at.value_or(pod.meta.created_at);
    children.last_started_at = std::max(children.last_started_at.value_or(started), started);
  }
  if (!pod.node.empty()) {
    ++children.bound;
    const Instant bound = pod.bound_at.value_or(pod.meta.created_at);
    children.first_bound_at = std::min(children.first_bound_at.value_or(bound), bound);
  }
  if (!pod.waiting_reason.empty() && children.trouble.empty()) {
    children.trouble = pod.waiting_reason.str() +
                       (pod.waiting_message.empty() ? "" : ": " + pod.waiting_message.str());
  }
}

Instant waiting_since(const api::TrainingJob& job) {
  const api::Condition* placed =
      api::find_condition(job.status.conditions, api::condition::kPlaced);
  const bool waits = placed != nullptr && placed->status == api::ConditionStatus::kFalse;
  return waits ? std::max(placed->last_transition_time, job.meta.created_at) : job.meta.created_at;
}

plan::AttemptState state_of(const api::TrainingJob& job, const TrainingChildren& children) {
  using plan::AttemptState;
  if (!children.current)
    return children.replica_lost ? AttemptState::kLost : AttemptState::kNotCreated;
  const kube::Job& current = *children.current;
  if (current.complete()) return AttemptState::kSucceeded;
  if (current.has_failed())
    return ended_by_program(current, children) ? AttemptState::kFailed : AttemptState::kLost;
  if (job.spec.gang && children.replica_lost) return AttemptState::kLost;
  if (children.running >= job.spec.replicas) return AttemptState::kRunning;
  // A started attempt does not go back to the beginning: a replica that is not there is one that
  // retries alone, or, in a gang, one whose loss the Job is about to tell.
  if (job.status.started_at) return AttemptState::kRunning;
  return AttemptState::kStarting;
}

}  // namespace spillway::control
