#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

class Moves : public testing::Test {
 protected:
  Moves() {
    world.spot("here", {.price = 10});
    world.spot("there", {.price = 10, .zone = "zone-b"});
    world.job("train", {.duration = 10h});
  }
  void runs(Duration since) { world.runs("train", "here", since); }
  World world;
};

TEST_F(Moves, EqualPricePrefersWhatRuns) {
  runs(20min);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned.job("train").placement, world.job_named("train").placement);
}

TEST_F(Moves, ASmallSavingDoesNotMoveAJob) {
  runs(20min);
  world.set_price("there", 8.9);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, ALargeSavingEarlyInTheJobDoes) {
  runs(20min);
  world.set_price("there", 5);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "there");
  EXPECT_EQ(planned.job("train").cause, Cause::kPriceMove);
  EXPECT_EQ(planned.attempt_of("train"), AttemptNumber(2));
}

// Eight of ten hours are done: half the price for ten hours is dearer than the full price for two.
TEST_F(Moves, WorkAtStakeHoldsAJob) {
  runs(8h);
  world.set_price("there", 5);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, WorkAtStakeCountsForJobsWithoutADurationToo) {
  world.job_named("train").duration.reset();
  runs(20h);
  world.set_price("there", 5);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, AJobThatIsOverdueStays) {
  runs(11h);
  world.set_price("there", 0.1);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, AYoungAttemptIsLeftAloneForMinRun) {
  runs(4min);
  world.set_price("there", 2);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "here");
  EXPECT_EQ(planned.plan().wake_at, kNow + 6min);
  world.now = kNow + 6min;
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

TEST_F(Moves, AStartingJobDoesNotFlap) {
  world.starts("train", "here", 5min);
  world.set_price("there", 2);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
  world.now += 5min;
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

TEST_F(Moves, ShorterLifeThanThoughtMovesAJobBeforeItHasMuchToLose) {
  runs(20min);
  world.pool_named("here").offering.life = {.fresh = 2h, .residual = 2h};
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

// Windows are heavy-tailed: the nodes that run have proved themselves.
TEST_F(Moves, ResidualLifeSpeaksForWhatRuns) {
  runs(20min);
  world.pool_named("here").offering.life = {.fresh = 2h, .residual = 1000h};
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, NoAttemptIsEndedToStartAgainOnItsOwnPool) {
  world.pool_named("there").max_nodes = 0;
  runs(20min);
  world.pool_named("here").offering.life = {.fresh = 1000h, .residual = 2h};
  EXPECT_EQ(world.plan().job("train").verdict, TrainingVerdict::kKeep);
}

TEST_F(Moves, AnUnknownPriceHereMovesNothing) {
  runs(20min);
  world.pool_named("here").offering.price = {};
  world.set_price("there", 1);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

// Spot that refuses launches would take it from on-demand again and again, and all its work with
// it.
TEST_F(Moves, WhoCannotBeAskedToSaveGoesOnlyAfterASaveOfItsOwn) {
  TrainingWorkload& job = world.job_named("train");
  job.checkpointing = Checkpointing{.interval = 30min};
  runs(20min);
  world.set_price("there", 5);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
  job.checkpointing->verified = VerifiedCheckpoint{.step = api::StepNumber(7),
                                                   .attempt = AttemptNumber(0),
                                                   .committed_at = world.now - 1h,
                                                   .work = 30min};  // of the attempt before
  EXPECT_EQ(world.plan().pool_of("train"), "here");
  job.checkpointing->verified->attempt = job.placement->attempt;
  job.checkpointing->verified->committed_at = world.now - 1min;
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

class MovesToAPoolThatWasLost : public Moves {
 protected:
  MovesToAPoolThatWasLost() {
    world.on_demand("od", {.price = 24});
    TrainingWorkload& job = world.job_named("train");
    job.checkpointing = Checkpointing{.interval = 30min};
    job.changeover = 9min;
    there().seen_state = MarketState::kGap;
    there().seen_at = world.now;
    world.set_price("there", 5);
  }
  void runs_on(std::string_view pool) {
    world.runs("train", pool, 20min);
    TrainingWorkload& job = world.job_named("train");
    job.checkpointing->verified = VerifiedCheckpoint{.step = api::StepNumber(7),
                                                     .attempt = job.placement->attempt,
                                                     .committed_at = world.now,
                                                     .work = 20min};
  }
  // Until nothing is redone, as if it saved all the time.
  void passes(Duration time) {
    world.now += time;
    world.job_named("train").checkpointing->verified->work += time;
  }
  Pool& there() { return world.pool_named("there"); }
  // Since the loss, until the plan gives up what runs for it: asked at the instants that it names.
  Duration pause() {
    World then = world;
    for (int wakes = 0; wakes < 20; ++wakes) {
      const Planned planned = then.plan();
      if (planned.pool_of("train") == "there") break;
      const auto at = planned.plan().wake_at;
      if (!at) break;
      then.job_named("train").checkpointing->verified->work += *at - then.now;
      then.now = *at;
    }
    return then.now - there().seen_at;
  }
};

TEST_F(MovesToAPoolThatWasLost, ItIsTriedAgainWhenTheSavingIsWorthTheRefusals) {
  world.pool_named("here").max_nodes = 0;
  runs_on("od");
  const Duration first = pause();
  EXPECT_GT(first, 15min);
  EXPECT_LT(first, 2h);
  passes(first);
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

TEST_F(MovesToAPoolThatWasLost, AnOldGapIsTriedMoreSeldom) {
  runs_on("od");
  world.pool_named("here").max_nodes = 0;
  const Duration first = pause();
  there().seen_age = 4h;
  EXPECT_GT(pause(), first * 3 / 2);
}

TEST_F(MovesToAPoolThatWasLost, CheaperSpotIsTriedLaterThanSpotInsteadOfOnDemand) {
  runs_on("here");
  const Duration for_five = pause();
  world.pool_named("here").max_nodes = 0;
  runs_on("od");
  EXPECT_GT(for_five, pause());
}

TEST_F(MovesToAPoolThatWasLost, ItComesBackByTimeWhateverWasLearntOfIt) {
  runs_on("here");
  there().hazard = {.window = 3, .gap = 0.3};
  there().seen_age = 20h;
  EXPECT_LE(pause(), 24h);
  passes(24h);
  world.job_named("train").checkpointing->verified->work = 20min;  // much is left
  world.job_named("train").running_since = world.now - 20min;
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

TEST_F(MovesToAPoolThatWasLost, WhereItIsSeenToBeThereNothingIsWaitedFor) {
  runs_on("here");
  there().seen_state = MarketState::kWindow;
  EXPECT_EQ(world.plan().pool_of("train"), "there");
}

TEST_F(Moves, FromOnDemandBackToSpotWhenItPays) {
  world.on_demand("od", {.price = 24});
  world.runs("train", "od", 30min);
  EXPECT_EQ(world.plan().job("train").cause, Cause::kPriceMove);
  world.runs("train", "od", 7h);
  EXPECT_EQ(world.plan().pool_of("train"), "od");
}

TEST_F(Moves, FreeReservedRoomIsWorthAnEarlyRestart) {
  world.reserved("own");
  runs(30min);
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "own");
  EXPECT_EQ(planned.job("train").cause, Cause::kReservedBaseline);
}

TEST_F(Moves, FreeReservedRoomIsNotWorthTheWorkOfADay) {
  world.reserved("own");
  runs(6h);
  EXPECT_EQ(world.plan().pool_of("train"), "here");
}

TEST_F(Moves, TheRoomOfOneMoveServesAnotherInTheSamePass) {
  runs(20min);
  world.set_price("there", 5);
  world.pool_named("here").max_nodes =
      1;  // one node is closed, the other is held by the job that moves
  world.job("waiting", {.tiers = api::TierSet{api::Tier::kSpot}});
  world.pool_named("there").max_nodes = 1;
  const Planned planned = world.plan();
  EXPECT_EQ(planned.pool_of("train"), "there");
  EXPECT_EQ(planned.pool_of("waiting"), "here");
}

}  // namespace
}  // namespace spillway::plan::test
