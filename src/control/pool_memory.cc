#include <spillway/control/pool_memory.h>

#include <algorithm>
#include <set>

namespace spillway::control {
namespace {

constexpr Duration kDay = std::chrono::hours(24);
constexpr std::size_t kMaxInterruptions = 1000;

Duration whole_seconds(Duration time) {
  return std::chrono::floor<std::chrono::seconds>(time);
}

}  // namespace

void PoolMemory::learn(const Picture& picture, const plan::Plan& plan, Instant now) {
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
  const std::set<PoolName> losses = learn_nodes(picture, now);
  learn_launches(picture, plan, now);
  learn_market(picture, plan, losses, now);
  for (auto& [name, known] : pools_) {
    while (!known.interruptions.empty() && now - known.interruptions.front() >= kDay)
      known.interruptions.pop_front();
  }
}

std::set<PoolName> PoolMemory::learn_nodes(const Picture& picture, Instant now) {
  std::set<std::size_t> working;
  for (const auto& workload : picture.snapshot.training) {
    for (const plan::Bound& bound : workload.bound)
      working.insert(bound.node);
  }
  for (const auto& workload : picture.snapshot.inference) {
    for (const auto& allocation : workload.allocations) {
      for (const plan::Bound& bound : allocation.bound)
        working.insert(bound.node);
    }
  }
  std::map<NodeName, SeenNode> seen;
  for (std::size_t i = 0; i < picture.snapshot.nodes.size(); ++i) {
    const plan::Node& node = picture.snapshot.nodes[i];
    const auto before = nodes_.find(node.name);
    // Its pods may be reported gone before the node is: work seen once stays, until another kind of
    // end is seen.
    const bool worked =
        working.contains(i) || (before != nodes_.end() && before->second.worked && !node.usable);
    seen.emplace(node.name, SeenNode{.pool = picture.snapshot.pools[node.pool].name,
                                     .age = std::max(now - picture.node_created_at[i], Duration(0)),
                                     .seen_at = now,
                                     .worked = worked});
  }
  std::set<PoolName> losses;
  for (const auto& [name, node] : nodes_) {
    if (seen.contains(name) || !node.worked) continue;
    losses.insert(node.pool);
    const auto pool = pools_.find(node.pool);
    if (pool == pools_.end()) continue;
    pool->second.life =
        market::after_loss(pool->second.life, whole_seconds(node.age + (now - node.seen_at)));
    pool->second.life.exposure = whole_seconds(pool->second.life.exposure);
    pool->second.interruptions.push_back(now);
    if (pool->second.interruptions.size() > kMaxInterruptions)
      pool->second.interruptions.pop_front();
  }
  nodes_ = std::move(seen);
  return losses;
}

// A spot pool is there while it has a node that works or could, and is not there when a launch
// failed or its last node was taken. Between sightings nothing is assumed (plan/hazard.h).
void PoolMemory::learn_market(const Picture& picture, const plan::Plan& plan,
                              const std::set<PoolName>& losses, Instant now) {
  std::vector<bool> is_there(picture.snapshot.pools.size());
  for (const plan::Node& node : picture.snapshot.nodes)
    is_there[node.pool] = is_there[node.pool] || node.usable;
  std::vector<bool> failed(picture.snapshot.pools.size());
  for (const plan::StockOut& failure : plan.stock_outs)
    failed[failure.pool] = true;
  for (std::size_t i = 0; i < picture.snapshot.pools.size(); ++i) {
    const plan::Pool& pool = picture.snapshot.pools[i];
    if (pool.tier != api::Tier::kSpot) continue;
    plan::HazardMemory& market = pools_.at(pool.name).market;
    if (failed[i] || (!is_there[i] && losses.contains(pool.name))) {
      market.see(plan::MarketState::kGap, now);
    } else if (is_there[i]) {
      market.see(plan::MarketState::kWindow, now);
    }
  }
}

void PoolMemory::show_market(Picture& picture) const {
  for (plan::Pool& pool : picture.snapshot.pools) {
    const auto known = pools_.find(pool.name);
    if (known == pools_.end() || !known->second.market.state()) continue;
    const plan::HazardMemory& market = known->second.market;
    pool.seen_state = market.state();
    pool.seen_at = market.seen_at();
    pool.seen_age = market.age();
    pool.hazard = market.scale();
  }
}

void PoolMemory::learn_launches(const Picture& picture, const plan::Plan& plan, Instant now) {
  for (const plan::StockOut& failure : plan.stock_outs) {
    Known& pool = pools_.at(picture.snapshot.pools[failure.pool].name);
    pool.stock_outs = market::after_launch_failure(pool.stock_outs, failure.since, now);
  }
  for (const auto& workload : picture.snapshot.training) {
    if (!workload.placement || workload.state != plan::AttemptState::kRunning) continue;
    Known& pool = pools_.at(picture.snapshot.pools[workload.placement->pool].name);
    if (pool.stock_outs.failures == 0) continue;
    pool.stock_outs = market::after_launch_success(pool.stock_outs, workload.placement->since);
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
