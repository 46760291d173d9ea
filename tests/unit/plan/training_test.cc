#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::Tier;
using api::TierSet;

TEST(Training, TakesTheCheapestEligibleSpotPool) {
  World world;
  world.spot("spot-a", {.price = 9});
  world.spot("spot-b", {.price = 7, .zone = "zone-b"});
  world.on_demand("od", {.price = 24});
  world.job("train");
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "spot-b");
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(planned.job("train").cause, Cause::kCheapest);
  EXPECT_EQ(planned.attempt_of("train"), AttemptNumber(1));
  const TrainingPlacement expected{
      .pool = world.index_of("spot-b"), .attempt = AttemptNumber(1), .since = kNow};
  EXPECT_EQ(planned.job("train").placement, expected);
}

TEST(Training, AFasterModelIsCheaperWhenItsSpeedOutweighsItsPrice) {
  World world;
  world.spot("a100", {.price = 10, .model = "A100"});
  world.spot("h100", {.price = 18});
  world.job("train",
            {.models = {{AcceleratorModel("A100"), 100}, {AcceleratorModel("H100"), 200}}});
  EXPECT_EQ(world.plan().pool_of("train"), "h100");
  world.set_price("h100", 22);
  EXPECT_EQ(world.plan().pool_of("train"), "a100");
}

// The start is paid at the new machine's price: a short job does not pay it at twice the rate for
// nothing.
TEST(Training, AShortJobWeighsItsStart) {
  World world;
  world.spot("h100", {.price = 15.9});
  world.spot("a100", {.price = 8, .model = "A100", .life = 500h});
  world.job("train",
            {.duration = 10min,
             .models = {{AcceleratorModel("A100"), 100}, {AcceleratorModel("H100"), 200}}});
  EXPECT_EQ(world.plan().pool_of("train"), "a100");
  world.job_named("train").duration = 40h;
  EXPECT_EQ(world.plan().pool_of("train"), "h100");
}

TEST(Training, AnotherModelIsNotTaken) {
  World world;
  world.spot("a100", {.model = "A100"});
  world.job("train");
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kNoEligiblePool);
}

TEST(Training, AForbiddenTierIsNotTaken) {
  World world;
  world.spot("spot", {.price = 1});
  world.on_demand("od");
  world.job("train", {.tiers = TierSet{Tier::kReserved, Tier::kOnDemand}});
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST(Training, AGangIsPlacedAsAWholeInOnePool) {
  World world;
  world.spot("spot-a", {.price = 1, .nodes = 3});
  world.spot("spot-b", {.price = 2, .nodes = 4});
  world.job("train", {.replicas = 4});
  EXPECT_EQ(world.plan().pool_of("train"), "spot-b");
}

TEST(Training, OnePoolsLastRoomIsGivenOnce) {
  World world;
  world.spot("spot", {.nodes = 2});
  world.job("old", {.replicas = 2, .age = 10min});
  world.job("young", {.replicas = 2, .age = 5min});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("old"), "spot");
  EXPECT_EQ(planned.job("young").verdict, TrainingVerdict::kWait);
}

TEST(Training, PriorityGoesBeforeAge) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.job("old", {.age = 1h});
  world.job("important", {.priority = 10});
  EXPECT_EQ(world.plan().pool_of("important"), "spot");
}

TEST(Training, AnUnboundPlacementClaimsItsRoom) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.on_demand("od");
  world.job("placed");
  world.starts("placed", "spot");
  world.job("new");
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("placed").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.pool_of("new"), "");
}

// Without checkpoints a long job on short-lived spot would be expected to start over and over.
TEST(Training, ALongJobAvoidsShortLivedSpot) {
  World world;
  world.spot("spot", {.price = 8, .life = 2h});
  world.on_demand("od", {.price = 24});
  world.job("short", {.duration = 1h});
  world.job("long", {.duration = 12h});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("short"), "spot");
  EXPECT_EQ(planned.pool_of("long"), "od");
  EXPECT_EQ(planned.job("long").cause, Cause::kCheapest);
}

TEST(Training, NearEqualPricesPreferTheLongerLife) {
  World world;
  world.spot("fleeting", {.price = 8.00, .life = 1000h});
  world.spot("lasting", {.price = 8.05, .zone = "zone-b", .life = 9000h});
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "lasting");
}

TEST(Training, EqualOffersSpreadOverZones) {
  World world;
  world.spot("spot-a", {.nodes = 4, .zone = "zone-a"});
  world.spot("spot-b", {.nodes = 4, .zone = "zone-b"});
  for (const char* name : {"one", "two", "three", "four"})
    world.job(name);
  const Planned planned = world.plan();
  int in_a = 0;
  for (const char* name : {"one", "two", "three", "four"})
    in_a += planned.pool_of(name) == "spot-a" ? 1 : 0;
  EXPECT_EQ(in_a, 2);
}

class APoolThatWasJustLost : public testing::Test {
 protected:
  APoolThatWasJustLost() {
    world.spot("lost", {.price = 8});
    world.spot("other", {.price = 9, .zone = "zone-b"});
    world.pool_named("lost").seen_state = MarketState::kGap;
    world.pool_named("lost").seen_at = world.now;
  }
  World world;
};

TEST_F(APoolThatWasJustLost, IsNotTriedFirstAlthoughItIsCheaper) {
  world.on_demand("od", {.price = 24});
  world.job("train", {.duration = 10h});
  EXPECT_EQ(world.plan().pool_of("train"), "other");
  EXPECT_NE(world.plan().why("train").find("at $8.00/h, lately without capacity"),
            std::string::npos);
  world.now += 24h;
  EXPECT_EQ(world.plan().pool_of("train"), "lost") << "it comes back by time";
}

TEST_F(APoolThatWasJustLost, IsTriedFirstWhereItSavesEnough) {
  world.on_demand("od", {.price = 24});
  world.job("train", {.duration = 10h});
  world.set_price("other", 20);
  EXPECT_EQ(world.plan().pool_of("train"), "lost");
}

TEST_F(APoolThatWasJustLost, IsTriedFirstByWhoCannotPayMoreForTime) {
  world.set_price("other", 10);
  world.job("train", {.duration = 10h, .tiers = TierSet{Tier::kSpot}});
  EXPECT_EQ(world.plan().pool_of("train"), "lost") << "an hour is worth what the dearest asks";
}

TEST_F(APoolThatWasJustLost, IsTriedWhereThereIsNoOther) {
  world.pool_named("other").max_nodes = 0;
  world.on_demand("od", {.price = 24});
  world.job("train", {.duration = 10h});
  EXPECT_EQ(world.plan().pool_of("train"), "lost");
}

TEST(Training, WaitsForSpotUntilFallbackAfter) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.on_demand("od");
  world.job("busy");
  world.runs("busy", "spot");
  world.job("train", {.fallback_after = 30min, .age = 10min});
  const Planned waiting = world.plan();
  EXPECT_EQ(waiting.job("train").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(waiting.job("train").cause, Cause::kWaitingForSpot);
  EXPECT_EQ(waiting.plan().wake_at, kNow + 20min);
  world.now = kNow + 20min;
  EXPECT_EQ(world.plan().pool_of("train"), "od");
  EXPECT_EQ(world.plan().job("train").cause, Cause::kFallback);
}

TEST(Training, HoldsOutForCheapSpotRatherThanTakeDearSpot) {
  World world;
  world.spot("cheap", {.price = 5, .nodes = 1});
  world.spot("dear", {.price = 40, .zone = "zone-b"});
  world.on_demand("od", {.price = 24});
  world.job("busy");
  world.runs("busy", "cheap");
  world.job("train");
  EXPECT_EQ(world.plan().job("train").cause, Cause::kWaitingForSpot);
  world.now += 30min;
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST(Training, TakesNearEqualSpotWithoutHoldingOut) {
  World world;
  world.spot("spot", {.price = 24.2, .zone = "zone-a"});
  world.on_demand("z-od", {.price = 24});
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST(Training, DoesNotWaitForSpotThatCouldNeverServe) {
  World world;
  world.spot("small", {.nodes = 1});
  world.on_demand("od", {.nodes = 2});
  world.job("busy", {.per_replica = 1});
  world.job("train", {.replicas = 2});
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST(Training, DoesNotWaitForSpotThatIsNoCheaper) {
  World world;
  world.spot("spot", {.price = 24, .nodes = 1});
  world.on_demand("od", {.price = 24});
  world.job("busy");
  world.runs("busy", "spot");
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST(Training, WaitsForTheFeedRatherThanBuyOnDemand) {
  World world;
  world.pool_named(world.snapshot.pools[world.spot("spot")].name.str()).offering.price = {};
  world.on_demand("od");
  world.job("train");
  EXPECT_EQ(world.plan().job("train").cause, Cause::kWaitingForSpot);
}

TEST(Training, AnUnknownPriceIsNeverChosenOverAKnownOne) {
  World world;
  world.spot("unknown", {.nodes = 4});
  world.pool_named("unknown").offering.price = {};
  world.spot("known", {.price = 20, .nodes = 1});
  world.job("busy");
  world.runs("busy", "known");
  world.job("train", {.tiers = TierSet{Tier::kSpot}});
  EXPECT_EQ(world.plan().job("train").cause, Cause::kPriceUnknown);
}

TEST(Training, AnUnknownPriceIsBetterThanNothing) {
  World world;
  world.spot("unknown");
  world.pool_named("unknown").offering.price = {};
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "unknown");
  world.job_named("train").demand.max_rate = dollars_per_hour(100);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kPriceUnknown);
}

TEST(Training, APriceOfZeroPlacesNothing) {
  World world;
  world.spot("free", {.price = 0});
  world.spot("sane", {.price = 9, .zone = "zone-b"});
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "sane");
}

TEST(Training, MaxRateIsJudgedByTheUpperPriceOfTheWholeJob) {
  World world;
  world.spot("spot", {.price = 10, .nodes = 2});
  world.job("train", {.replicas = 2, .max_rate = 20});
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
  world.pool_named("spot").offering.price.upper = dollars_per_hour(10.5);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kRateLimit);
}

TEST(Training, AStockedOutPoolGetsNothingNewUntilItsRetry) {
  World world;
  world.spot("spot-a", {.price = 5});
  world.spot("spot-b", {.price = 9, .zone = "zone-b"});
  world.pool_named("spot-a").offering.availability = market::Availability::kStockedOut;
  world.pool_named("spot-a").offering.retry_at = kNow + 4min;
  world.job("train");
  EXPECT_EQ(world.plan().pool_of("train"), "spot-b");
  world.now = kNow + 4min;
  EXPECT_EQ(world.plan().pool_of("train"), "spot-a");
}

TEST(Training, NoCapacityNamesNoHotLoop) {
  World world;
  world.spot("spot", {.nodes = 1});
  world.job("busy");
  world.runs("busy", "spot");
  world.job("train", {.tiers = TierSet{Tier::kSpot}, .age = 5h});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").cause, Cause::kNoCapacity);
  EXPECT_EQ(planned.plan().wake_at, std::nullopt);  // only an event can help
}

TEST(Training, ListsWhatTheNextBestWouldHaveCost) {
  World world;
  world.spot("spot-a", {.price = 7});
  world.spot("spot-b", {.price = 9, .nodes = 0});
  world.on_demand("od", {.price = 24});
  world.job("train", {.duration = 10h});
  const Planned planned = world.plan();
  const auto& alternatives = planned.job("train").alternatives;
  ASSERT_EQ(alternatives.size(), 1U);  // a pool that can have no node is no alternative
  EXPECT_EQ(alternatives[0].pool, world.index_of("od"));
  EXPECT_EQ(alternatives[0].rate, dollars_per_hour(24));
  EXPECT_EQ(alternatives[0].excluded, Cause::kWaitingForSpot);
  EXPECT_NEAR(alternatives[0].dollars_per_useful_hour, 24 * 10.1 / 10, 1e-9);
}

TEST(Training, PaysOnlyForItsShareOfANode) {
  World world;
  world.spot("spot", {.price = 8});
  world.job("train", {.replicas = 3, .per_replica = 2, .max_rate = 6});
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

}  // namespace
}  // namespace spillway::plan::test
