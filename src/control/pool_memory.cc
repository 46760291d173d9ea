#include <spillway/control/pool_memory.h>

#include <algorithm>
#include <set>

#include <spillway/control/keys.h>

namespace spillway::control {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr std::size_t kMaxInterruptions = 1000;

Duration whole_seconds(Duration time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

}  // namespace

void PoolMemory::learn_from_picture(const Picture& picture, Instant now) {
  learn_pools(picture, now);
  const Use use = use_of(picture);
  std::set<PoolName> losses = learn_nodes(picture, use, now);
  if (!looked_) losses.merge(learn_unseen(picture, now));
  looked_ = true;
  learn_launches(picture);
  learn_market(picture, use, losses, now);
  forget_interruptions(now);
}

void PoolMemory::learn_from_plan(const Picture& picture, const plan::Plan& plan, Instant now) {
  for (const plan::StockOut& failure : plan.stock_outs) {
    const plan::Pool& pool = picture.snapshot.pools[failure.pool];
    Known& known = pools_.at(pool.name);
    known.stock_outs = market::after_launch_failure(known.stock_outs, failure.since, now);
    if (pool.tier == api::Tier::kSpot) see(known, plan::MarketState::kGap, now);
  }
}

void PoolMemory::learn_pools(const Picture& picture, Instant now) {
  std::map<PoolName, Known> current;
  for (std::size_t i = 0; i < picture.pools.size(); ++i) {
    const api::CapacityPool& pool = *picture.pools[i];
    const PoolName& name = picture.snapshot.pools[i].name;
    const auto known = pools_.find(name);
    if (known != pools_.end() && known->second.uid == pool.meta.uid) {
      current.emplace(name, std::move(known->second));
      continue;
    }
    Known fresh{.uid = pool.meta.uid,
                .life = life_sums(pool.status),
                .stock_outs = stock_out_memory(pool.status)};
    // When exactly they were is not in the status; reckoned from now they are forgotten late rather
    // than early.
    fresh.interruptions.assign(
        static_cast<std::size_t>(std::max(pool.status.interruptions_last_day, 0)), now);
    current.emplace(name, std::move(fresh));
  }
  pools_ = std::move(current);
}

void PoolMemory::forget_interruptions(Instant now) {
  for (auto& [name, known] : pools_) {
    while (!known.interruptions.empty() && now - known.interruptions.front() >= kDay)
      known.interruptions.pop_front();
  }
}

PoolMemory::Use PoolMemory::use_of(const Picture& picture) {
  const plan::Snapshot& snapshot = picture.snapshot;
  Use use{.works = std::vector<bool>(snapshot.nodes.size()),
          .leaves = std::vector<bool>(snapshot.nodes.size())};
  const auto add = [&](const std::vector<plan::Bound>& bound) {
    for (const plan::Bound& there : bound)
      use.works[there.node] = true;
  };
  for (const auto& workload : snapshot.training)
    add(workload.bound);
  for (const auto& workload : snapshot.inference) {
    for (const auto& allocation : workload.allocations)
      add(allocation.bound);
  }
  for (const plan::Notice& notice : snapshot.notices)
    use.leaves[notice.node] = notice.kind == plan::NoticeKind::kInterruption;
  return use;
}

void PoolMemory::count_loss(Known& pool, Duration life, Instant now) {
  pool.life = market::after_loss(pool.life, whole_seconds(life));
  pool.life.exposure = whole_seconds(pool.life.exposure);
  pool.interruptions.push_back(now);
  if (pool.interruptions.size() > kMaxInterruptions) pool.interruptions.pop_front();
}

std::set<PoolName> PoolMemory::learn_nodes(const Picture& picture, const Use& use, Instant now) {
  std::map<NodeName, SeenNode> seen;
  for (std::size_t i = 0; i < picture.snapshot.nodes.size(); ++i) {
    const plan::Node& node = picture.snapshot.nodes[i];
    const auto before = nodes_.find(node.name);
    // Its pods may be reported gone before the node is: work seen once stays, until another kind of
    // end is seen.
    const bool worked =
        use.works[i] || (before != nodes_.end() && before->second.worked && !node.usable);
    seen.emplace(node.name, SeenNode{.pool = picture.snapshot.pools[node.pool].name,
                                     .age = std::max(now - picture.node_created_at[i], Duration(0)),
                                     .seen_at = now,
                                     .worked = worked,
                                     .leaves = use.leaves[i]});
  }
  std::set<PoolName> losses;
  for (const auto& [name, node] : nodes_) {
    if (seen.contains(name) || !(node.worked || node.leaves)) continue;
    losses.insert(node.pool);
    const auto pool = pools_.find(node.pool);
    if (pool != pools_.end()) count_loss(pool->second, node.age + (now - node.seen_at), now);
  }
  nodes_ = std::move(seen);
  return losses;
}

namespace {

// Nodes of one pool that went with work on them, as pods and attempts tell it.
struct Evidence {
  std::set<NodeName> nodes;      // that pods of ours are still bound to
  std::size_t attempts = 0;      // that lost a node which no pod names any more
  std::optional<Instant> since;  // since when the earliest of them was at work
  void at_work(Instant at) { since = std::min(since.value_or(at), at); }
  [[nodiscard]] std::size_t count() const { return nodes.size() + attempts; }
};
using EvidenceByPool = std::map<PoolName, Evidence>;

void add_pods(const std::vector<Shared<kube::Pod>>& lost, EvidenceByPool& found) {
  for (const Shared<kube::Pod>& pod : lost) {
    const auto pool = pod->meta.labels.find(label::kPool);
    if (!pool) continue;
    Evidence& evidence = found[PoolName(*pool)];
    evidence.nodes.insert(NodeName(pod->node.str()));
    evidence.at_work(pod->bound_at.value_or(pod->meta.created_at));
  }
}

EvidenceByPool evidence_of(const Picture& picture) {
  EvidenceByPool found;
  for (std::size_t i = 0; i < picture.training_children.size(); ++i) {
    const TrainingChildren& children = picture.training_children[i];
    add_pods(children.lost_pods, found);
    const plan::TrainingWorkload& workload = picture.snapshot.training[i];
    const bool unnamed = workload.placement && workload.state == plan::AttemptState::kLost &&
                         children.lost_pods.empty();
    if (!unnamed) continue;
    Evidence& evidence = found[picture.snapshot.pools[workload.placement->pool].name];
    ++evidence.attempts;
    evidence.at_work(workload.running_since.value_or(workload.placement->since));
  }
  for (const InferenceChildren& children : picture.inference_children) {
    for (const auto& [name, share] : children.shares)
      add_pods(share.lost_pods, found);
  }
  return found;
}

bool names_what_went(const Evidence& evidence, const std::set<NodeName>& present) {
  if (evidence.attempts > 0 && present.empty()) return true;
  return !std::ranges::includes(present, evidence.nodes);
}

}  // namespace

// A node that is given back leaves neither a pod behind that has not ended nor an attempt that was
// lost: fewer nodes alone are no loss. When the pods have been cleared away, nothing says any more
// that the attempt was lost with its node, but a node less does, or that there is none any more.
// What is written down already is not counted again, but was lost all the same: the decision that
// follows from it may still have to be made. A node that is silent is not gone.
std::set<PoolName> PoolMemory::learn_unseen(const Picture& picture, Instant now) {
  const EvidenceByPool found = evidence_of(picture);
  std::vector<std::set<NodeName>> present(picture.pools.size());
  for (const plan::Node& node : picture.snapshot.nodes)
    present[node.pool].insert(node.name);
  std::set<PoolName> losses;
  for (std::size_t i = 0; i < picture.pools.size(); ++i) {
    const auto& recorded = picture.pools[i]->status.nodes;
    const PoolName& name = picture.snapshot.pools[i].name;
    const auto evidence = found.find(name);
    if (evidence == found.end()) continue;
    if (names_what_went(evidence->second, present[i])) losses.insert(name);
    if (!recorded) continue;
    const std::int64_t fewer = recorded->ready - picture.ready_nodes[i];
    const std::int64_t lost = std::min(fewer, static_cast<std::int64_t>(evidence->second.count()));
    const Duration life = std::max(now - evidence->second.since.value_or(now), Duration(0));
    for (std::int64_t node = 0; node < lost; ++node)
      count_loss(pools_.at(name), life, now);
    if (lost > 0) losses.insert(name);
  }
  return losses;
}

// A spot pool is there while it has a node that works or could, and is not there when its last node
// was taken (or when a launch failed, which the plan tells). An idle node from before a gap says
// nothing of what is on offer since. Between sightings nothing is assumed (plan/hazard.h).
void PoolMemory::learn_market(const Picture& picture, const Use& use,
                              const std::set<PoolName>& losses, Instant now) {
  std::vector<bool> is_there(picture.snapshot.pools.size());
  for (std::size_t i = 0; i < picture.snapshot.nodes.size(); ++i) {
    const plan::Node& node = picture.snapshot.nodes[i];
    if (!node.usable || use.leaves[i]) continue;
    const plan::Pool& pool = picture.snapshot.pools[node.pool];
    const plan::HazardMemory& market = pools_.at(pool.name).market;
    const bool in_gap = market.state() == plan::MarketState::kGap;
    const bool is_old =
        losses.contains(pool.name) || (in_gap && picture.node_created_at[i] <= market.seen_at());
    is_there[node.pool] = is_there[node.pool] || use.works[i] || !is_old;
  }
  for (std::size_t i = 0; i < picture.snapshot.pools.size(); ++i) {
    const plan::Pool& pool = picture.snapshot.pools[i];
    if (pool.tier != api::Tier::kSpot) continue;
    Known& known = pools_.at(pool.name);
    if (is_there[i]) {
      see(known, plan::MarketState::kWindow, now);
    } else if (losses.contains(pool.name)) {
      see(known, plan::MarketState::kGap, now);
    }
  }
}

// A pass sees a pool once: when its plan tells of a failed launch, or a loss comes in the same
// second, the pool was not there after all.
void PoolMemory::see(Known& pool, plan::MarketState state, Instant now) {
  const bool again = pool.market.state() && now == pool.market.seen_at();
  if (!again) {
    pool.market_before = pool.market;
  } else if (state == plan::MarketState::kGap && pool.market.state() != state) {
    pool.market = pool.market_before;
  }
  pool.market.see(state, now);
}

void PoolMemory::show(Picture& picture) const {
  for (std::size_t i = 0; i < picture.snapshot.pools.size(); ++i) {
    plan::Pool& pool = picture.snapshot.pools[i];
    const auto known = pools_.find(pool.name);
    if (pool.tier != api::Tier::kSpot || known == pools_.end()) continue;
    const Duration age = picture.oldest_node_age[i].value_or(Duration(0));
    pool.offering.life = market::estimate_life(known->second.life, age);
    const plan::HazardMemory& market = known->second.market;
    if (!market.state()) continue;
    pool.seen_state = market.state();
    pool.seen_at = market.seen_at();
    pool.seen_age = market.age();
    pool.hazard = market.scale();
  }
}

void PoolMemory::learn_launches(const Picture& picture) {
  const auto succeeded = [&](std::size_t at, Instant since) {
    Known& pool = pools_.at(picture.snapshot.pools[at].name);
    if (pool.stock_outs.failures > 0)
      pool.stock_outs = market::after_launch_success(pool.stock_outs, since);
  };
  for (const auto& workload : picture.snapshot.training) {
    if (workload.placement && workload.state == plan::AttemptState::kRunning)
      succeeded(workload.placement->pool, workload.placement->since);
  }
  // A replica may be replaced on a node that has been there all the time: only one that came for
  // it, or after it, was launched.
  for (const InferenceChildren& children : picture.inference_children) {
    for (const auto& [name, share] : children.shares) {
      for (const InferenceShareChildren::Replica& replica : share.replicas) {
        if (replica.node >= picture.snapshot.nodes.size()) continue;
        succeeded(picture.snapshot.nodes[replica.node].pool,
                  std::min(replica.pod->meta.created_at, picture.node_created_at[replica.node]));
      }
    }
  }
}

const market::LifeSums& PoolMemory::life(const PoolName& pool) const {
  return pools_.at(pool).life;
}
const market::StockOutMemory& PoolMemory::stock_outs(const PoolName& pool) const {
  return pools_.at(pool).stock_outs;
}
std::int32_t PoolMemory::interruptions_last_day(const PoolName& pool) const {
  return static_cast<std::int32_t>(pools_.at(pool).interruptions.size());
}

std::optional<Instant> PoolMemory::next_change(Instant now) const {
  std::optional<Instant> next;
  const auto consider = [&](Instant at) {
    if (at > now) next = std::min(next.value_or(at), at);
  };
  for (const auto& [name, known] : pools_) {
    if (const auto retry = market::retry_at(known.stock_outs, now)) consider(*retry);
    if (!known.interruptions.empty()) consider(known.interruptions.front() + kDay);
  }
  return next;
}

}  // namespace spillway::control
