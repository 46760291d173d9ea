// Jobs with checkpoints and a deadline: what the spot programme says becomes placements.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/plan/programme_library.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using ::testing::HasSubstr;

const ProgrammeLibrary& library() {
  static const ProgrammeLibrary tables;
  return tables;
}

class SpotJobs : public ::testing::Test {
 protected:
  SpotJobs() { world_.config.programmes = &library(); }

  TrainingWorkload& saving_job(std::string_view name, Duration work, Duration slack) {
    TrainingWorkload& job =
        world_.job(name, {.duration = work, .deadline_in = work + slack, .age = 1min});
    job.checkpointing = Checkpointing{.interval = 10min, .can_ask = true, .save_time = 20s};
    return job;
  }
  void seen(std::string_view pool, MarketState state, Duration age) {
    Pool& there = world_.pool_named(pool);
    there.seen_state = state;
    there.seen_at = world_.now;
    there.seen_age = age;
  }
  void taken(std::string_view pool, Duration retry_in = 10min) {
    seen(pool, MarketState::kGap, 5min);
    market::Offering& offering = world_.pool_named(pool).offering;
    offering.availability = market::Availability::kStockedOut;
    offering.retry_at = world_.now + retry_in;
  }
  void saved(std::string_view name, Duration work, Duration ago) {
    world_.job_named(name).checkpointing->verified =
        VerifiedCheckpoint{.step = api::StepNumber(7),
                           .attempt = world_.job_named(name).placement->attempt,
                           .committed_at = world_.now - ago,
                           .work = work};
  }

  World world_;
};

TEST_F(SpotJobs, SpotIsTakenWhileItIsThere) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 40h, 20h);
  seen("spot", MarketState::kWindow, 3h);
  EXPECT_EQ(world_.plan().pool_of("train"), "spot");
  EXPECT_EQ(world_.plan().job("train").cause, Cause::kCheapest);
}

TEST_F(SpotJobs, WithSlackItWaitsForSpotAndSaysSo) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 60h);
  taken("spot");
  const Planned planned = world_.plan();
  EXPECT_EQ(planned.pool_of("train"), "");
  EXPECT_EQ(planned.job("train").cause, Cause::kWaitingForSpot);
  EXPECT_THAT(planned.why("train"), HasSubstr("as long as the deadline allows"));
}

TEST_F(SpotJobs, WithoutSlackItTakesOnDemand) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 40h, 75min);
  taken("spot");
  EXPECT_EQ(world_.plan().pool_of("train"), "od");
  EXPECT_EQ(world_.plan().job("train").cause, Cause::kDeadline);
}

TEST_F(SpotJobs, AtTheWallOnDemandIsTheOnlyAnswerThoughSpotIsThere) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 30min);
  seen("spot", MarketState::kWindow, 10h);
  EXPECT_EQ(world_.plan().pool_of("train"), "od");
}

TEST_F(SpotJobs, WorkThatIsSavedIsSlackWon) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 30min);
  seen("spot", MarketState::kWindow, 10h);
  world_.job_named("train").last_attempt = AttemptNumber(1);
  world_.job_named("train").checkpointing->verified =
      VerifiedCheckpoint{.step = api::StepNumber(7), .attempt = AttemptNumber(1), .work = 5h};
  EXPECT_EQ(world_.plan().pool_of("train"), "spot");
}

TEST_F(SpotJobs, ItRunsOnOnSpotWhileItsWorkIsSaved) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 1h);
  world_.runs("train", "spot", 4h);
  saved("train", 4h - 5min, 5min);
  EXPECT_EQ(world_.plan().job("train").verdict, TrainingVerdict::kKeep);
  EXPECT_FALSE(world_.plan().job("train").interruption.has_value());
}

TEST_F(SpotJobs, ItLeavesSpotWhenNothingOfItsWorkIsSavedAndTheNetCloses) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 20min);  // 10 h of work, none of it verified
  world_.runs("train", "spot", 4h);
  const Planned planned = world_.plan();
  EXPECT_EQ(planned.job("train").cause, Cause::kDeadline);
  EXPECT_TRUE(planned.job("train").interruption->ask);  // it may still save in time
  EXPECT_EQ(planned.job("train").nominated, world_.index_of("od"));
}

TEST_F(SpotJobs, OnDemandIsLeftForAnOldWindowWithSlack) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 40h, 30h);
  world_.runs("train", "od", 1h);
  saved("train", 55min, 5min);
  seen("spot", MarketState::kWindow, 12h);
  const Planned planned = world_.plan();
  EXPECT_EQ(planned.job("train").nominated, world_.index_of("spot"));
  EXPECT_EQ(planned.job("train").interruption->save->reason, api::SaveReason::kMoved);
}

TEST_F(SpotJobs, OfTwoZonesTheCheaperOneIsTaken) {
  world_.spot("dear", {.price = 9, .zone = "zone-a"});
  world_.spot("cheap", {.price = 6, .zone = "zone-b"});
  world_.on_demand("od");
  saving_job("train", 40h, 20h);
  seen("dear", MarketState::kWindow, 5h);
  seen("cheap", MarketState::kWindow, 5h);
  EXPECT_EQ(world_.plan().pool_of("train"), "cheap");
}

TEST_F(SpotJobs, ASpotPriceAboveOnDemandIsNotSpot) {
  world_.spot("spot", {.price = 25});
  world_.on_demand("od");
  saving_job("train", 10h, 75min);
  seen("spot", MarketState::kWindow, 5h);
  EXPECT_EQ(world_.plan().pool_of("train"), "od");
}

TEST_F(SpotJobs, OneNodeGoesToOneOfTwo) {
  world_.spot("spot", {.nodes = 1});
  world_.on_demand("od");
  saving_job("first", 20h, 3h);
  saving_job("second", 20h, 3h);
  seen("spot", MarketState::kWindow, 5h);
  const Planned planned = world_.plan();
  EXPECT_EQ(planned.pool_of("first"), "spot");
  EXPECT_NE(planned.pool_of("second"), "spot");
}

TEST_F(SpotJobs, DecisionsFallOnTheGridAndThePlanWakesForThem) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 60h);
  taken("spot", 4h);
  world_.now += 2min;
  const Planned planned = world_.plan();
  ASSERT_TRUE(planned.plan().wake_at.has_value());
  EXPECT_EQ(*planned.plan().wake_at, kNow + 5min);
}

TEST_F(SpotJobs, TheSlackDecidesWhetherSpotWillDo) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 90min);
  EXPECT_EQ(world_.plan().pool_of("train"), "spot");
  world_.job_named("train").deadline = world_.now + 10h + 20min;
  EXPECT_EQ(world_.plan().pool_of("train"), "od");
}

TEST_F(SpotJobs, WithoutOnDemandBehindItSpotIsUsedAsItComes) {
  world_.spot("spot");
  saving_job("train", 10h, 10min);
  EXPECT_EQ(world_.plan().pool_of("train"), "spot");
}

TEST_F(SpotJobs, WhoTakesLongerThanItSaidIsLeftToFinish) {
  for (const char* pool : {"od", "spot"}) {
    world_ = World();
    world_.config.programmes = &library();
    world_.spot("spot");
    world_.on_demand("od");
    saving_job("train", 10h, 20h);
    world_.runs("train", pool, 10h + 20min);
    saved("train", 10h, 20min);
    EXPECT_EQ(world_.plan().job("train").verdict, TrainingVerdict::kKeep) << pool;
    EXPECT_FALSE(world_.plan().job("train").interruption.has_value()) << pool;
  }
}

TEST_F(SpotJobs, WhoseWorkIsAllSavedButNotDoneIsStartedAgain) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, 30min);
  world_.job_named("train").last_attempt = AttemptNumber(1);
  world_.job_named("train").checkpointing->verified =
      VerifiedCheckpoint{.step = api::StepNumber(7), .attempt = AttemptNumber(1), .work = 10h};
  EXPECT_NE(world_.plan().pool_of("train"), "");
}

TEST_F(SpotJobs, AfterTheDeadlineOnDemandMakesItMissByLittle) {
  world_.spot("spot");
  world_.on_demand("od");
  saving_job("train", 10h, -12h);
  EXPECT_EQ(world_.plan().pool_of("train"), "od");
}

}  // namespace
}  // namespace spillway::plan::test
