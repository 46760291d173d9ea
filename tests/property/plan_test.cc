// What holds for every world (include/spillway/plan/plan.h).

#include <algorithm>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "plan_worlds.h"

namespace spillway::plan::test {
namespace {

Plan plan_of(const World& world) {
  return make_plan(world.snapshot, world.now, world.config);
}

std::map<std::size_t, std::int64_t> counts(const InferenceDecision& decision) {
  std::map<std::size_t, std::int64_t> replicas;
  for (const InferenceShare& share : decision.shares)
    replicas[share.pool] = share.replicas;
  return replicas;
}

template <class T>
std::vector<std::size_t> shuffle(std::vector<T>& values) {
  const std::size_t size = values.size();
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = size; i > 1; --i)
    std::swap(order[i - 1], order[*rc::gen::resize(100, rc::gen::inRange<std::size_t>(0, i))]);
  std::vector<T> shuffled;
  std::vector<std::size_t> position(size);
  for (std::size_t i = 0; i < size; ++i) {
    position[order[i]] = i;
    shuffled.push_back(std::move(values[order[i]]));
  }
  values = std::move(shuffled);
  return position;  // by old index
}

// The same world with everything in another order.
Snapshot permuted(Snapshot snapshot) {
  const auto pool = shuffle(snapshot.pools);
  for (Node& node : snapshot.nodes)
    node.pool = pool[node.pool];
  const auto node = shuffle(snapshot.nodes);
  for (Notice& notice : snapshot.notices)
    notice.node = node[notice.node];
  shuffle(snapshot.notices);
  const auto rebind = [&](std::vector<Bound>& bound) {
    for (Bound& at : bound)
      at.node = node[at.node];
    shuffle(bound);
  };
  for (TrainingWorkload& job : snapshot.training) {
    if (job.placement) job.placement->pool = pool[job.placement->pool];
    rebind(job.bound);
  }
  for (InferenceWorkload& service : snapshot.inference) {
    for (InferenceAllocation& allocation : service.allocations) {
      allocation.pool = pool[allocation.pool];
      rebind(allocation.bound);
    }
    shuffle(service.allocations);
  }
  shuffle(snapshot.training);
  shuffle(snapshot.inference);
  return snapshot;
}

TEST(Property, TheOrderOfTheInputNeverMatters) {
  check("permuted input, same plan", [] {
    const World world = lived_in_world({});
    const Snapshot other = permuted(world.snapshot);
    RC_LOG() << show(world.snapshot);
    RC_ASSERT(named(other, make_plan(other, world.now, world.config)) ==
              named(world.snapshot, plan_of(world)));
  });
}

TEST(Property, PlanningTheResultAgainChangesNothing) {
  check("a plan is a fixed point", [] {
    World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan first = plan_of(world);
    RC_LOG() << named(world.snapshot, first);
    world.snapshot = apply_plan(world.snapshot, first, world.now, world.config);
    const Plan second = plan_of(world);
    RC_LOG() << "again:\n" << named(world.snapshot, second);
    RC_ASSERT(second.stock_outs.empty());
    for (const TrainingDecision& decision : second.training) {
      const bool still =
          decision.verdict == TrainingVerdict::kKeep || decision.verdict == TrainingVerdict::kWait;
      RC_ASSERT(still);
    }
    for (std::size_t i = 0; i < second.inference.size(); ++i)
      RC_ASSERT(counts(second.inference[i]) == counts(first.inference[i]));
  });
}

TEST(Property, NeverMoreThanThereIsRoomFor) {
  check("every replica has a slot on some node", [] {
    const World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    const auto before = packed(world.snapshot);
    const auto after = packed(apply_plan(world.snapshot, plan, world.now, world.config));
    for (std::size_t i = 0; i < before.size(); ++i) {
      RC_LOG() << world.snapshot.pools[i].name << " before " << before[i].has_value() << " after "
               << after[i].has_value() << "\n";
      RC_ASSERT(!before[i] || after[i]);
    }
  });
}

TEST(Property, NeverAForbiddenTierOrModel) {
  check("tiers and models are obeyed", [] {
    const World world = lived_in_world({});
    const Plan plan = plan_of(world);
    const auto obeys = [&](const Demand& demand, std::size_t index) {
      const Pool& pool = world.snapshot.pools[index];
      const bool model = std::any_of(demand.models.begin(), demand.models.end(),
                                     [&](const auto& m) { return m.model == pool.model; });
      return model && demand.tiers.contains(pool.tier);
    };
    for (const TrainingDecision& decision : plan.training) {
      const TrainingWorkload& job = world.snapshot.training[decision.workload];
      if (decision.placement)
        RC_ASSERT(job.terminating || obeys(job.demand, decision.placement->pool));
    }
    for (const InferenceDecision& decision : plan.inference) {
      const InferenceWorkload& service = world.snapshot.inference[decision.workload];
      for (const InferenceShare& share : decision.shares) {
        RC_ASSERT(share.replicas > 0);
        RC_ASSERT(service.terminating || obeys(service.demand, share.pool));
        const bool spot = world.snapshot.pools[share.pool].tier == api::Tier::kSpot;
        RC_ASSERT(service.terminating || !spot || service.spot_percent > 0);
      }
    }
  });
}

TEST(Property, ReplicasAreNeitherInventedNorForgotten) {
  check("shares and unplaced add up", [] {
    const World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    RC_ASSERT(plan.training.size() == world.snapshot.training.size());
    RC_ASSERT(plan.inference.size() == world.snapshot.inference.size());
    for (std::size_t i = 0; i < plan.inference.size(); ++i) {
      const InferenceDecision& decision = plan.inference[i];
      std::int64_t placed = 0;
      for (const InferenceShare& share : decision.shares)
        placed += share.replicas;
      RC_ASSERT(decision.workload == i);
      RC_ASSERT(world.snapshot.inference[i].terminating ||
                placed + decision.unplaced == world.snapshot.inference[i].demand.replicas +
                                                  decision.covering + decision.spare);
      RC_ASSERT(decision.spare <= world.snapshot.inference[i].overprovision ||
                world.snapshot.inference[i].floor_through_zone_loss ||
                world.snapshot.inference[i].terminating);
    }
    for (std::size_t i = 0; i < plan.training.size(); ++i) {
      const TrainingDecision& decision = plan.training[i];
      RC_ASSERT(decision.workload == i);
      const bool has_place =
          decision.verdict == TrainingVerdict::kKeep || decision.verdict == TrainingVerdict::kPlace;
      RC_ASSERT(decision.placement.has_value() == has_place);
      if (decision.verdict == TrainingVerdict::kPlace)
        RC_ASSERT(decision.placement->attempt > world.snapshot.training[i].last_attempt);
      RC_ASSERT(decision.alternatives.size() <= 5U);
    }
  });
}

// How many replicas would serve after the loss of all spot in the worst zone, of those that are
// ready now and that a plan lets serve on (without one: all).
std::int64_t left_after_zone_loss(const Snapshot& snapshot, const InferenceWorkload& service,
                                  const InferenceDecision* decision) {
  std::map<std::size_t, std::int64_t> wanted;
  if (decision != nullptr) {
    wanted = counts(*decision);
    for (const Kept& kept : decision->kept)
      wanted[kept.pool] += kept.replicas;
  }
  std::map<Zone, std::int64_t> in_zone;
  std::int64_t total = 0;
  std::int64_t largest = 0;
  for (const InferenceAllocation& allocation : service.allocations) {
    const std::int64_t stays = decision == nullptr
                                   ? allocation.ready
                                   : std::min(allocation.ready, wanted[allocation.pool]);
    const Pool& pool = snapshot.pools[allocation.pool];
    total += stays;
    if (pool.tier == api::Tier::kSpot)
      largest = std::max(largest, in_zone[pool.location.zone] += stays);
  }
  return total - largest;
}

bool has_on_demand(const Snapshot& snapshot, const Plan& plan, const Demand& demand) {
  if (!demand.tiers.contains(api::Tier::kOnDemand)) return false;
  for (std::size_t i = 0; i < snapshot.pools.size(); ++i) {
    const Pool& pool = snapshot.pools[i];
    const bool fits = std::any_of(demand.models.begin(), demand.models.end(),
                                  [&](const auto& m) { return m.model == pool.model; });
    const bool failed = std::any_of(plan.stock_outs.begin(), plan.stock_outs.end(),
                                    [&](const StockOut& out) { return out.pool == i; });
    if (pool.tier == api::Tier::kOnDemand && fits && !failed) return true;
  }
  return false;
}

// While on-demand is to be had, that is (docs/inference.md).
TEST(Property, WhatSurvivesTheLossOfAZoneIsNotGivenUpWhileItDoes) {
  check("make before break through the loss of a zone", [] {
    const World world = lived_in_world(
        {.max_jobs = 2, .rate_limits = false, .troubles = false, .plenty = true, .notices = false});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    for (std::size_t i = 0; i < plan.inference.size(); ++i) {
      const InferenceWorkload& service = world.snapshot.inference[i];
      if (service.terminating || !service.floor_through_zone_loss ||
          service.fallback != api::OnDemandFallback::kWhileNotReady ||
          !has_on_demand(world.snapshot, plan, service.demand))
        continue;
      const std::int64_t before = left_after_zone_loss(world.snapshot, service, nullptr);
      const std::int64_t after = left_after_zone_loss(world.snapshot, service, &plan.inference[i]);
      RC_ASSERT(after >= std::min(before, *service.floor_through_zone_loss));
    }
  });
}

TEST(Property, WhatIsOverGetsNothingNew) {
  check("finished, suspended and terminating workloads gain nothing", [] {
    const World world = lived_in_world({});
    const Plan plan = plan_of(world);
    for (std::size_t i = 0; i < plan.training.size(); ++i) {
      const TrainingWorkload& job = world.snapshot.training[i];
      const TrainingDecision& decision = plan.training[i];
      const bool over = job.placement && job.state == AttemptState::kSucceeded;
      if (job.terminating) RC_ASSERT(decision.placement == job.placement);
      if (!job.terminating && over) RC_ASSERT(decision.verdict == TrainingVerdict::kSucceed);
      const bool saves = decision.interruption && !decision.interruption->may_end;
      if (!job.terminating && job.suspended && saves)
        RC_ASSERT(decision.placement == job.placement);
      if (!job.terminating && job.suspended && !saves) RC_ASSERT(!decision.placement);
    }
    for (std::size_t i = 0; i < plan.inference.size(); ++i) {
      const InferenceWorkload& service = world.snapshot.inference[i];
      if (!service.terminating) continue;
      RC_LOG() << show(world.snapshot) << named(world.snapshot, plan);
      // All that it holds, but for what is on nodes that are about to go.
      for (const InferenceAllocation& allocation : service.allocations) {
        std::int64_t leaves = 0;
        for (const Notice& notice : world.snapshot.notices) {
          for (const Bound& at : allocation.bound)
            leaves += at.node == notice.node && must_leave(notice.kind) ? at.replicas : 0;
        }
        std::int64_t kept = 0;
        for (const InferenceShare& share : plan.inference[i].shares)
          kept += share.pool == allocation.pool ? share.replicas : 0;
        const std::int64_t news = std::max<std::int64_t>(leaves - allocation.leaving, 0);
        RC_ASSERT(kept == std::max<std::int64_t>(allocation.desired - news, 0));
      }
      for (const InferenceShare& share : plan.inference[i].shares) {
        RC_ASSERT(std::ranges::find(service.allocations, share.pool, &InferenceAllocation::pool) !=
                  service.allocations.end());
      }
    }
  });
}

TEST(Property, AStockedOutPoolGetsNothingNew) {
  check("stock-outs are remembered", [] {
    const World world = lived_in_world({});
    const Plan plan = plan_of(world);
    std::set<std::size_t> closed;
    for (const StockOut& stock_out : plan.stock_outs)
      closed.insert(stock_out.pool);
    for (std::size_t i = 0; i < world.snapshot.pools.size(); ++i) {
      const market::Offering& offering = world.snapshot.pools[i].offering;
      const bool out = offering.availability == market::Availability::kStockedOut &&
                       offering.retry_at > world.now;
      if (out) closed.insert(i);
    }
    for (const TrainingDecision& decision : plan.training) {
      if (decision.verdict == TrainingVerdict::kPlace)
        RC_ASSERT(!closed.contains(decision.placement->pool));
    }
    for (const InferenceDecision& decision : plan.inference) {
      for (const InferenceShare& share : decision.shares) {
        std::int64_t before = 0;
        for (const InferenceAllocation& allocation :
             world.snapshot.inference[decision.workload].allocations) {
          if (allocation.pool == share.pool) before = allocation.desired;
        }
        RC_ASSERT(!closed.contains(share.pool) || share.replicas <= before);
      }
    }
  });
}

// With replicas that take whole nodes, room is the number of empty nodes: an oracle that knows
// nothing of packing.
TEST(Property, NobodyWaitsWhileSomethingEligibleFits) {
  check("waiting for capacity means that there is none", [] {
    const World world =
        lived_in_world({.deadlines = false, .rate_limits = false, .whole_nodes = true});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    const auto rooms = packed(apply_plan(world.snapshot, plan, world.now, world.config));
    const auto closed = [&](std::size_t pool) {
      const market::Offering& offering = world.snapshot.pools[pool].offering;
      const bool known_out = offering.availability == market::Availability::kStockedOut &&
                             offering.retry_at > world.now;
      return known_out || std::any_of(plan.stock_outs.begin(), plan.stock_outs.end(),
                                      [&](const auto& s) { return s.pool == pool; });
    };
    const auto empty_nodes = [&](std::size_t pool) -> std::int64_t {
      if (!rooms[pool] || closed(pool)) return 0;
      std::int64_t held = 0;  // for who is saving before it comes
      for (const TrainingDecision& decision : plan.training) {
        if (decision.nominated == pool)
          held += world.snapshot.training[decision.workload].demand.replicas;
      }
      return std::count(rooms[pool]->begin(), rooms[pool]->end(), 8) - held;
    };
    const auto may_use = [&](const Demand& demand, std::size_t index) {
      const Pool& pool = world.snapshot.pools[index];
      const bool priced = pool.offering.price.quality != market::PriceQuality::kUnknown ||
                          pool.tier == api::Tier::kReserved;
      const bool model = std::any_of(demand.models.begin(), demand.models.end(),
                                     [&](const auto& m) { return m.model == pool.model; });
      return model && priced && demand.tiers.contains(pool.tier);
    };
    for (std::size_t pool = 0; pool < rooms.size(); ++pool) {
      for (std::size_t i = 0; i < plan.training.size(); ++i) {
        const bool full =
            !plan.training[i].placement && plan.training[i].cause == Cause::kNoCapacity;
        const Demand& demand = world.snapshot.training[i].demand;
        if (full && may_use(demand, pool)) RC_ASSERT(empty_nodes(pool) < demand.replicas);
      }
      for (std::size_t i = 0; i < plan.inference.size(); ++i) {
        const InferenceWorkload& service = world.snapshot.inference[i];
        const bool spot = world.snapshot.pools[pool].tier == api::Tier::kSpot;
        const bool stands_in = world.snapshot.pools[pool].tier == api::Tier::kOnDemand ||
                               world.snapshot.pools[pool].tier == api::Tier::kReserved;
        const bool tried = may_use(service.demand, pool) && (!spot || service.spot_percent > 0) &&
                           (!stands_in || service.fallback != api::OnDemandFallback::kNever);
        const bool hopeless =
            spot && world.snapshot.pools[pool].offering.life.fresh <= world.config.restart_delay;
        if (plan.inference[i].unplaced > 0 && tried && !hopeless) RC_ASSERT(empty_nodes(pool) <= 0);
      }
    }
  });
}

// Whoever can be asked is asked before its attempt ends, and keeps its placement until it has
// saved, its time is up, or a rank is lost.
TEST(Property, NoAttemptThatCanSaveEndsWithoutHavingBeenAsked) {
  check("checkpoint, verify, stop", [] {
    const World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    RC_LOG() << named(world.snapshot, plan);
    for (const TrainingDecision& decision : plan.training) {
      const TrainingWorkload& job = world.snapshot.training[decision.workload];
      const bool runs = job.placement && job.gang && job.state == AttemptState::kRunning;
      const bool ends = decision.verdict == TrainingVerdict::kPlace ||
                        decision.verdict == TrainingVerdict::kRelease;
      if (!runs || !ends || !job.checkpointing || !job.checkpointing->can_ask) continue;
      const bool lost = decision.cause == Cause::kReplicaLost;
      RC_ASSERT(lost || (decision.interruption && decision.interruption->may_end));
    }
  });
}

// A start never goes behind what is verified, and waits while the store is silent.
TEST(Property, NoAttemptStartsFromZeroBecauseOfASilentStore) {
  check("resume points", [] {
    const World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan plan = plan_of(world);
    for (const TrainingDecision& decision : plan.training) {
      const TrainingWorkload& job = world.snapshot.training[decision.workload];
      const bool starts =
          decision.placement && decision.may_start &&
          (decision.verdict == TrainingVerdict::kPlace || job.state == AttemptState::kNotCreated);
      if (!starts || !job.checkpointing) continue;
      const auto& verified = job.checkpointing->verified;
      RC_ASSERT(decision.resume_step.has_value() == verified.has_value());
      const bool silent = job.checkpointing->sight == StoreSight::kUnreadable;
      RC_ASSERT(!silent || verified || !job.checkpointing->ended);
    }
  });
}

TEST(Property, AWakeUpLiesAhead) {
  check("no hot loop", [] {
    World world = lived_in_world({});
    for (int i = 0; i < 20; ++i) {
      const Plan plan = plan_of(world);
      if (!plan.wake_at) return;
      RC_ASSERT(*plan.wake_at > world.now);
      world.snapshot = apply_plan(world.snapshot, plan, world.now, world.config);
      world.now = *plan.wake_at;
    }
  });
}

// Between two wake-ups nothing changes by itself.
TEST(Property, NothingChangesBeforeTheWakeUp) {
  check("wake_at covers every instant that matters", [] {
    World world = lived_in_world({});
    RC_LOG() << show(world.snapshot);
    const Plan first = plan_of(world);
    world.snapshot = apply_plan(world.snapshot, first, world.now, world.config);
    const Plan second = plan_of(world);
    const Instant horizon = second.wake_at.value_or(world.now + std::chrono::hours(200));
    const auto span = (horizon - world.now).count();
    const Instant then = world.now + Duration(*rc::gen::inRange<std::int64_t>(0, span));
    RC_LOG() << "at " << (then - world.now).count() << " of " << span << " ms\n"
             << named(world.snapshot, second);
    const Plan later = make_plan(world.snapshot, then, world.config);
    RC_LOG() << named(world.snapshot, later);
    for (const TrainingDecision& decision : later.training) {
      const bool still =
          decision.verdict == TrainingVerdict::kKeep || decision.verdict == TrainingVerdict::kWait;
      RC_ASSERT(still);
    }
    for (std::size_t i = 0; i < later.inference.size(); ++i)
      RC_ASSERT(counts(later.inference[i]) == counts(second.inference[i]));
  });
}

}  // namespace
}  // namespace spillway::plan::test
