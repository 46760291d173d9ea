#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::Tier;
using api::TierSet;

TEST(Reserved, FreeRoomIsTakenBeforeAnythingIsBought) {
  World world;
  world.reserved("own", {.price = 20});
  world.spot("spot", {.price = 1});
  world.job("train");
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "own");
  EXPECT_EQ(planned.job("train").cause, Cause::kReservedBaseline);
}

TEST(Reserved, GoesToWhoeverWouldPayMostElsewhere) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.spot("spot", {.price = 8});
  world.on_demand("od", {.price = 24});
  world.job("takes-spot", {.age = 20min});
  world.job("no-spot", {.tiers = TierSet{Tier::kReserved, Tier::kOnDemand}});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("no-spot"), "own");
  EXPECT_EQ(planned.pool_of("takes-spot"), "spot");
}

TEST(Reserved, PriorityGoesFirst) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.spot("spot", {.price = 8});
  world.on_demand("od", {.price = 24});
  world.job("important", {.priority = 5});
  world.job("no-spot", {.tiers = TierSet{Tier::kReserved, Tier::kOnDemand}});
  EXPECT_EQ(world.plan().pool_of("important"), "own");
}

TEST(Reserved, WhoHasNoAlternativeComesFirst) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.on_demand("od", {.price = 24});
  world.job("pays", {.tiers = TierSet{Tier::kReserved, Tier::kOnDemand}, .age = 1h});
  world.job("stuck", {.tiers = TierSet{Tier::kReserved}});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("stuck"), "own");
  EXPECT_EQ(planned.pool_of("pays"), "od");
}

class ScaleUp : public testing::Test {
 protected:
  ScaleUp() {
    world.reserved("own", {.nodes = 2});
    world.spot("spot", {.price = 8});
    world.on_demand("od", {.price = 24});
    world.job("train", {.replicas = 1, .duration = 10h});
    world.runs("train", "own", 5h);
    world.service("api", {.replicas = 8, .baseline = 16});
    world.serves("api", "own", 8);
  }
  World world;
};

TEST_F(ScaleUp, TakesReservedSlotsFromTraining) {
  world.service_named("api").demand.replicas = 10;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "own:10");
  EXPECT_EQ(planned.pool_of("train"), "spot");
  const TrainingDecision& train = planned.job("train");
  EXPECT_EQ(train.cause, Cause::kDisplaced);
  EXPECT_EQ(train.displaced_by, 0U);
  EXPECT_TRUE(train.displaced_by_inference);
  EXPECT_EQ(planned.attempt_of("train"), AttemptNumber(2));
}

TEST_F(ScaleUp, TrainingWithoutAnotherPlaceWaits) {
  world.service_named("api").demand.replicas = 10;
  world.pool_named("spot").max_nodes = 0;
  const Planned planned = world.plan();
  // On-demand would cost the job as much as the service: nobody gains by an exchange.
  EXPECT_EQ(planned.shares_of("api"), "od:2 own:8");
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kKeep);
  world.pool_named("od").max_nodes = 0;
  const Planned nothing_else = world.plan();
  EXPECT_EQ(nothing_else.shares_of("api"), "own:10");
  EXPECT_EQ(nothing_else.job("train").verdict, TrainingVerdict::kRelease);
  EXPECT_EQ(nothing_else.job("train").cause, Cause::kDisplaced);
}

TEST_F(ScaleUp, TakesFreeRoomFirst) {
  world.node(world.index_of("own"));
  world.pool_named("own").max_nodes = 3;
  world.service_named("api").demand.replicas = 10;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "own:10");
  EXPECT_EQ(planned.pool_of("train"), "own");
}

TEST_F(ScaleUp, DisplacesOnlyAsManyAsNeeded) {
  world.node(world.index_of("own"));
  world.pool_named("own").max_nodes = 3;
  world.job("second", {.duration = 10h});
  world.runs("second", "own", 5h);
  world.service_named("api").demand.replicas = 12;
  const Planned planned = world.plan();
  const int moved = (planned.pool_of("train") != "own") + (planned.pool_of("second") != "own");
  EXPECT_EQ(moved, 1);
  EXPECT_EQ(planned.shares_of("api"), "own:12");
}

TEST_F(ScaleUp, AHigherPriorityOfTrainingProtectsIt) {
  world.service_named("api").demand.replicas = 10;
  world.job_named("train").demand.priority = 1;
  EXPECT_EQ(world.plan().pool_of("train"), "own");
  EXPECT_EQ(world.plan().shares_of("api"), "od:2 own:8");
}

class AmongJobs : public testing::Test {
 protected:
  AmongJobs() {
    world.reserved("own", {.nodes = 1});
    world.spot("spot", {.price = 8});
    world.on_demand("od", {.price = 24});
    world.job("incumbent", {.duration = 10h});
    world.job("newcomer", {.duration = 10h, .tiers = TierSet{Tier::kReserved, Tier::kOnDemand}});
  }
  World world;
};

TEST_F(AmongJobs, AYoungIncumbentWithACheapAlternativeYields) {
  world.runs("incumbent", "own", 30min);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("newcomer"), "own");
  EXPECT_EQ(planned.pool_of("incumbent"), "spot");
  EXPECT_FALSE(planned.job("incumbent").displaced_by_inference);
}

TEST_F(AmongJobs, AnIncumbentWithMuchToLoseStays) {
  world.runs("incumbent", "own", 8h);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("incumbent"), "own");
  EXPECT_EQ(planned.pool_of("newcomer"), "od");
}

// Refusing every other tier is no way to win the baseline from somebody who would lose a day's
// work.
TEST_F(AmongJobs, AJobThatRefusesEverythingElseClaimsNoMoreThanTheOnDemandPrice) {
  world.job_named("newcomer").demand.tiers = TierSet{Tier::kReserved};
  world.runs("incumbent", "own", 8h);
  EXPECT_EQ(world.plan().pool_of("incumbent"), "own");
  EXPECT_EQ(world.plan().job("newcomer").cause, Cause::kNoCapacity);
}

TEST_F(AmongJobs, HigherPriorityDisplacesWhateverIsAtStake) {
  world.runs("incumbent", "own", 9h);
  world.job_named("newcomer").demand.priority = 1;
  EXPECT_EQ(world.plan().pool_of("newcomer"), "own");
}

TEST_F(AmongJobs, NobodyIsDisplacedWhenTheGangWouldNotFitAnyway) {
  world.runs("incumbent", "own", 30min);
  world.job_named("newcomer").demand.priority = 1;
  world.job_named("newcomer").demand.replicas = 2;
  EXPECT_EQ(world.plan().pool_of("incumbent"), "own");
  EXPECT_EQ(world.plan().pool_of("newcomer"), "od");
}

TEST_F(AmongJobs, AJobYieldsToNoGangThatAServiceKeepsOut) {
  world.node(world.index_of("own"));
  world.pool_named("own").max_nodes = 2;
  world.set_price("od", 10);
  world.runs("incumbent", "own", 30min);
  world.service("api", {.replicas = 8, .baseline = 8});
  world.serves("api", "own", 8);
  world.job_named("newcomer").demand.tiers = TierSet{Tier::kReserved};
  world.job_named("newcomer").demand.replicas = 2;
  EXPECT_EQ(world.plan().job("newcomer").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(world.plan().job("incumbent").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(world.plan().shares_of("api"), "own:8");
}

TEST_F(AmongJobs, AServiceIsNeverDisplacedByAJobOfItsPriority) {
  world.service("api", {.replicas = 8, .baseline = 8});
  world.serves("api", "own", 8);
  world.job_named("newcomer").demand.tiers = TierSet{Tier::kReserved};
  world.set_price("od", 10);
  EXPECT_EQ(world.plan().shares_of("api"), "own:8");
  world.job_named("newcomer").demand.priority = 1;
  EXPECT_EQ(world.plan().pool_of("newcomer"), "own");
  EXPECT_EQ(world.plan().shares_of("api"), "od:8");
}

// Three slots of a half node each are to be had only when the small job's replicas come together:
// where they run there is room for two. It stays on the pool, on other nodes, and so anew.
TEST(Reserved, WhoHasToMoveToOtherNodesOfItsPoolStartsAnew) {
  World world;
  world.reserved("own", {.nodes = 2});
  world.job("small", {.replicas = 3, .per_replica = 1});
  world.runs("small", "own");
  const std::size_t first = world.job_named("small").bound.front().node;
  const std::size_t second = first == 0 ? 1 : 0;
  world.job_named("small").bound = {{.node = first, .replicas = 2},
                                    {.node = second, .replicas = 1}};
  world.job("gang", {.replicas = 3, .per_replica = 4, .priority = 1});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("gang"), "own");
  EXPECT_EQ(planned.pool_of("small"), "own");
  EXPECT_EQ(planned.job("small").verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(planned.job("small").cause, Cause::kDisplaced);
  EXPECT_EQ(planned.attempt_of("small"), AttemptNumber(2));
}

// The operator ended after the winner's placement was written and before the loser's.
TEST(Reserved, ADisplacementThatWasInterruptedHalfWayIsFinished) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.on_demand("od");
  world.job("low");
  world.runs("low", "own");
  world.job("high", {.priority = 5});
  world.starts("high", "own");
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("high").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.pool_of("high"), "own");
  EXPECT_EQ(planned.job("low").cause, Cause::kDisplaced);
  EXPECT_EQ(planned.job("low").displaced_by, 1U);
  EXPECT_EQ(planned.pool_of("low"), "od");
}

// The service has been given its share, and the job that was to leave for it has not been told.
TEST_F(ScaleUp, ADisplacementThatWasInterruptedHalfWayIsFinished) {
  InferenceWorkload& api = world.service_named("api");
  api.demand.replicas = 16;
  api.allocations[0].desired = 16;
  api.allocations[0].starting_since = world.now - 10s;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "own:16");
  EXPECT_EQ(planned.job("train").cause, Cause::kDisplaced);
  EXPECT_TRUE(planned.job("train").displaced_by_inference);
  EXPECT_EQ(planned.pool_of("train"), "spot");
}

TEST_F(ScaleUp, AShareWithoutRoomThatOutranksNobodyWaitsForItsLaunchTimeout) {
  InferenceWorkload& api = world.service_named("api");
  api.demand.replicas = 16;
  api.allocations[0].desired = 16;
  api.allocations[0].starting_since = world.now - 10s;
  world.job_named("train").demand.priority = 5;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.shares_of("api"), "own:16");
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kKeep);
}

TEST(Reserved, WhoHasNoRoomAndOutranksNobodyWaitsForItsLaunchTimeout) {
  World world;
  world.reserved("own", {.nodes = 1});
  world.on_demand("od");
  world.job("first");
  world.runs("first", "own");
  world.job("second");
  world.starts("second", "own");
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("first"), "own");
  EXPECT_EQ(planned.job("first").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.job("second").verdict, TrainingVerdict::kKeep);
}

}  // namespace
}  // namespace spillway::plan::test
