#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Explain, ACheapestOfferingNamesPriceAndNextBest) {
  World world;
  world.spot("spot-a", {.price = 7});
  world.spot("spot-b", {.price = 9.5, .zone = "zone-b"});
  world.job("train");
  EXPECT_EQ(world.plan().why("train"),
            "lowest expected cost per useful hour of the pools with room: Spot pool spot-a in "
            "zone-a at $7.00/h; "
            "next best Spot pool spot-b in zone-b at $9.50/h");
}

TEST(Explain, OnDemandSaysWhatSpotWouldReallyCost) {
  World world;
  world.spot("spot", {.price = 8, .life = 2h});
  world.on_demand("od", {.price = 24});
  world.job("long", {.duration = 12h});
  EXPECT_THAT(
      world.plan().why("long"),
      HasSubstr("Spot pool spot in zone-a asks $8.00/h, but with the work that its interruptions "
                "lose a useful hour is expected to cost $"));
}

TEST(Explain, AWaitNamesNoPriceSoThatItIsWrittenOnce) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.on_demand("od");
  world.job("busy");
  world.runs("busy", "spot");
  world.job("train", {.fallback_after = 30min});
  EXPECT_EQ(world.plan().why("train"),
            "waiting for spot until 2019-12-20T00:30:00Z, then on-demand");
  world.now += 40min;
  world.pool_named("od").max_nodes = 0;
  EXPECT_EQ(
      world.plan().why("train"),
      "no room for 1 replica of 8 H100 accelerators: every eligible pool is full or stocked out");
  EXPECT_THAT(world.plan().why("train"), Not(HasSubstr("$")));
}

TEST(Explain, NoEligiblePoolSaysWhatToCheck) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.job("train", {.replicas = 4, .tiers = api::TierSet{api::Tier::kSpot}});
  EXPECT_THAT(world.plan().why("train"),
              HasSubstr("no pool can ever take 4 replicas of 8 H100 accelerators"));
}

TEST(Explain, ADisplacedJobLearnsByWhom) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.spot("spot");
  world.on_demand("od", {.price = 24});
  world.job("train");
  world.runs("train", "own");
  world.service("api", {.replicas = 2, .baseline = 2});
  EXPECT_THAT(world.plan().why("train"),
              HasSubstr("gave its reserved slots to InferencePool team/api: Spot pool spot"));
}

TEST(Explain, AServiceListsItsShares) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.service("api", {.replicas = 10, .baseline = 12});
  EXPECT_EQ(
      world.plan().why_service("api"),
      "8 on Reserved pool own in zone-a; baseline 12 counts as 10, there are no more replicas; "
      "2 replicas without a place: every eligible pool is full or stocked out");
}

TEST(Explain, StalePricesAreSaidToBeStale) {
  World world;
  world.spot("spot", {.price = 7});
  world.pool_named("spot").offering.price.quality = market::PriceQuality::kStale;
  world.job("train");
  EXPECT_THAT(world.plan().why("train"), HasSubstr("$7.00/h (price is stale)"));
}

TEST(Explain, EveryCauseHasAName) {
  for (int i = 0; i <= static_cast<int>(Cause::kSucceeded); ++i)
    EXPECT_FALSE(to_string(static_cast<Cause>(i)).empty());
}

}  // namespace
}  // namespace spillway::plan::test
