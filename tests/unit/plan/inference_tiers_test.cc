// What serves, and what stands in for it: readiness, notices, places that lost.

#include <gtest/gtest.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::OnDemandFallback;
using api::Tier;
using api::TierSet;

class InferenceTiers : public testing::Test {
 protected:
  InferenceTiers() {
    world.spot("spot-a", {.price = 8, .zone = "zone-a"});
    world.spot("spot-b", {.price = 8, .zone = "zone-b"});
    world.on_demand("od", {.price = 24});
  }
  InferenceWorkload& api() { return world.service_named("api"); }
  InferenceAllocation& on(std::string_view pool) {
    for (InferenceAllocation& allocation : api().allocations) {
      if (allocation.pool == world.index_of(pool)) return allocation;
    }
    throw std::out_of_range("no share on " + std::string(pool));
  }
  void carry_out() {
    world.snapshot = apply_plan(world.snapshot, world.plan().plan(), world.now, world.config);
  }
  // Everything that was decided is there and ready.
  void all_ready() {
    std::erase_if(api().allocations, [](const auto& gone) { return gone.desired == 0; });
    for (InferenceAllocation& allocation : api().allocations) {
      allocation.bound = world.bind(api().demand, allocation.pool, allocation.desired);
      allocation.ready = allocation.desired;
    }
  }
  World world;
};

TEST_F(InferenceTiers, OnDemandCoversSpotUntilItServes) {
  world.service("api",
                {.replicas = 4, .spot_percent = 100, .fallback = OnDemandFallback::kWhileNotReady});
  EXPECT_EQ(world.plan().shares_of("api"), "od:4 spot-a:2 spot-b:2");
  EXPECT_EQ(world.plan().service("api").covering, 4);
  EXPECT_EQ(world.plan().service("api").unplaced, 0);
  EXPECT_NE(world.plan().why_service("api").find("4 of these until spot serves"),
            std::string::npos);
  carry_out();
  on("spot-a").ready = 2;
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-a:2 spot-b:2");
  on("spot-b").ready = 2;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2");
}

TEST_F(InferenceTiers, ARippleWhileSpotLoadsChangesNothing) {
  world.service("api",
                {.replicas = 4, .spot_percent = 100, .fallback = OnDemandFallback::kWhileNotReady});
  world.set_price("spot-a", 22.9);
  world.set_price("spot-b", 23);
  carry_out();
  world.set_price("spot-a", 24.5);
  world.set_price("spot-b", 24.5);
  EXPECT_EQ(world.plan().shares_of("api"), "od:4 spot-a:2 spot-b:2");
}

TEST_F(InferenceTiers, WithoutFallbackOnDemandIsLeftAlone) {
  world.pool_named("spot-b").max_nodes = 0;
  world.snapshot.nodes[2].usable = world.snapshot.nodes[3].usable = false;
  world.service("api", {.replicas = 20, .spot_percent = 100, .fallback = OnDemandFallback::kNever});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "spot-a:16");
  EXPECT_EQ(planned.service("api").unplaced, 4);
  EXPECT_EQ(planned.service("api").cause, Cause::kNoCapacity);
}

TEST_F(InferenceTiers, WithoutFallbackSpotIsTakenAtAnyPrice) {
  world.set_price("spot-a", 30);
  world.set_price("spot-b", 30);
  world.service("api", {.replicas = 2, .spot_percent = 100, .fallback = OnDemandFallback::kNever});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:1 spot-b:1");
}

TEST_F(InferenceTiers, NineInTenOnSpot) {
  world.reserved("own", {.nodes = 1});
  world.service("api",
                {.replicas = 10, .spot_percent = 90, .fallback = OnDemandFallback::kWhileNotReady});
  carry_out();
  all_ready();
  EXPECT_EQ(world.plan().shares_of("api"), "own:1 spot-a:5 spot-b:4");
}

TEST_F(InferenceTiers, ASpareReplicaMakesALossNoLoss) {
  world.service("api", {.replicas = 3,
                        .spot_percent = 100,
                        .overprovision = 1,
                        .fallback = OnDemandFallback::kWhileNotReady});
  carry_out();
  all_ready();
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2");
  EXPECT_EQ(world.plan().service("api").spare, 1);
  on("spot-a").bound.front().replicas = 1;
  on("spot-a").ready = 1;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "spot-a:2 spot-b:2");
  EXPECT_EQ(planned.service("api").covering, 0);
}

TEST_F(InferenceTiers, WithoutASpotShareThereIsNothingToSpare) {
  world.service("api", {.replicas = 3, .spot_percent = 0, .overprovision = 2});
  EXPECT_EQ(world.plan().shares_of("api"), "od:3");
}

TEST_F(InferenceTiers, AReplicaThatNeverBecomesReadyIsNotCoveredForEver) {
  world.service("api",
                {.replicas = 2, .spot_percent = 100, .fallback = OnDemandFallback::kWhileNotReady});
  carry_out();
  all_ready();
  on("spot-a").ready = 0;
  on("spot-a").loading = {world.now - 29min};
  EXPECT_EQ(world.plan().shares_of("api"), "od:1 spot-a:1 spot-b:1");
  EXPECT_EQ(world.plan().plan().wake_at, world.now + 1min);
  world.now += 1min;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:1 spot-b:1");
}

TEST_F(InferenceTiers, NothingMovesWhileReplicasAreLoading) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 4);
  world.set_price("spot-b", 4);
  api().allocations[0].ready = 3;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  api().allocations[0].ready = 4;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4");
}

TEST_F(InferenceTiers, ANoticeAsksForTheReplacementAtOnceAndOnlyOnce) {
  world.service("api",
                {.replicas = 2, .spot_percent = 100, .fallback = OnDemandFallback::kWhileNotReady});
  world.serves("api", "spot-a", 1);
  world.serves("api", "spot-b", 1);
  world.notice(on("spot-a").bound.front().node);
  on("spot-a").ready = 0;                   // what is about to go does not count
  on("spot-a").starting_since = world.now;  // and no pod waits for a node yet
  for (int again = 0; again < 3; ++again) {
    const Planned planned = world.plan();
    EXPECT_EQ(planned.shares_of("api"), "od:1 spot-a:1 spot-b:1");
    EXPECT_EQ(planned.service("api").shares[1].leaving, 1);
    EXPECT_TRUE(planned.service("api").drains.empty()) << "nothing serves in its place yet";
    carry_out();
  }
}

TEST_F(InferenceTiers, TheReplicaThatHasToGoServesUntilAnotherDoes) {
  world.service("api", {.replicas = 2, .tiers = TierSet{Tier::kOnDemand}});
  world.serves("api", "od", 2);
  const std::size_t node = on("od").bound.front().node;
  on("od").bound = {{.node = node, .replicas = 1}, {.node = node + 1, .replicas = 1}};
  on("od").ready = 1;
  on("od").starting_since = world.now;
  world.notice(node, 10min);
  carry_out();
  EXPECT_EQ(world.plan().shares_of("api"), "od:2");
  EXPECT_TRUE(world.plan().service("api").drains.empty());
  on("od").ready = 2;
  const std::vector<Drain> drains = world.plan().service("api").drains;
  ASSERT_EQ(drains.size(), 1U);
  EXPECT_EQ(drains[0].node, node);
  EXPECT_EQ(drains[0].replicas, 1);
  EXPECT_EQ(drains[0].ends_by, world.now + 10min - 20s);
}

TEST_F(InferenceTiers, WhenTimeIsUpItDrainsWhateverServes) {
  world.service("api", {.replicas = 1, .spot_percent = 100});
  world.serves("api", "spot-a", 1);
  const std::size_t node = on("spot-a").bound.front().node;
  on("spot-a").ready = 0;
  api().drain = 45s;
  world.notice(node, 2min);
  carry_out();
  // 120 s less 20 s for the end of the pods less 45 s to drain.
  EXPECT_TRUE(world.plan().service("api").drains.empty());
  EXPECT_EQ(world.plan().plan().wake_at, world.now + 55s);
  world.now += 55s;
  ASSERT_EQ(world.plan().service("api").drains.size(), 1U);
  EXPECT_EQ(world.plan().service("api").drains[0].ends_by, kNow + 100s);
}

TEST_F(InferenceTiers, ADrainWithoutADeadlineWaitsForTheReplacement) {
  world.service("api", {.replicas = 1, .spot_percent = 100});
  world.serves("api", "spot-a", 1);
  world.notice(on("spot-a").bound.front().node, std::nullopt, NoticeKind::kDrain);
  on("spot-a").ready = 0;
  carry_out();
  world.now += 5h;
  EXPECT_TRUE(world.plan().service("api").drains.empty());
}

TEST_F(InferenceTiers, AHintMovesNothing) {
  world.service("api", {.replicas = 1, .spot_percent = 100});
  world.serves("api", "spot-a", 1);
  world.notice(on("spot-a").bound.front().node, 2min, NoticeKind::kRebalance);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:1");
  EXPECT_EQ(world.plan().service("api").shares[0].leaving, 0);
}

TEST_F(InferenceTiers, APlaceThatLostIsAvoidedUntilItsGapHasProbablyEnded) {
  Pool& lost = world.pool_named("spot-a");
  lost.seen_state = MarketState::kGap;
  lost.seen_at = world.now;
  world.set_price("spot-a", 6);
  world.service("api", {.replicas = 4, .spot_percent = 100});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4");
  ASSERT_TRUE(world.plan().plan().wake_at.has_value());
  EXPECT_GT(*world.plan().plan().wake_at, world.now + 10min);
  EXPECT_LT(*world.plan().plan().wake_at, world.now + 40min);
  world.now += 40min;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  world.now -= 40min;
  lost.seen_age = 12h;  // an old gap lasts
  world.now += 40min;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4");
}

TEST_F(InferenceTiers, WhatServesIsGivenUpWhenAsManyServeInItsPlace) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 4);
  world.set_price("spot-b", 4);
  carry_out();
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4");
  EXPECT_EQ(world.plan().service("api").kept,
            (std::vector<Kept>{{.pool = world.index_of("spot-a"), .replicas = 4}}));
  on("spot-b").ready = 3;
  EXPECT_EQ(world.plan().service("api").kept,
            (std::vector<Kept>{{.pool = world.index_of("spot-a"), .replicas = 1}}));
  on("spot-b").loading = {world.now - 5h};
  EXPECT_EQ(world.plan().service("api").kept.size(), 1U) << "it is ill, and serves nobody";
  on("spot-b").ready = 4;
  EXPECT_TRUE(world.plan().service("api").kept.empty());
}

TEST_F(InferenceTiers, APlaceThatLostIsBetterThanNone) {
  world.pool_named("spot-a").seen_state = MarketState::kGap;
  world.pool_named("spot-a").seen_at = world.now;
  world.pool_named("spot-b").max_nodes = 0;
  world.snapshot.nodes[2].usable = world.snapshot.nodes[3].usable = false;
  world.service("api", {.replicas = 2, .spot_percent = 100});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2");
}

}  // namespace
}  // namespace spillway::plan::test
