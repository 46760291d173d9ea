#include "inference_reconcile.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/control/children.h>
#include <spillway/control/keys.h>

#include "reconcile_parts.h"

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRemembered = 50'000;

}  // namespace

Work InferenceReconciler::work_for(const plan::InferenceDecision& decision) {
  const Shared<api::InferencePool>& object = context_.picture.inference[decision.workload];
  Work work{.subject = reference_to("InferencePool", object->meta)};
  if (object->meta.deleted_at) return work;
  auto next =
      next_status(context_.picture, decision, context_.trouble_of(work.subject), context_.now);
  const Shared<api::InferencePool> stored = context_.world.inference_pools.find(object->meta.key);
  const bool changed = stored == nullptr || !(next.status == stored->status);
  if (changed) {
    work.writes.emplace_back(WriteStatus{kInferencePools, object->meta.key,
                                         object->meta.resource_version, api::write(next.status)});
    work.assumed_inference_pool = with_status(object, next.status);
    work.notables = std::move(next.notables);
  }
  if (!context_.observe) {
    const std::vector<Shared<kube::Pod>> lost = lost_replicas(decision.workload);
    confirm_losses(work, context_.picture, lost);
    inference_children(work, decision, *object);
    if (!changed) confirm_current(work, kInferencePools, object->meta);
    force_out(work, lost);
  }
  return work;
}

void InferenceReconciler::inference_children(Work& work, const plan::InferenceDecision& decision,
                                             const api::InferencePool& object) {
  const std::string made_from =
      object.meta.uid.str() + ":" + std::to_string(object.meta.generation);
  apply(
      work, object, kube::kServices, context_.world.services.find(object.meta.key), object.meta.key,
      made_from, [&] { return inference_service(object); }, false);
  std::vector<Write> deletions;
  for (const DeploymentTarget& target : targets(decision)) {
    if (target.replicas > 0) {
      const bool shrinks = target.existing && target.existing->replicas > target.replicas;
      if (shrinks) mark_leaving(work, decision, target);
      deployment(work, object, made_from, target);
    } else {
      deletions.emplace_back(DeleteObject{kube::kDeployments, target.existing->meta.key,
                                          target.existing->meta.uid,
                                          kube::Propagation::kBackground});
    }
  }
  std::move(deletions.begin(), deletions.end(), std::back_inserter(work.writes));
  apply(
      work, object, kube::kPodDisruptionBudgets, context_.world.budgets.find(object.meta.key),
      object.meta.key, made_from, [&] { return inference_budget(object); }, false);
}

std::vector<Shared<kube::Pod>> InferenceReconciler::lost_replicas(std::size_t workload) const {
  std::vector<Shared<kube::Pod>> lost;
  for (const auto& [pool, share] : context_.picture.inference_children[workload].shares)
    lost.insert(lost.end(), share.lost_pods.begin(), share.lost_pods.end());
  return lost;
}

// Which replicas a ReplicaSet is to give up first (KEP-2255). Before the Deployment shrinks; of
// an earlier shrinking nothing stays marked.
void InferenceReconciler::mark_leaving(Work& work, const plan::InferenceDecision& decision,
                                       const DeploymentTarget& target) const {
  const auto share = std::ranges::find(decision.shares, target.pool, &plan::InferenceShare::pool);
  const auto& shares = context_.picture.inference_children[decision.workload].shares;
  const auto there = shares.find(context_.picture.snapshot.pools[target.pool].name);
  if (share == decision.shares.end() || there == shares.end()) return;
  std::multiset<std::size_t> leave(share->leave.begin(), share->leave.end());
  for (const InferenceShareChildren::Replica& replica : there->second.replicas) {
    const auto at = leave.find(replica.node);
    const bool leaves = at != leave.end();
    if (leaves) leave.erase(at);
    const std::string_view cost = replica.pod->meta.annotations.get(annotation::kDeletionCost);
    const bool marked = cost == annotation::kLeavesFirst;
    if (leaves == marked || (leaves && !cost.empty())) continue;  // a cost of the user's stays
    json value = leaves ? json(annotation::kLeavesFirst) : json();
    work.writes.emplace_back(
        Annotate{kube::kPods,
                 replica.pod->meta.key,
                 {{std::string(annotation::kDeletionCost), std::move(value)}}});
  }
}

// Make before break: replicas that serve are given back only as the ones that take their place
// become ready. Growing Deployments come first, so that the new ones are asked for before
// anything shrinks.
std::vector<InferenceReconciler::DeploymentTarget> InferenceReconciler::targets(
    const plan::InferenceDecision& decision) const {
  const InferenceChildren& children = context_.picture.inference_children[decision.workload];
  std::vector<DeploymentTarget> list;
  std::int64_t missing = 0;  // replicas that are wanted somewhere and do not serve yet
  for (const plan::InferenceShare& share : decision.shares) {
    const auto there = children.shares.find(context_.picture.snapshot.pools[share.pool].name);
    Shared<kube::Deployment> existing =
        there == children.shares.end() ? nullptr : there->second.deployment;
    missing += std::max<std::int64_t>(share.replicas - (existing ? existing->ready : 0), 0);
    list.push_back(
        {.pool = share.pool, .replicas = share.replicas, .existing = std::move(existing)});
  }
  for (std::size_t pool = 0; pool < context_.picture.pools.size(); ++pool) {
    const auto there = children.shares.find(context_.picture.snapshot.pools[pool].name);
    const bool wanted = std::any_of(decision.shares.begin(), decision.shares.end(),
                                    [&](const auto& s) { return s.pool == pool; });
    if (wanted || there == children.shares.end() || !there->second.deployment) continue;
    list.push_back({.pool = pool, .existing = there->second.deployment});
  }
  for (DeploymentTarget& target : list) {
    if (!target.existing || target.existing->replicas <= target.replicas) continue;
    const std::int64_t serving =
        std::max<std::int64_t>(target.existing->ready - target.replicas, 0);
    const std::int64_t kept = std::min(serving, missing);
    target.replicas += kept;
    missing -= kept;
  }
  const auto shrinks = [](const DeploymentTarget& t) {
    return t.existing && t.existing->replicas >= t.replicas;
  };
  std::sort(list.begin(), list.end(), [&](const auto& a, const auto& b) {
    return std::pair(shrinks(a), a.pool) < std::pair(shrinks(b), b.pool);
  });
  return list;
}

void InferenceReconciler::deployment(Work& work, const api::InferencePool& object,
                                     const std::string& made_from, const DeploymentTarget& target) {
  const Shared<api::CapacityPool>& pool = context_.picture.pools[target.pool];
  const plan::Pool& offered = context_.picture.snapshot.pools[target.pool];
  const ObjectKey key{object.meta.key.ns, deployment_name(object.meta.key.name, offered.name)};
  const std::string fingerprint = made_from + ":" + pool->meta.uid.str() + ":" +
                                  std::to_string(pool->meta.generation) + ":" +
                                  std::to_string(target.replicas);
  const auto make = [&] {
    const HourlyRate rate =
        workload_rate(offered.offering.price.likely, target.replicas,
                      object.spec.accelerator.per_replica, offered.accelerators_per_node);
    return inference_deployment(object, *pool, {.replicas = target.replicas, .rate = rate});
  };
  const bool scaled_by_hand = target.existing && target.existing->replicas != target.replicas;
  apply(work, object, kube::kDeployments, target.existing, key, fingerprint, make, scaled_by_hand);
}

// Applies the object that `make` builds unless the one that is there carries its hash already.
template <class Existing, class Make>
void InferenceReconciler::apply(Work& work, const api::InferencePool& owner,
                                kube::ResourceType type, const Existing& existing,
                                const ObjectKey& key, const std::string& fingerprint,
                                const Make& make, bool force) {
  const bool ours = existing && existing->meta.controlled_by(owner.meta.uid);
  const std::string memo_key = std::string(type.plural) + "/" + key.to_string();
  if (applied_.size() > kMaxRemembered) applied_.clear();
  Applied& memo = applied_[memo_key];
  json object;
  if (memo.fingerprint != fingerprint) {
    object = make();
    memo = {.fingerprint = fingerprint,
            .hash = object["metadata"]["annotations"][std::string(annotation::kAppliedHash)]};
  }
  if (ours && !force && existing->meta.annotations.get(annotation::kAppliedHash) == memo.hash)
    return;
  if (object.is_null()) object = make();
  work.writes.emplace_back(ApplyChild{type, std::move(object), owner.meta.uid, ours});
}
}  // namespace spillway::control
