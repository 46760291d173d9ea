#include "inference_picture.h"

#include <algorithm>

namespace spillway::control {
namespace {

const InferenceShareChildren kNoChildren;

// Replicas that are to be ready whatever happens to one zone: as many as evictions have to leave (a
// percentage is rounded up, as in a PodDisruptionBudget), or all of them.
std::optional<std::int64_t> floor_through_zone_loss(const api::InferencePoolSpec& spec) {
  if (spec.capacity.survives != api::Survives::kZoneLoss) return std::nullopt;
  const auto& minimum = spec.disruption.min_available;
  if (!minimum) return spec.replicas;
  if (!minimum->percent) return std::min(minimum->value, spec.replicas);
  const std::int64_t percent = std::min<std::int64_t>(minimum->value, 100);
  return (percent * spec.replicas + 99) / 100;
}

}  // namespace

InferenceView::InferenceView(const plan::Snapshot& snapshot, bool observe, Instant now)
    : snapshot_(snapshot), observe_(observe), now_(now), goes_(snapshot.nodes.size()) {
  for (const plan::Notice& notice : snapshot.notices)
    goes_[notice.node] = plan::must_leave(notice.kind);
  for (std::size_t i = 0; i < snapshot.pools.size(); ++i)
    pools_.emplace(snapshot.pools[i].name, i);
}

plan::InferenceAllocation InferenceView::allocation(std::size_t pool,
                                                    const InferenceShareChildren& children) const {
  plan::InferenceAllocation allocation{
      .pool = pool, .since = now_, .starting_since = children.waiting_since.value_or(now_)};
  std::map<std::size_t, std::int64_t> bound;
  for (const InferenceShareChildren::Replica& replica : children.replicas) {
    const kube::Pod& pod = *replica.pod;
    // Without a node, or on one that left the pool.
    if (replica.node >= snapshot_.nodes.size() || snapshot_.nodes[replica.node].pool != pool)
      continue;
    ++bound[replica.node];
    if (goes_[replica.node]) continue;
    if (pod.ready) {
      ++allocation.ready;
    } else {
      allocation.loading.push_back(pod.bound_at.value_or(pod.meta.created_at));
    }
  }
  std::sort(allocation.loading.begin(), allocation.loading.end());
  for (const auto& [node, replicas] : bound)
    allocation.bound.push_back({.node = node, .replicas = replicas});
  return allocation;
}

plan::InferenceWorkload InferenceView::workload(const api::InferencePool& pool,
                                                const InferenceChildren& children,
                                                plan::Demand demand,
                                                Duration launch_timeout) const {
  const api::InferencePoolSpec& spec = pool.spec;
  plan::InferenceWorkload workload{
      .key = pool.meta.key, .uid = pool.meta.uid, .demand = std::move(demand)};
  workload.demand.tiers = spec.tiers;
  workload.demand.priority = spec.priority;
  workload.demand.max_rate = spec.max_rate;
  workload.baseline = spec.capacity.baseline;
  workload.spot_percent = spec.capacity.spot_percent;
  workload.overprovision = spec.capacity.overprovision;
  workload.fallback = spec.capacity.fallback;
  workload.floor_through_zone_loss = floor_through_zone_loss(spec);
  workload.drain = spec.disruption.drain_seconds
                       ? Duration(std::chrono::seconds(*spec.disruption.drain_seconds))
                       : spec.pod_template.shape().termination_grace;
  workload.launch_timeout = launch_timeout;
  workload.created_at = pool.meta.created_at;
  workload.terminating = pool.meta.deleted_at.has_value();
  std::map<std::size_t, const api::TierStatus*> recorded;
  for (const api::TierStatus& tier : pool.status.tiers) {
    const auto at = pools_.find(tier.pool);
    if (at != pools_.end() && tier.desired > 0) recorded.emplace(at->second, &tier);
  }
  for (const auto& [index, tier] : recorded) {
    const auto share = children.shares.find(tier->pool);
    plan::InferenceAllocation allocation =
        this->allocation(index, share == children.shares.end() ? kNoChildren : share->second);
    allocation.desired = tier->desired;
    allocation.leaving = tier->leaving;
    allocation.since = tier->since;
    if (observe_) allocation.ready = tier->desired;
    workload.allocations.push_back(std::move(allocation));
  }
  // Given back, and not gone yet: these may serve, or have to leave their node.
  for (const auto& [name, share] : children.shares) {
    const auto at = pools_.find(name);
    if (at == pools_.end() || recorded.contains(at->second) || share.replicas.empty()) continue;
    workload.allocations.push_back(allocation(at->second, share));
  }
  return workload;
}

}  // namespace spillway::control
