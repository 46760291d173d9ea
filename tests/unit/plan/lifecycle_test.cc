#include <gtest/gtest.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

class Lifecycle : public testing::Test {
 protected:
  Lifecycle() {
    world.spot("spot-a", {.price = 8});
    world.spot("spot-b", {.price = 9, .zone = "zone-b"});
    world.job("train", {.replicas = 2});
  }
  TrainingWorkload& train() { return world.job_named("train"); }
  World world;
};

TEST_F(Lifecycle, ASuccessIsFinal) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kSucceeded;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kSucceed);
  EXPECT_FALSE(planned.job("train").placement);
}

TEST_F(Lifecycle, TheRoomOfAFinishedJobIsFree) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kSucceeded;
  world.job("next", {.replicas = 2});
  EXPECT_EQ(world.plan().pool_of("next"), "spot-a");
}

TEST_F(Lifecycle, TheProgramsFailureIsCountedAndRetried) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kFailed;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(planned.job("train").cause, Cause::kProgramFailed);
  EXPECT_TRUE(planned.job("train").counts_as_user_failure);
  EXPECT_EQ(planned.attempt_of("train"), AttemptNumber(2));
}

TEST_F(Lifecycle, TheLastAllowedFailureFailsTheJob) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kFailed;
  train().max_restarts = 2;
  train().user_failures = 1;
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kPlace);
  train().user_failures = 2;
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kFail);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kRestartsExhausted);
}

TEST_F(Lifecycle, ALostReplicaRenewsTheGangAndBurnsNoRestart) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kLost;
  train().max_restarts = 0;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(planned.job("train").cause, Cause::kReplicaLost);
  EXPECT_FALSE(planned.job("train").counts_as_user_failure);
  EXPECT_EQ(planned.pool_of("train"), "spot-a");
}

TEST_F(Lifecycle, ALostAttemptWithoutRoomIsReleased) {
  world.runs("train", "spot-a");
  train().state = AttemptState::kLost;
  for (Node& node : world.snapshot.nodes)
    node.usable = false;
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kRelease);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kReplicaLost);
}

TEST_F(Lifecycle, SuspendedGivesEverythingBack) {
  world.runs("train", "spot-a");
  train().suspended = true;
  world.job("next", {.replicas = 2});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kRelease);
  EXPECT_EQ(planned.job("train").cause, Cause::kSuspended);
  EXPECT_EQ(planned.pool_of("next"), "spot-a");
  train().placement.reset();
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kWait);
}

TEST_F(Lifecycle, TerminatingHoldsWhatItHoldsAndGetsNothingNew) {
  world.runs("train", "spot-a");
  train().terminating = true;
  world.set_price("spot-b", 0.5);
  world.job("next", {.replicas = 1});
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.pool_of("next"), "spot-b");
  train().placement.reset();
  train().bound.clear();
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kWait);
}

TEST_F(Lifecycle, ALaunchThatTimesOutIsAStockOutAndGoesElsewhere) {
  world.starts("train", "spot-a", 14min);
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(world.plan().plan().wake_at, kNow + 1min);
  world.now += 1min;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "spot-b");
  EXPECT_EQ(planned.job("train").cause, Cause::kLaunchTimeout);
  ASSERT_EQ(planned.plan().stock_outs.size(), 1U);
  EXPECT_EQ(planned.plan().stock_outs[0].pool, world.index_of("spot-a"));
  EXPECT_EQ(planned.plan().stock_outs[0].since, kNow - 14min);  // of the placement
}

TEST_F(Lifecycle, AStockOutKeepsOthersAwayInTheSamePass) {
  world.starts("train", "spot-a", 15min);
  world.job("next", {.replicas = 1, .tiers = api::TierSet{api::Tier::kSpot}});
  world.pool_named("spot-b").max_nodes = 0;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kRelease);
  EXPECT_EQ(planned.job("next").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(planned.job("next").cause, Cause::kNoCapacity);
  EXPECT_EQ(planned.plan().wake_at, kNow + world.config.stock_out_base);
}

TEST_F(Lifecycle, ASlowImageIsNoStockOut) {
  world.starts("train", "spot-a", 2h);
  train().bound = world.bind(train().demand, world.index_of("spot-a"), 2);
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_TRUE(world.plan().plan().stock_outs.empty());
}

// Nothing was asked of the pool yet: the pods of an earlier attempt take their time, or the job may
// not be created.
TEST_F(Lifecycle, WithoutChildrenThereIsNoLaunchTimeout) {
  world.starts("train", "spot-a", 2h);
  train().state = AttemptState::kNotCreated;
  train().starting_since.reset();
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
}

TEST_F(Lifecycle, APlacementIsDecidedWhileTheEarlierAttemptEnds) {
  train().earlier_attempt_ending = true;
  train().last_attempt = AttemptNumber(3);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "spot-a");
  EXPECT_EQ(planned.attempt_of("train"), AttemptNumber(4));
}

TEST_F(Lifecycle, APoolThatChangedItsTierNoLongerAdmits) {
  world.runs("train", "spot-a");
  train().demand.tiers = api::TierSet{api::Tier::kSpot};
  world.pool_named("spot-a").tier = api::Tier::kOnDemand;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "spot-b");
  EXPECT_EQ(planned.job("train").cause, Cause::kPoolUnusable);
}

TEST_F(Lifecycle, ATaintThatCameLaterDoesNotEndWhatRuns) {
  world.runs("train", "spot-a");
  world.snapshot.traits[0].taints = {{.key = "new", .effect = api::TaintEffect::kNoSchedule}};
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
}

TEST_F(Lifecycle, ClockSkewIsNow) {
  world.starts("train", "spot-a", -5min);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.plan().wake_at, kNow + 15min);
}

TEST_F(Lifecycle, ACrashBetweenDecisionAndChildrenChangesNothing) {
  const Planned first = world.plan();
  world.snapshot = apply_plan(world.snapshot, first.plan(), world.now, world.config);
  world.now += 1s;
  const Planned second = world.plan();
  EXPECT_EQ(second.job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(second.job("train").placement, first.job("train").placement);
}

TEST_F(Lifecycle, UseOfAPoolIsWhatIsThereNow) {
  world.runs("train", "spot-a");
  world.node(world.index_of("spot-a"));
  world.snapshot.nodes.back().usable = false;
  const PoolUse use = world.plan().plan().pools[world.index_of("spot-a")];
  EXPECT_EQ(use.capacity, AcceleratorCount(16));
  EXPECT_EQ(use.used, AcceleratorCount(16));
  EXPECT_EQ(use.free, AcceleratorCount(0));
}

TEST(EmptyWorld, PlansNothing) {
  World world;
  const Planned planned = world.plan();
  EXPECT_TRUE(planned.plan().training.empty());
  EXPECT_EQ(planned.plan().wake_at, std::nullopt);
}

}  // namespace
}  // namespace spillway::plan::test
