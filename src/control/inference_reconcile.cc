#include "inference_reconcile.h"

#include <algorithm>
#include <set>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/control/children.h>
#include <spillway/control/keys.h>

#include "reconcile_parts.h"
#include "status_parts.h"

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxRemembered = 50'000;  // children of a kind
// Tells its chain apart from that of our own kind of the same name.
constexpr std::string_view kGatewaySubject = "InferencePool.inference.networking.k8s.io";

Applied remembered(const Origin& origin, std::string hash) {
  return {.owner = origin.owner.uid,
          .pool = origin.pool == nullptr ? Uid() : origin.pool->uid,
          .generation = origin.owner.generation,
          .pool_generation = origin.pool == nullptr ? 0 : origin.pool->generation,
          .replicas = origin.replicas,
          .hash = std::move(hash)};
}

}  // namespace

bool Applied::is_from(const Origin& origin) const {
  const bool same_pool = origin.pool == nullptr ? pool.empty()
                                                : pool == origin.pool->uid &&
                                                      pool_generation == origin.pool->generation;
  return same_pool && replicas == origin.replicas && generation == origin.owner.generation &&
         owner == origin.owner.uid;
}

InferenceReconciler::InferenceReconciler(Context context, AppliedObjects& applied)
    : context_(context), applied_(applied) {
  for (const plan::Notice& notice : context_.picture.snapshot.notices) {
    if (plan::must_leave(notice.kind)) goes_.insert(notice.node);
  }
}

std::vector<Work> InferenceReconciler::work_for(const plan::InferenceDecision& decision) {
  const Shared<api::InferencePool>& object = context_.picture.inference[decision.workload];
  std::vector<Work> list;
  if (object->meta.deleted_at) return list;
  if (!object->spec.gateway && !context_.world.gateway_pools.find(object->meta.key)) {
    list.push_back(own_work(decision, nullptr));
    return list;
  }
  Work gateway = gateway_work(*object);
  const auto condition = gateway_condition(*object, gateway);
  list.push_back(own_work(decision, condition ? &*condition : nullptr));
  list.push_back(std::move(gateway));
  return list;
}

Work InferenceReconciler::own_work(const plan::InferenceDecision& decision,
                                   const api::Condition* gateway) {
  const Shared<api::InferencePool>& object = context_.picture.inference[decision.workload];
  Work work{.subject = reference_to("InferencePool", object->meta)};
  auto next =
      next_status(context_.picture, decision, context_.trouble_of(work.subject), context_.now);
  if (gateway != nullptr) api::set_condition(next.status.conditions, *gateway);
  if (gateway == nullptr && !object->spec.gateway)
    std::erase_if(next.status.conditions, [](const api::Condition& condition) {
      return condition.type == api::condition::kGatewayPool;
    });
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

// The Gateway API's object, for whoever asks for it; taken away when nobody does any more. A chain
// of its own: where its kind is not known nothing else waits.
Work InferenceReconciler::gateway_work(const api::InferencePool& object) {
  Work work{.subject = reference_to(kGatewaySubject, object.meta)};
  if (context_.observe) return work;
  const auto there = context_.world.gateway_pools.find(object.meta.key);
  if (object.spec.gateway) {
    apply(
        work, {.owner = object.meta}, kGatewayPools, there, object.meta.key,
        [&] { return gateway_pool(object); }, false);
  } else if (there && there->meta.controlled_by(object.meta.uid) && !there->meta.deleted_at) {
    work.writes.emplace_back(DeleteObject{kGatewayPools, there->meta.key, there->meta.uid,
                                          kube::Propagation::kBackground});
  }
  confirm_current(work, kInferencePools, object.meta);
  return work;
}

// Nothing is said while the first answer is awaited.
std::optional<api::Condition> InferenceReconciler::gateway_condition(
    const api::InferencePool& object, const Work& outstanding) const {
  if (!object.spec.gateway || context_.observe) return std::nullopt;
  const Trouble trouble = context_.trouble_of(outstanding.subject);
  if (outstanding.writes.empty())
    return condition(api::condition::kGatewayPool, true, object.meta.generation, "InStep", "",
                     context_.now);
  if (trouble.empty()) return std::nullopt;
  return condition(api::condition::kGatewayPool, false, object.meta.generation, "NotApplied",
                   trouble, context_.now);
}

void InferenceReconciler::inference_children(Work& work, const plan::InferenceDecision& decision,
                                             const api::InferencePool& object) {
  apply(
      work, {.owner = object.meta}, kube::kServices, context_.world.services.find(object.meta.key),
      object.meta.key, [&] { return inference_service(object); }, false);
  std::vector<Write> last;
  for (const DeploymentTarget& target : targets(decision)) {
    if (target.replicas == 0) {
      confirm_waiting(last, decision.workload, target);
      last.emplace_back(DeleteObject{kube::kDeployments, target.existing->meta.key,
                                     target.existing->meta.uid, kube::Propagation::kBackground});
    }
    drain(target.replicas == 0 ? last : work.writes, decision, target,
          [&] { deployment(work, object, target); });
  }
  std::move(last.begin(), last.end(), std::back_inserter(work.writes));
  apply(
      work, {.owner = object.meta}, kube::kPodDisruptionBudgets,
      context_.world.budgets.find(object.meta.key), object.meta.key,
      [&] { return inference_budget(object); }, false);
}

std::vector<Shared<kube::Pod>> InferenceReconciler::lost_replicas(std::size_t workload) const {
  std::vector<Shared<kube::Pod>> lost;
  for (const auto& [pool, share] : context_.picture.inference_children[workload].shares)
    lost.insert(lost.end(), share.lost_pods.begin(), share.lost_pods.end());
  return lost;
}

const InferenceShareChildren* InferenceReconciler::children_on(std::size_t workload,
                                                               std::size_t pool) const {
  const auto& shares = context_.picture.inference_children[workload].shares;
  const auto there = shares.find(context_.picture.snapshot.pools[pool].name);
  return there == shares.end() ? nullptr : &there->second;
}

// The replicas that are to end on nodes that are about to go.
//
// A ReplicaSet that shrinks ends what is not ready before what is (and of these what costs less,
// KEP-2255). So where all the others are ready it is told which one to take, and nothing is made
// only to be ended. Where they are not, the pods are deleted first: the ReplicaSet would take those
// that are still loading. Either way the pods get no more time than the notice leaves.
void InferenceReconciler::drain(std::vector<Write>& writes, const plan::InferenceDecision& decision,
                                const DeploymentTarget& target,
                                const std::function<void()>& apply_deployment) const {
  const bool shrinks = target.existing && target.existing->replicas > target.replicas;
  if (decision.drains.empty() && !shrinks) {
    if (target.replicas > 0) apply_deployment();
    return;
  }
  const InferenceShareChildren* children = children_on(decision.workload, target.pool);
  std::multiset<std::size_t> leave;
  const auto share = std::ranges::find(decision.shares, target.pool, &plan::InferenceShare::pool);
  if (share != decision.shares.end()) leave.insert(share->leave.begin(), share->leave.end());
  std::vector<Write> deletions;
  std::set<Uid> ending;
  for (const plan::Drain& drain : decision.drains) {
    if (drain.pool != target.pool || children == nullptr) continue;
    end_replicas(deletions, ending, *children, decision.workload, drain);
  }
  const bool others_ready =
      children == nullptr || std::ranges::all_of(children->replicas, [&](const auto& replica) {
        return ending.contains(replica.pod->meta.uid) || replica.pod->ready;
      });
  if (others_ready) {
    for (const plan::Drain& drain : decision.drains) {
      for (std::int64_t i = 0; drain.pool == target.pool && i < drain.replicas; ++i)
        leave.insert(drain.node);
    }
  } else {
    std::move(deletions.begin(), deletions.end(), std::back_inserter(writes));
  }
  if (shrinks && target.replicas > 0 && children != nullptr) mark_leaving(writes, *children, leave);
  if (shrinks && target.replicas > 0) confirm_waiting(writes, decision.workload, target);
  if (target.replicas > 0) apply_deployment();
  if (others_ready) std::move(deletions.begin(), deletions.end(), std::back_inserter(writes));
}

// Replicas that do not come are given up only by who has looked: a cache of then may not know yet
// that they came, and serve. One of them tells for all; what is read goes into the cache.
void InferenceReconciler::confirm_waiting(std::vector<Write>& writes, std::size_t workload,
                                          const DeploymentTarget& target) const {
  const InferenceShareChildren* children = children_on(workload, target.pool);
  if (children == nullptr) return;
  const auto waiting = std::ranges::find_if(
      children->replicas, [](const auto& replica) { return !replica.pod->ready; });
  if (waiting == children->replicas.end()) return;
  const kube::Meta& pod = waiting->pod->meta;
  writes.emplace_back(ConfirmCurrent{kube::kPods, pod.key, pod.resource_version});
}

void InferenceReconciler::end_replicas(std::vector<Write>& deletions, std::set<Uid>& ending,
                                       const InferenceShareChildren& children, std::size_t workload,
                                       const plan::Drain& drain) const {
  const Duration wish = context_.picture.snapshot.inference[workload].drain;
  constexpr Duration kLeast = std::chrono::seconds(1);
  const Duration left =
      drain.ends_by ? std::max(*drain.ends_by - context_.now, kLeast) : Duration::max();
  const auto grace = std::chrono::floor<std::chrono::seconds>(std::min(wish, left));
  std::int64_t replicas = drain.replicas;
  for (const InferenceShareChildren::Replica& replica : children.replicas) {
    if (replica.node != drain.node || replicas == 0) continue;
    --replicas;
    const kube::Meta& pod = replica.pod->meta;
    ending.insert(pod.uid);
    deletions.emplace_back(
        DeleteObject{kube::kPods, pod.key, pod.uid, kube::Propagation::kBackground, grace});
  }
}

// Which replicas a ReplicaSet is to give up first (KEP-2255). Before the Deployment shrinks; of
// an earlier shrinking nothing stays marked.
void InferenceReconciler::mark_leaving(std::vector<Write>& writes,
                                       const InferenceShareChildren& children,
                                       std::multiset<std::size_t> leave) {
  for (const InferenceShareChildren::Replica& replica : children.replicas) {
    const auto at = leave.find(replica.node);
    const bool leaves = at != leave.end();
    if (leaves) leave.erase(at);
    const std::string_view cost = replica.pod->meta.annotations.get(annotation::kDeletionCost);
    const bool marked = cost == annotation::kLeavesFirst;
    if (leaves == marked || (leaves && !cost.empty())) continue;  // a cost of the user's stays
    json value = leaves ? json(annotation::kLeavesFirst) : json();
    writes.emplace_back(Annotate{kube::kPods,
                                 replica.pod->meta.key,
                                 {{std::string(annotation::kDeletionCost), std::move(value)}}});
  }
}

// On nodes that are about to go, and not to end yet: the ReplicaSet is to have the ones that take
// their place beside them.
std::int64_t InferenceReconciler::staying_for_now(const plan::InferenceDecision& decision,
                                                  std::size_t pool) const {
  const auto& allocations = context_.picture.snapshot.inference[decision.workload].allocations;
  const auto at = std::ranges::find(allocations, pool, &plan::InferenceAllocation::pool);
  if (at == allocations.end()) return 0;
  std::int64_t there = 0;
  for (const plan::Bound& bound : at->bound)
    there += goes_.contains(bound.node) ? bound.replicas : 0;
  for (const plan::Drain& drain : decision.drains)
    there -= drain.pool == pool ? drain.replicas : 0;
  return there;
}

// Make before break: replicas that serve are given back only as the ones that take their place
// become ready. Growing Deployments come first, so that the new ones are asked for before
// anything shrinks.
std::vector<InferenceReconciler::DeploymentTarget> InferenceReconciler::targets(
    const plan::InferenceDecision& decision) const {
  std::vector<DeploymentTarget> list;
  for (const plan::InferenceShare& share : decision.shares) {
    const InferenceShareChildren* there = children_on(decision.workload, share.pool);
    list.push_back({.pool = share.pool,
                    .wanted = share.replicas,
                    .existing = there == nullptr ? nullptr : there->deployment});
  }
  const std::vector<plan::Pool>& pools = context_.picture.snapshot.pools;
  for (const auto& [name, there] : context_.picture.inference_children[decision.workload].shares) {
    const bool wanted = std::ranges::any_of(
        decision.shares, [&](const auto& share) { return pools[share.pool].name == name; });
    if (wanted || !there.deployment) continue;
    const auto pool = std::ranges::find(pools, name, &plan::Pool::name);
    if (pool == pools.end()) continue;
    list.push_back(
        {.pool = static_cast<std::size_t>(pool - pools.begin()), .existing = there.deployment});
  }
  for (DeploymentTarget& target : list) {
    target.replicas = target.wanted + staying_for_now(decision, target.pool);
    const auto kept = std::ranges::find(decision.kept, target.pool, &plan::Kept::pool);
    if (kept == decision.kept.end() || !target.existing) continue;
    const std::int64_t most = std::max<std::int64_t>(target.existing->replicas, target.replicas);
    target.replicas = std::min(target.replicas + kept->replicas, most);
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
                                     const DeploymentTarget& target) {
  const Shared<api::CapacityPool>& pool = context_.picture.pools[target.pool];
  const plan::Pool& offered = context_.picture.snapshot.pools[target.pool];
  const ObjectKey key{object.meta.key.ns, deployment_name(object.meta.key.name, offered.name)};
  const auto make = [&] {
    const HourlyRate rate =
        workload_rate(offered.offering.price.likely, target.replicas,
                      object.spec.accelerator.per_replica, offered.accelerators_per_node);
    return inference_deployment(object, *pool, {.replicas = target.replicas, .rate = rate});
  };
  const bool scaled_by_hand = target.existing && target.existing->replicas != target.replicas;
  apply(work, {.owner = object.meta, .pool = &pool->meta, .replicas = target.replicas},
        kube::kDeployments, target.existing, key, make, scaled_by_hand);
}

// Applies the object that `make` builds unless the one that is there carries its hash already.
template <class Existing, class Make>
void InferenceReconciler::apply(Work& work, const Origin& origin, kube::ResourceType type,
                                const Existing& existing, const ObjectKey& key, const Make& make,
                                bool force) {
  const bool ours = existing && existing->meta.controlled_by(origin.owner.uid);
  auto& known = applied_[type.plural];
  if (known.size() > kMaxRemembered) known.clear();
  Applied& memo = known[key];
  json object;
  if (!memo.is_from(origin)) {
    object = make();
    memo = remembered(origin,
                      object["metadata"]["annotations"][std::string(annotation::kAppliedHash)]);
  }
  if (ours && !force && existing->meta.annotations.get(annotation::kAppliedHash) == memo.hash)
    return;
  if (object.is_null()) object = make();
  work.writes.emplace_back(ApplyChild{type, std::move(object), origin.owner.uid, ours});
}

}  // namespace spillway::control
