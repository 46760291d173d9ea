#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

// d = 6 min, launch timeout 15 min. A 4 h job needs 4 h 6 min on a fresh node, and the net closes 4
// h 27 min before the deadline. A whole attempt on spot before that makes 8 h 33 min.
class Deadline : public testing::Test {
 protected:
  Deadline() {
    world.spot("spot", {.price = 8});
    world.on_demand("od", {.price = 24});
  }
  void job(Duration deadline_in, Duration age = 0min) {
    world.job("train", {.duration = 4h, .deadline_in = deadline_in, .age = age});
  }
  void fill_spot() {
    world.job("busy", {.replicas = 2, .tiers = api::TierSet{api::Tier::kSpot}});
    world.runs("busy", "spot");
  }
  World world;
};

TEST_F(Deadline, ALooseOneTakesSpot) {
  job(12h);
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, ATightOneTakesOnDemandAtOnce) {
  job(5h);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "od");
  EXPECT_EQ(planned.job("train").cause, Cause::kDeadline);
}

// An attempt on spot that could not end before the net closes would be thrown away there.
TEST_F(Deadline, SpotIsOnlyStartedWhereItCanFinishBeforeTheNet) {
  job(8h + 33min);
  EXPECT_EQ(world.plan().pool_of("train"), "od");
  world.job_named("train").deadline = kNow + 8h + 33min + 1ms;
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, WaitsForSpotOnlyUntilTheLineOfUniformProgress) {
  fill_spot();
  job(24h);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").cause, Cause::kWaitingForSpot);
  EXPECT_EQ(planned.plan().wake_at, kNow + 6min);
  world.now += 6min;
  EXPECT_EQ(world.plan().pool_of("train"), "od");
  EXPECT_EQ(world.plan().job("train").cause, Cause::kDeadline);
}

TEST_F(Deadline, ALostAttemptTakesSpotAgainWhileThereIsTime) {
  job(24h, 3h);
  world.runs("train", "spot", 2h);
  world.job_named("train").state = AttemptState::kLost;
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
  world.job_named("train").deadline = kNow + 6h;
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST_F(Deadline, AnAttemptInTimeStaysOnSpot) {
  job(24h);
  world.runs("train", "spot", 2h);
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
}

TEST_F(Deadline, AnAttemptThatWouldStillRunWhenTheNetClosesLeavesSpot) {
  job(6h + 27min);
  world.runs("train", "spot", 2h);  // ends in 2 h, the net closes in 2 h
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
  world.job_named("train").deadline = kNow + 6h + 26min;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "od");
  EXPECT_EQ(planned.job("train").cause, Cause::kDeadline);
}

TEST_F(Deadline, WhenStartingAgainWouldBeTooLateTheAttemptStays) {
  job(4h);
  world.runs("train", "spot", 2h);
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, AnOverdueAttemptStays) {
  job(4h + 10min);
  world.runs("train", "spot", 5h);  // by its estimate it should have finished
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, ALateStartIsNoticedWhenItBecomesTooLate) {
  job(10h);
  world.starts("train", "spot", 1min);
  world.job_named("train").launch_timeout = 15min;
  world.job_named("train").bound =
      world.bind(world.job_named("train").demand, world.index_of("spot"), 1);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "spot");
  // The net closes at 10 h - 4 h 27 min; the attempt takes 4 h.
  EXPECT_EQ(planned.plan().wake_at, kNow + 1h + 33min + 1ms);
  world.now = kNow + 1h + 33min + 1ms;
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST_F(Deadline, WithoutLastingCapacityAllowedSpotIsUsedAsItComes) {
  job(4h + 30min);
  world.job_named("train").demand.tiers = api::TierSet{api::Tier::kSpot};
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, UnsafeSpotIsBetterThanIdling) {
  job(6h);
  world.job("busy", {.replicas = 2, .tiers = api::TierSet{api::Tier::kOnDemand}});
  world.runs("busy", "od");
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

TEST_F(Deadline, OneThatCannotBeMetGetsLastingCapacity) {
  job(1h);
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST_F(Deadline, TooLateOnReservedIsBetterThanIdling) {
  world.pool_named("spot").max_nodes = world.pool_named("od").max_nodes = 0;
  world.reserved("fast", {.nodes = 1});
  world.reserved("slow", {.nodes = 1, .model = "A100"});
  job(5h);
  world.job_named("train").demand.models.push_back(
      {.model = AcceleratorModel("A100"), .speed_percent = 50});
  EXPECT_EQ(world.plan().pool_of("train"), "fast");
  world.service("api", {.replicas = 8, .baseline = 8, .priority = 1});
  world.serves("api", "fast", 8);
  EXPECT_EQ(world.plan().pool_of("train"), "slow");
}

TEST_F(Deadline, AJobThatCouldNotStartAgainKeepsItsReservedSlots) {
  world.reserved("own", {.nodes = 1});
  job(4h);
  world.runs("train", "own", 1h);
  world.service("api", {.replicas = 8, .baseline = 8});
  // Spot would cost it a third of what the service pays elsewhere, but be too late.
  world.job_named("train").demand.tiers = api::TierSet{api::Tier::kReserved, api::Tier::kSpot};
  EXPECT_EQ(world.plan().pool_of("train"), "own");
  world.service_named("api").demand.priority = 1;
  EXPECT_EQ(world.plan().pool_of("train"), "spot");
}

}  // namespace
}  // namespace spillway::plan::test
