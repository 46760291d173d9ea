#include <spillway/control/replica_saves.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/control/keys.h>
#include <spillway/core/text.h>

#include "reconcile_parts.h"

namespace spillway::control {
namespace {

using nlohmann::json;
using plan::InterruptionState;
using plan::InterruptionStep;

constexpr std::string_view kAction = "Save";
constexpr std::string_view kWhy = "its node is about to go";

using NoticesByNode = std::map<std::string_view, const plan::Notice*>;

NoticesByNode notices_of(const plan::Snapshot& snapshot) {
  NoticesByNode notices;
  for (const plan::Notice& notice : snapshot.notices) {
    if (plan::must_leave(notice.kind))
      notices.emplace(snapshot.nodes[notice.node].name.str(), &notice);
  }
  return notices;
}

void decide(ReplicaCheckpoint& replica, const NoticesByNode& notices, AttemptNumber attempt,
            Instant now, const plan::InterruptionLimits& limits) {
  std::optional<plan::Leave> leave;
  if (const auto at = notices.find(replica.pod->node.view()); at != notices.end()) {
    leave = plan::Leave{.reason = api::SaveReason::kNotice,
                        .since = at->second->first_seen,
                        .deadline = at->second->deadline};
  }
  if (!leave && !replica.facts.save) return;
  const plan::AttemptFacts pod{
      .attempt = attempt, .running = true, .running_since = replica.pod->started_at};
  replica.step = plan::interruption_step(pod, replica.facts, leave, now, limits);
}

bool is_cancelled(const ReplicaCheckpoint& replica) {
  if (!replica.step) return false;
  const std::optional<api::SaveStatus>& save = replica.step->save;
  return save && save->state == api::SaveState::kCancelled;
}
// What its pod is asked and its annotations do not say yet; or null.
const api::SaveStatus* news_for(const ReplicaCheckpoint& replica) {
  if (!replica.step || !replica.step->ask) return nullptr;
  const std::optional<api::SaveStatus>& asked = replica.step->save;
  if (!asked) return nullptr;
  const std::optional<api::SaveStatus>& before = replica.facts.save;
  const bool said =
      before && before->requested_at == asked->requested_at && before->deadline == asked->deadline;
  return said ? nullptr : &*asked;
}

Write annotate(const kube::Pod& pod, json asked_at, json deadline) {
  return Annotate{kube::kPods,
                  pod.meta.key,
                  {{std::string(annotation::kSaveAskedAt), std::move(asked_at)},
                   {std::string(annotation::kSaveDeadline), std::move(deadline)}}};
}

// The mark first: without it the end would count as a failure of the program.
void end(Work& work, const kube::Pod& pod, const InterruptionStep& step, Instant now) {
  if (pod.disruption.empty())
    work.writes.emplace_back(MarkDisrupted{pod.meta.key, std::string(kWhy), now});
  std::optional<std::chrono::seconds> grace;
  if (step.grace) grace = std::chrono::ceil<std::chrono::seconds>(*step.grace);
  work.writes.emplace_back(
      DeleteObject{kube::kPods, pod.meta.key, pod.meta.uid, kube::Propagation::kBackground, grace});
}

// "replica 7", "replicas 1, 2, 3 and 5 more"
std::string names_of(const std::vector<ReplicaIndex>& indices) {
  constexpr std::size_t kMost = 8;
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < std::min(kMost, indices.size()); ++i)
    numbers.push_back(std::to_string(indices[i].value()));
  std::string names = (indices.size() == 1 ? "replica " : "replicas ") + join(numbers, ", ");
  if (indices.size() > kMost) names += " and " + std::to_string(indices.size() - kMost) + " more";
  return names;
}

void tell_of(Work& work, const std::vector<ReplicaIndex>& indices, bool warning,
             std::string_view reason, std::string_view what) {
  if (indices.empty()) return;
  work.notables.push_back({.warning = warning,
                           .reason = std::string(reason),
                           .action = std::string(kAction),
                           .note = names_of(indices) + ": " + std::string(what)});
}

}  // namespace

void decide_replicas(Picture& picture, const plan::Plan& plan, Instant now,
                     const plan::InterruptionLimits& limits) {
  const NoticesByNode notices = notices_of(picture.snapshot);
  for (const plan::TrainingDecision& decision : plan.training) {
    auto& checkpoint = picture.checkpoints[decision.workload];
    const auto& placement = picture.training[decision.workload]->status.placement;
    const bool stays = decision.verdict == plan::TrainingVerdict::kKeep && !decision.interruption;
    if (!checkpoint || !placement || !stays) continue;
    for (ReplicaCheckpoint& replica : checkpoint->replicas)
      decide(replica, notices, placement->attempt, now, limits);
  }
}

void write_replicas(Work& work, const World& world, const TrainingCheckpoint& checkpoint,
                    Instant now) {
  std::set<NodeName> looked_at;
  std::vector<ReplicaIndex> asked, cancelled, saved;
  std::map<std::string, std::vector<ReplicaIndex>> given_up;  // by why
  for (const ReplicaCheckpoint& replica : checkpoint.replicas) {
    if (const api::SaveStatus* save = news_for(replica)) {
      work.writes.push_back(annotate(*replica.pod, format_instant(save->requested_at),
                                     format_instant(save->deadline)));
      if (!replica.facts.save) asked.push_back(replica.index);
      work.urgent = true;
    } else if (is_cancelled(replica)) {
      work.writes.push_back(annotate(*replica.pod, nullptr, nullptr));
      cancelled.push_back(replica.index);
    }
  }
  for (const ReplicaCheckpoint& replica : checkpoint.replicas) {
    const std::optional<InterruptionStep>& step = replica.step;
    if (!step || !step->may_end) continue;
    const NodeName node(replica.pod->node.str());
    const bool first = looked_at.insert(node).second;
    if (auto look = look_for_notice(world, {node}); look && first)
      work.writes.emplace_back(*std::move(look));
    end(work, *replica.pod, *step, now);
    const auto why = step->no_save;
    auto& list = why ? given_up[plan::explain(*why, replica.facts)] : saved;
    list.push_back(replica.index);
  }
  tell_of(work, asked, true, "SaveRequested", "asked to save before the node goes");
  tell_of(work, cancelled, false, "SaveCancelled", "the reason to save went away");
  tell_of(work, saved, false, "SaveVerified",
          "the checkpoint is complete in the store; begun again on another node");
  for (const auto& [why, indices] : given_up)
    tell_of(work, indices, true, "SaveGivenUp", why + "; begun again on another node");
}

std::optional<Instant> wake_for_replicas(const TrainingCheckpoint& checkpoint) {
  std::optional<Instant> at;
  for (const ReplicaCheckpoint& replica : checkpoint.replicas) {
    const auto wake = replica.step ? replica.step->wake_at : std::nullopt;
    if (wake) at = std::min(at.value_or(*wake), *wake);
  }
  return at;
}

std::string describe_replicas(const TrainingCheckpoint& checkpoint) {
  std::int64_t asked = 0, ending = 0;
  std::optional<Instant> until;
  std::string trouble;
  for (const ReplicaCheckpoint& replica : checkpoint.replicas) {
    const std::optional<InterruptionStep>& step = replica.step;
    if (!step || (!step->ask && !step->may_end)) continue;
    ++(step->ask ? asked : ending);
    const auto& save = step->save;
    if (save) until = std::min(until.value_or(save->deadline), save->deadline);
    if (!replica.progress.trouble.empty()) trouble = replica.progress.trouble;
  }
  if (asked + ending == 0) return {};
  std::string text = std::to_string(asked) + " of " + std::to_string(checkpoint.replicas.size()) +
                     " replicas that run are asked to save, " + std::to_string(ending) + " may end";
  if (until) text += "; until " + format_instant(*until);
  if (!trouble.empty()) text += "; " + trouble;
  return text;
}

}  // namespace spillway::control
