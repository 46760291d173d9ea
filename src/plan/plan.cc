// The decision, in numbered steps. Each step is a file of its own; this one says in which order
// they apply.

#include <spillway/plan/plan.h>

#include <algorithm>
#include <tuple>

#include "inference.h"
#include "notices.h"
#include "pass.h"
#include "training.h"
#include "verdict.h"

namespace spillway::plan {
namespace {

// A decision can free room that another wants more, so the steps are repeated until nothing
// changes: planning the result again then changes nothing. Every repetition is forced by a
// displacement or a move, and a workload moves at most once a pass (min_run), so few are needed;
// the limit only bounds the time of a pass, what is left is done in the next.
constexpr int kMaxRounds = 16;

struct Turn {
  std::int64_t priority = 0;
  bool job = false;  // services come before jobs of the same priority: their users are waiting
  Instant created_at{};
  const ObjectKey* key = nullptr;
  std::size_t index = 0;

  friend bool operator<(const Turn& a, const Turn& b) {
    return std::tuple(-a.priority, a.job, a.created_at, std::tie(*a.key)) <
           std::tuple(-b.priority, b.job, b.created_at, std::tie(*b.key));
  }
};

Beneficiary beneficiary(const Turn& turn) {
  return {.index = turn.index, .inference = !turn.job};
}

// Spot and on-demand: one workload after the other, each on what is best for it. Only those that
// want something queue up, so a pass in which nothing is to be done sorts nothing.
void assign_bought(Pass& pass) {
  std::vector<Turn> turns;
  const auto queue = [&](const auto& workload, bool job, std::size_t index) {
    turns.push_back({.priority = workload.demand.priority,
                     .job = job,
                     .created_at = workload.created_at,
                     .key = &workload.key,
                     .index = index});
  };
  for (std::size_t i = 0; i < pass.jobs.size(); ++i) {
    if (wants_turn(pass, pass.jobs[i])) queue(*pass.jobs[i].workload, true, i);
  }
  for (std::size_t i = 0; i < pass.services.size(); ++i) {
    if (wants_turn(pass, pass.services[i])) queue(*pass.services[i].workload, false, i);
  }
  std::sort(turns.begin(), turns.end());
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const Turn& turn = turns[i];
    if (const std::size_t later = i + 2 * kAhead; later < turns.size())
      look_ahead(pass, beneficiary(turns[i + kAhead]), beneficiary(turns[later]));
    turn.job ? settle(pass, pass.jobs[turn.index]) : settle(pass, pass.services[turn.index]);
  }
}

// What is there and used now, for status; the decisions of this pass are not in it.
std::vector<PoolUse> use_of_pools(const Snapshot& snapshot) {
  std::vector<PoolUse> uses(snapshot.pools.size());
  std::vector<std::int64_t> free(snapshot.nodes.size());
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    const Node& node = snapshot.nodes[i];
    free[i] = std::max<std::int64_t>(node.free.accelerators.value(), 0);
    if (node.usable) uses[node.pool].capacity += AcceleratorCount(free[i]);
  }
  const auto count = [&](const Demand& demand, const std::vector<Bound>& bound) {
    for (const Bound& at : bound) {
      const AcceleratorCount used = demand.per_replica.accelerators * at.replicas;
      uses[snapshot.nodes[at.node].pool].used += used;
      free[at.node] -= used.value();
    }
  };
  for (const TrainingWorkload& workload : snapshot.training)
    count(workload.demand, workload.bound);
  for (const InferenceWorkload& workload : snapshot.inference) {
    for (const InferenceAllocation& allocation : workload.allocations)
      count(workload.demand, allocation.bound);
  }
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    const Node& node = snapshot.nodes[i];
    if (node.usable) uses[node.pool].free += AcceleratorCount(std::max<std::int64_t>(free[i], 0));
  }
  return uses;
}

}  // namespace

Plan make_plan(const Snapshot& snapshot, Instant now, const Config& config) {
  // 1. What every workload holds, what its children say about it, and how much room is left.
  Pass pass(snapshot, now, config);

  // 2. Until nothing changes: the reserved baseline to whoever would pay most elsewhere, then spot
  // and on-demand by expected
  //    cost, deadline and patience.
  for (int round = 0; round < kMaxRounds; ++round) {
    if (round > 0) pass.repack();
    pass.changed = false;
    pass.spot_markets.next_round();
    pass.wake = Wake(now);
    assign_reserved(pass);
    assign_bought(pass);
    if (!pass.changed) break;
  }

  // 3. What that means for each workload, in the order of the snapshot.
  Plan plan;
  plan.training.reserve(pass.jobs.size());
  for (std::size_t i = 0; i < pass.jobs.size(); ++i)
    plan.training.push_back(decide_training(pass, i));
  plan.inference.reserve(pass.services.size());
  for (std::size_t i = 0; i < pass.services.size(); ++i)
    plan.inference.push_back(decide_inference(pass, i));
  std::sort(pass.stock_outs.begin(), pass.stock_outs.end(),
            [&](const StockOut& a, const StockOut& b) {
              return std::tuple(pass.catalogue.rank(a.pool), a.since) <
                     std::tuple(pass.catalogue.rank(b.pool), b.since);
            });
  plan.pools = use_of_pools(snapshot);
  plan.gone_nodes = gone_nodes(snapshot);

  // 4. When to look again although nothing happens.
  consider_wake(pass);
  plan.wake_at = pass.wake.at();
  plan.stock_outs = std::move(pass.stock_outs);
  return plan;
}

}  // namespace spillway::plan
