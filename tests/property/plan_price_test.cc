// Prices: what a price may and may not cause.

#include <algorithm>

#include <gtest/gtest.h>

#include "plan_worlds.h"

namespace spillway::plan::test {
namespace {

Plan plan_of(const World& world) {
  return make_plan(world.snapshot, world.now, world.config);
}

std::vector<std::int64_t> accelerators_by_pool(const Snapshot& snapshot, const Plan& plan) {
  std::vector<std::int64_t> sum(snapshot.pools.size(), 0);
  for (const TrainingDecision& decision : plan.training) {
    const Demand& demand = snapshot.training[decision.workload].demand;
    if (decision.placement)
      sum[decision.placement->pool] += demand.replicas * demand.per_replica.accelerators.value();
  }
  for (const InferenceDecision& decision : plan.inference) {
    const Demand& demand = snapshot.inference[decision.workload].demand;
    for (const InferenceShare& share : decision.shares)
      sum[share.pool] += share.replicas * demand.per_replica.accelerators.value();
  }
  return sum;
}

void raise(World& world, std::size_t pool) {
  market::NodePrice& price = world.snapshot.pools[pool].offering.price;
  const int percent = *rc::gen::inRange(101, 500);
  price.likely = price.likely.scaled(percent, 100);
  price.upper = price.upper.scaled(percent, 100);
}

void raising_draws_nothing(World world) {
  const Plan before = plan_of(world);
  const std::size_t pool = *rc::gen::inRange<std::size_t>(0, world.snapshot.pools.size());
  World dearer = world;
  raise(dearer, pool);
  const Plan after = plan_of(dearer);
  RC_LOG() << show(world.snapshot) << named(world.snapshot, before) << "raised "
           << world.snapshot.pools[pool].name << " to "
           << dearer.snapshot.pools[pool].offering.price.upper.to_string() << "\n"
           << named(world.snapshot, after);
  RC_ASSERT(accelerators_by_pool(dearer.snapshot, after)[pool] <=
            accelerators_by_pool(world.snapshot, before)[pool]);
}

TEST(Property, RaisingAPriceNeverDrawsALoneJobThere) {
  check("one job, any past", [] {
    raising_draws_nothing(
        lived_in_world({.max_jobs = 1, .max_services = 0, .newcomers = false, .programme = false}));
  });
}

TEST(Property, RaisingAPriceNeverDrawsALoneServiceThere) {
  check("one service",
        [] { raising_draws_nothing(any_world({.max_jobs = 0, .max_services = 1})); });
}

// Where capacity binds a greedy plan cannot promise it: who leaves a dearer pool takes room
// elsewhere, and whom that displaces may come here. Where it does not bind, workloads meet only in
// the wish to spread, which distinct lives of pools decide first.
TEST(Property, RaisingAPriceDrawsNobodyThereWhileCapacityDoesNotBind) {
  check("many jobs, plenty of room", [] {
    raising_draws_nothing(any_world({.max_jobs = 10,
                                     .max_services = 0,
                                     .troubles = false,
                                     .plenty = true,
                                     .distinct_lives = true,
                                     .programme = false}));
  });
}

bool keeps_everything(const World& world, const Plan& plan) {
  const auto keeps_job = [&](const TrainingDecision& decision) {
    return !world.snapshot.training[decision.workload].placement ||
           (decision.verdict == TrainingVerdict::kKeep && !decision.interruption);
  };
  const auto keeps_service = [&](const InferenceDecision& decision) {
    const auto& allocations = world.snapshot.inference[decision.workload].allocations;
    return std::all_of(
        allocations.begin(), allocations.end(), [&](const InferenceAllocation& allocation) {
          return std::any_of(
              decision.shares.begin(), decision.shares.end(), [&](const InferenceShare& share) {
                return share.pool == allocation.pool && share.replicas >= allocation.desired;
              });
        });
  };
  return std::all_of(plan.training.begin(), plan.training.end(), keeps_job) &&
         std::all_of(plan.inference.begin(), plan.inference.end(), keeps_service);
}

// What was chosen on its merits stays through a ripple of 5 % in every price. Before it, on-demand
// that only stood in until spot served is given back, and who is drawn to its room has moved.
TEST(Property, ARippleMovesNothing) {
  check("a ripple of five percent", [] {
    World world =
        any_world({.reserved = false, .deadlines = false, .rate_limits = false, .troubles = false});
    constexpr int kSteps = 6;
    bool is_settled = false;
    for (int step = 0; step < kSteps && !is_settled; ++step) {
      carry_out(world, plan_of(world), std::chrono::minutes(20));
      is_settled = keeps_everything(world, plan_of(world));
    }
    RC_PRE(is_settled);
    for (Pool& pool : world.snapshot.pools) {
      const int permille = *rc::gen::inRange(950, 1051);
      pool.offering.price.likely = pool.offering.price.likely.scaled(permille, 1000);
      pool.offering.price.upper = pool.offering.price.upper.scaled(permille, 1000);
    }
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    RC_ASSERT(keeps_everything(world, plan));
  });
}

// A spare replica that nobody has yet is bought when spot has fallen below on-demand: a purchase
// and no move. What is there stays where it is, and so does the spare from then on.
void expect_nothing_but_a_first_spare(const InferenceDecision& before,
                                      const InferenceDecision& after) {
  std::int64_t more = 0;
  for (const InferenceShare& share : after.shares)
    more += share.replicas;
  for (const InferenceShare& share : before.shares) {
    more -= share.replicas;
    const auto same = std::ranges::find(after.shares, share.pool, &InferenceShare::pool);
    RC_ASSERT(same != after.shares.end());
    RC_ASSERT(same->replicas >= share.replicas);
  }
  RC_ASSERT(more == after.spare - before.spare);
}

// A day of ripples, each price on its own, the plan carried out each time: nobody moves, not even
// by small steps in one direction.
TEST(Property, ADayOfRipplesMovesNoReplica) {
  check("ripples of five percent around the same prices", [] {
    World world = any_world({.max_jobs = 2,
                             .max_services = 4,
                             .reserved = false,
                             .deadlines = false,
                             .rate_limits = false,
                             .troubles = false});
    carry_out(world, plan_of(world), std::chrono::minutes(20));
    carry_out(world, plan_of(world), std::chrono::minutes(20));
    const std::vector<Pool> base = world.snapshot.pools;
    Plan before = plan_of(world);
    RC_LOG() << show(world.snapshot) << named(world.snapshot, before);
    for (int step = 0; step < 40; ++step) {
      for (std::size_t i = 0; i < base.size(); ++i) {
        const int permille = *rc::gen::resize(100, rc::gen::inRange(950, 1051));
        market::NodePrice& price = world.snapshot.pools[i].offering.price;
        price.likely = base[i].offering.price.likely.scaled(permille, 1000);
        price.upper = base[i].offering.price.upper.scaled(permille, 1000);
      }
      const Plan plan = plan_of(world);
      RC_LOG() << "step " << step << "\n" << named(world.snapshot, plan);
      for (std::size_t i = 0; i < plan.inference.size(); ++i)
        expect_nothing_but_a_first_spare(before.inference[i], plan.inference[i]);
      carry_out(world, plan, std::chrono::minutes(36));
      before = plan;
    }
  });
}

}  // namespace
}  // namespace spillway::plan::test
