#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::Tier;
using api::TierSet;

class Inference : public testing::Test {
 protected:
  Inference() {
    world.reserved("own", {.nodes = 1});
    world.spot("spot-a", {.price = 8, .zone = "zone-a"});
    world.spot("spot-b", {.price = 8, .zone = "zone-b"});
    world.on_demand("od", {.price = 24});
  }
  InferenceWorkload& api() { return world.service_named("api"); }
  World world;
};

TEST_F(Inference, SplitsIntoBaselineSpotShareAndRest) {
  world.service("api", {.replicas = 10, .baseline = 4, .spot_percent = 50});
  const Planned planned = world.plan();
  // 6 above the baseline: 3 on spot, the others on reserved capacity that is free.
  EXPECT_EQ(planned.shares_of("api"), "own:7 spot-a:2 spot-b:1");
  EXPECT_EQ(planned.service("api").unplaced, 0);
}

TEST_F(Inference, WhatReservedCannotTakeGoesOnDemand) {
  world.service("api", {.replicas = 12, .baseline = 10});
  EXPECT_EQ(world.plan().shares_of("api"), "od:4 own:8");
}

TEST_F(Inference, RealTimeNeverTouchesSpot) {
  world.service("api", {.replicas = 40, .baseline = 4, .spot_percent = 0});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "od:16 own:8");
  EXPECT_EQ(planned.service("api").unplaced, 16);
  EXPECT_EQ(planned.service("api").cause, Cause::kNoCapacity);
}

TEST_F(Inference, ForbiddenTiersAreNeverUsed) {
  world.service("api", {.replicas = 4, .baseline = 4, .tiers = TierSet{Tier::kOnDemand}});
  EXPECT_EQ(world.plan().shares_of("api"), "od:4");
  api().demand.tiers = TierSet{Tier::kReserved};
  api().demand.replicas = 10;
  EXPECT_EQ(world.plan().shares_of("api"), "own:8");
  EXPECT_EQ(world.plan().service("api").unplaced, 2);
}

TEST_F(Inference, AShareForSpotThatMayNotBeUsedIsNoShare) {
  world.service(
      "api",
      {.replicas = 4, .spot_percent = 50, .tiers = TierSet{Tier::kReserved, Tier::kOnDemand}});
  EXPECT_EQ(world.plan().shares_of("api"), "own:4");
  EXPECT_EQ(world.plan().service("api").cause, Cause::kReservedBaseline);
}

TEST_F(Inference, ABaselineAboveTheReplicasIsClampedAndSaidSo) {
  world.service("api", {.replicas = 2, .baseline = 5, .spot_percent = 50});
  EXPECT_EQ(world.plan().shares_of("api"), "own:2");
  EXPECT_TRUE(world.plan().service("api").baseline_clamped);
}

TEST_F(Inference, SpotSpreadsOverNearEqualZones) {
  world.service("api", {.replicas = 8, .spot_percent = 100});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4 spot-b:4");
}

TEST_F(Inference, AClearlyCheaperPoolTakesAll) {
  world.set_price("spot-b", 6);
  world.service("api", {.replicas = 8, .spot_percent = 100});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:8");
}

TEST_F(Inference, OnDemandStandsInForSpotThatCannotBeHad) {
  world.pool_named("spot-a").max_nodes = world.pool_named("spot-b").max_nodes = 0;
  world.service("api", {.replicas = 4, .spot_percent = 50});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "od:2 own:2");
  EXPECT_EQ(planned.service("api").cause, Cause::kSpotUnavailable);
}

TEST_F(Inference, GoesBackToSpotWhenItIsToBeHadAgain) {
  world.service(
      "api", {.replicas = 4, .spot_percent = 50, .tiers = TierSet{Tier::kSpot, Tier::kOnDemand}});
  world.serves("api", "od", 4, 5min);
  EXPECT_EQ(world.plan().shares_of("api"), "od:4");  // not at once: capacity comes and goes
  EXPECT_EQ(world.plan().plan().wake_at, kNow + 5min);
  world.now += 5min;
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-a:1 spot-b:1");
}

TEST_F(Inference, SpotThatIsNoCheaperThanOnDemandIsNotTaken) {
  world.set_price("spot-a", 24);
  world.set_price("spot-b", 30);
  world.service("api", {.replicas = 4, .spot_percent = 100});
  EXPECT_EQ(world.plan().shares_of("api"), "od:4");
}

TEST_F(Inference, ScaleDownGivesTheDearestBackFirst) {
  world.service("api", {.replicas = 12, .baseline = 8});
  world.serves("api", "own", 8);
  world.serves("api", "od", 4);
  api().demand.replicas = 9;
  EXPECT_EQ(world.plan().shares_of("api"), "od:1 own:8");
  api().demand.replicas = 6;
  EXPECT_EQ(world.plan().shares_of("api"), "own:6");
}

TEST_F(Inference, ScaleDownWithinATierGivesTheDearestBackFirst) {
  world.set_price("spot-b", 8.5);
  world.service("api", {.replicas = 3, .spot_percent = 100});
  world.serves("api", "spot-a", 2);
  world.serves("api", "spot-b", 2);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:1");
}

TEST_F(Inference, ARippleMovesNothingAGapDoes) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 4);
  world.set_price("spot-b", 7.2);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  world.set_price("spot-b", 5);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4");
}

TEST_F(Inference, AYoungShareDoesNotFollowPrices) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 4, 5min);
  world.set_price("spot-b", 4);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  EXPECT_EQ(world.plan().plan().wake_at, kNow + 5min);
}

TEST_F(Inference, MovesOntoFreeReservedRoomAfterMinRun) {
  world.service("api", {.replicas = 4});
  world.serves("api", "od", 4, 5min);
  EXPECT_EQ(world.plan().shares_of("api"), "od:4");
  world.now += 5min;
  EXPECT_EQ(world.plan().shares_of("api"), "own:4");
}

TEST_F(Inference, ALaunchThatTimesOutGoesElsewhereAndKeepsWhatIsBound) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 2, 20min);
  api().allocations[0].desired = 4;
  api().allocations[0].starting_since = kNow - 9min;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  EXPECT_EQ(world.plan().plan().wake_at, kNow + 1min);
  world.now += 1min;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "spot-a:2 spot-b:2");
  ASSERT_EQ(planned.plan().stock_outs.size(), 1U);
  EXPECT_EQ(planned.plan().stock_outs[0].since, api().allocations[0].starting_since);
}

TEST_F(Inference, SlowLoadingIsNoStockOut) {
  world.service("api", {.replicas = 4, .spot_percent = 100});
  world.serves("api", "spot-a", 4, 2h);
  api().allocations[0].ready = 1;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4");
  EXPECT_TRUE(world.plan().plan().stock_outs.empty());
}

TEST_F(Inference, MaxRateLeavesReplicasOut) {
  world.service("api",
                {.replicas = 6, .tiers = TierSet{Tier::kOnDemand}, .max_rate = 10});  // $3 each
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "od:3");
  EXPECT_EQ(planned.service("api").unplaced, 3);
  EXPECT_EQ(planned.service("api").cause, Cause::kRateLimit);
}

TEST_F(Inference, ZeroReplicasHoldNothing) {
  world.service("api", {.replicas = 0, .baseline = 2, .spot_percent = 50});
  world.serves("api", "own", 2);
  EXPECT_EQ(world.plan().shares_of("api"), "");
}

TEST_F(Inference, TerminatingKeepsItsSharesAndGetsNothingNew) {
  world.service("api", {.replicas = 6});
  world.serves("api", "own", 4);
  api().terminating = true;
  EXPECT_EQ(world.plan().shares_of("api"), "own:4");
  EXPECT_EQ(world.plan().service("api").unplaced, 0);
}

// A service that yields slots to a higher priority and finds room again in the same pass keeps the
// replicas it can keep.
TEST_F(Inference, ReplicasThatMustLeaveAreNamedByNode) {
  world.node(world.index_of("own"));
  world.pool_named("own").max_nodes = 2;
  world.pool_named("od").max_nodes = 0;
  world.service("api", {.replicas = 12, .baseline = 12});
  world.serves("api", "own", 12);
  world.job("urgent", {.replicas = 1, .priority = 1, .tiers = TierSet{Tier::kReserved}});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("urgent"), "own");
  EXPECT_EQ(planned.shares_of("api"), "own:8");
  const std::vector<std::size_t>& leave = planned.service("api").shares[0].leave;
  ASSERT_EQ(leave.size(), 4U);
  for (const std::size_t node : leave)
    EXPECT_EQ(node, leave[0]);  // one node is emptied
}

TEST_F(Inference, NoPoolAtAllIsSaid) {
  world.service("api", {.replicas = 2, .models = {{.model = AcceleratorModel("B300")}}});
  EXPECT_EQ(world.plan().service("api").cause, Cause::kNoEligiblePool);
}

TEST_F(Inference, SpotIsBetterThanNothingWhereTheServiceMayUseIt) {
  world.pool_named("od").max_nodes = world.pool_named("own").max_nodes = 0;
  world.service("api", {.replicas = 4, .baseline = 2, .spot_percent = 50});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2");
}

}  // namespace
}  // namespace spillway::plan::test
