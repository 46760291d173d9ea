// Services that are to survive the loss of a zone: where they are, what covers, what is given up
// when.

#include <gtest/gtest.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::OnDemandFallback;

class ZoneLoss : public testing::Test {
 protected:
  ZoneLoss() {
    world.spot("spot-a", {.price = 8, .zone = "zone-a"});
    world.spot("spot-b", {.price = 8.5, .zone = "zone-b"});
    world.spot("spot-c", {.price = 9, .zone = "zone-c"});
    world.on_demand("od", {.price = 24});
  }
  void serve(std::int64_t replicas, std::int64_t floor, ServiceSpec spec = {}) {
    spec.replicas = replicas;
    spec.spot_percent = 100;
    spec.floor_through_zone_loss = floor;
    world.service("api", spec);
  }
  void close(std::string_view pool) {
    world.pool_named(pool).seen_state = MarketState::kGap;
    world.pool_named(pool).seen_at = world.now;
  }
  void open(std::string_view pool) { world.pool_named(pool).seen_state = MarketState::kWindow; }
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
  void all_ready() {
    std::erase_if(api().allocations, [](const auto& gone) { return gone.desired == 0; });
    for (InferenceAllocation& allocation : api().allocations) {
      allocation.bound = world.bind(api().demand, allocation.pool, allocation.desired);
      allocation.ready = allocation.desired;
    }
  }
  World world;
};

TEST_F(ZoneLoss, ThreeZonesCarryHalfAsManyAgain) {
  serve(4, 4);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
  EXPECT_EQ(planned.service("api").spare, 2);
  EXPECT_EQ(planned.service("api").unplaced, 0);
  EXPECT_EQ(planned.service("api").unprotected, 0);
}

TEST_F(ZoneLoss, WhatMayBeMissingIsOnlySpread) {
  serve(6, 4);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
}

TEST_F(ZoneLoss, TheBaselineIsNotLostWithAZone) {
  world.reserved("own", {.nodes = 1});
  serve(4, 3, {.baseline = 2});
  EXPECT_EQ(world.plan().shares_of("api"), "own:2 spot-a:1 spot-b:1");
}

TEST_F(ZoneLoss, ZonesAreBoughtTwiceOnlyWhileThatIsCheaperThanOnDemand) {
  close("spot-c");
  serve(4, 4);
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4 spot-b:4");
  world.set_price("spot-b", 17);
  EXPECT_EQ(world.plan().shares_of("api"), "od:4");
}

TEST_F(ZoneLoss, OneZoneAloneCarriesNothing) {
  close("spot-b");
  close("spot-c");
  serve(4, 4);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "od:4");
  EXPECT_EQ(planned.service("api").spot_missing, 4);
}

TEST_F(ZoneLoss, WithoutOnDemandItServesAndSaysWhatIsNotProtected) {
  close("spot-b");
  close("spot-c");
  world.pool_named("spot-b").max_nodes = world.pool_named("spot-c").max_nodes = 0;
  world.pool_named("od").max_nodes = 0;
  for (Node& node : world.snapshot.nodes)
    node.usable = node.pool == world.index_of("spot-a");
  serve(4, 4);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "spot-a:4");
  EXPECT_EQ(planned.service("api").unplaced, 0);
  EXPECT_EQ(planned.service("api").unprotected, 4);
  EXPECT_NE(planned.why_service("api").find("loss of a zone would leave 4 replicas less"),
            std::string::npos);
}

TEST_F(ZoneLoss, OnDemandCoversUntilAnyZoneMayGo) {
  serve(4, 4, {.fallback = OnDemandFallback::kWhileNotReady});
  EXPECT_EQ(world.plan().shares_of("api"), "od:4 spot-a:2 spot-b:2 spot-c:2");
  EXPECT_EQ(world.plan().service("api").covering, 4);
  carry_out();
  on("spot-a").ready = 2;
  EXPECT_EQ(world.plan().shares_of("api"), "od:4 spot-a:2 spot-b:2 spot-c:2") << "a may go";
  on("spot-b").ready = 2;
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-a:2 spot-b:2 spot-c:2");
  on("spot-c").ready = 2;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
}

TEST_F(ZoneLoss, AfterALossTheOthersTakeOverAndOnDemandCoversThem) {
  serve(4, 4, {.fallback = OnDemandFallback::kWhileNotReady});
  carry_out();
  all_ready();
  carry_out();
  close("spot-a");
  on("spot-a").bound.clear();
  on("spot-a").ready = 0;
  on("spot-a").starting_since = world.now;
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-a:2 spot-b:2 spot-c:2") << "covered at once";
  world.now += 10min;  // the launch timeout
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-b:4 spot-c:4");
  carry_out();
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 spot-b:4 spot-c:4");
}

TEST_F(ZoneLoss, AZoneThatIsBackIsFilledBeforeOthersAreGivenUp) {
  close("spot-a");
  serve(4, 4, {.fallback = OnDemandFallback::kWhileNotReady});
  carry_out();
  all_ready();
  carry_out();
  all_ready();
  open("spot-a");
  EXPECT_EQ(world.plan().shares_of("api"), "spot-b:4 spot-c:4") << "it has only just come";
  world.now += 10min;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
  EXPECT_EQ(world.plan().service("api").covering, 0);
  EXPECT_EQ(world.plan().service("api").kept,
            (std::vector<Kept>{{.pool = world.index_of("spot-b"), .replicas = 2},
                               {.pool = world.index_of("spot-c"), .replicas = 2}}));
  carry_out();
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
  on("spot-a").ready = 2;
  EXPECT_TRUE(world.plan().service("api").kept.empty());
}

TEST_F(ZoneLoss, ScaleDownLeavesNoMoreThanThePromiseNeeds) {
  serve(8, 8);
  carry_out();
  all_ready();
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:4 spot-b:4 spot-c:4");
  api().demand.replicas = 4;
  api().floor_through_zone_loss = 4;
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:2 spot-b:2 spot-c:2");
}

TEST_F(ZoneLoss, ASpareReplicaComesOnTop) {
  serve(4, 4, {.overprovision = 1});
  EXPECT_EQ(world.plan().shares_of("api"), "spot-a:3 spot-b:3 spot-c:2");
}

TEST_F(ZoneLoss, WithoutASpotShareNothingIsSpread) {
  world.service("api", {.replicas = 3, .floor_through_zone_loss = 3});
  EXPECT_EQ(world.plan().shares_of("api"), "od:3");
}

// No zone takes what is on on-demand. That no more of it is to be had is no reason to buy spot
// beside it.
TEST_F(ZoneLoss, WhatStandsInIsEnoughThoughNoMoreOfItIsToBeHad) {
  serve(1, 1);
  world.serves("api", "od", 1);
  for (const char* pool : {"spot-b", "spot-c", "od"}) {
    world.pool_named(pool).offering.availability = market::Availability::kStockedOut;
    world.pool_named(pool).offering.retry_at = world.now + 2min;
  }
  EXPECT_EQ(world.plan().shares_of("api"), "od:1");
}

}  // namespace
}  // namespace spillway::plan::test
