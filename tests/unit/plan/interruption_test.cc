// Notices, losses, moves and suspensions of jobs with checkpoints, through the whole plan.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cost.h"
#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using api::SaveReason;
using api::SaveState;
using ::testing::HasSubstr;

// A gang of two runs on two of three nodes of spot-a; spot-b is dearer.
class InterruptionScene : public ::testing::Test {
 protected:
  InterruptionScene() {
    world_.spot("spot-a", {.nodes = 3, .life = 8h});
    world_.spot("spot-b", {.price = 9, .nodes = 3, .zone = "zone-b", .life = 8h});
    world_.on_demand("od", {.nodes = 3});
    world_.job("train", {.replicas = 2, .duration = 20h, .age = 3h});
    world_.runs("train", "spot-a", 2h);
    job().checkpointing = Checkpointing{.can_ask = true, .save_time = 20s};
    saved(10, 30min, 90min);
  }

  TrainingWorkload& job() { return world_.job_named("train"); }
  Checkpointing& facts() { return *job().checkpointing; }
  const TrainingDecision& decision() { return planned_.emplace(world_.plan()).job("train"); }

  void saved(std::int64_t step, Duration ago, Duration work) {
    facts().verified = VerifiedCheckpoint{.step = api::StepNumber(step),
                                          .attempt = job().placement->attempt,
                                          .committed_at = world_.now - ago,
                                          .work = work};
  }
  void notice(std::size_t node, Duration length, NoticeKind kind = NoticeKind::kInterruption) {
    world_.snapshot.notices.push_back(
        {.node = node, .kind = kind, .deadline = world_.now + length, .first_seen = world_.now});
  }
  // Carries the plan out, later.
  void go(Duration later = 0s) {
    const Plan plan = make_plan(world_.snapshot, world_.now, world_.config);
    world_.snapshot = apply_plan(world_.snapshot, plan, world_.now, world_.config);
    world_.now += later;
  }
  // The children of ended attempts are gone and the store was looked at.
  void ended() { job().earlier_attempt_ending = false; }

  World world_;
  std::optional<Planned> planned_;
};

TEST_F(InterruptionScene, ANoticeOnOneNodeSavesTheWholeGangBeforeItLeaves) {
  notice(0, 120s);
  const TrainingDecision first = decision();
  EXPECT_EQ(first.verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(first.cause, Cause::kNotice);
  ASSERT_TRUE(first.interruption.has_value());
  EXPECT_TRUE(first.interruption->ask);
  EXPECT_EQ(first.interruption->save->deadline, kNow + 120s);
  ASSERT_TRUE(first.nominated.has_value());
  // The two nodes of spot-a that stay, one of them its own, have room for it.
  EXPECT_EQ(world_.snapshot.pools[*first.nominated].name.str(), "spot-a");
  EXPECT_THAT(explain(world_.snapshot, first, world_.now),
              HasSubstr("saving a checkpoint first, until " + format_instant(kNow + 120s)));
  EXPECT_EQ(planned_->plan().wake_at, kNow + 100s);

  go(15s);
  saved(42, 1s, 2h);
  const TrainingDecision second = decision();
  EXPECT_EQ(second.verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(second.cause, Cause::kNotice);
  EXPECT_EQ(planned_->pool_of("train"), "spot-a");
  EXPECT_EQ(second.placement->attempt, AttemptNumber(2));
  EXPECT_TRUE(second.interruption->may_end);
  EXPECT_EQ(second.interruption->save->state, SaveState::kVerified);
  EXPECT_FALSE(second.may_start);  // the pods have to end first
  EXPECT_NEAR(Hours(second.work_done).count(), 2.004, 0.001);
}

TEST_F(InterruptionScene, TheNextAttemptStartsFromTheNewestCheckpointOnceTheStoreHasTold) {
  notice(0, 120s);
  go(15s);
  saved(42, 1s, 2h);
  go(10s);
  ended();
  facts().sight = StoreSight::kBehind;
  facts().ended =
      Checkpointing::Ended{.attempt = AttemptNumber(1), .at = world_.now, .work = 2h + 15s};
  EXPECT_FALSE(decision().may_start);
  EXPECT_EQ(decision().cause, Cause::kCheckpointUnknown);
  facts().sight = StoreSight::kCurrent;
  EXPECT_TRUE(decision().may_start);
  EXPECT_EQ(decision().resume_step, api::StepNumber(42));
  EXPECT_EQ(decision().lost_work, 15s);
}

TEST_F(InterruptionScene, AStoreThatDoesNotAnswerNeverMeansTheBeginning) {
  job().placement = TrainingPlacement{.pool = 0, .attempt = AttemptNumber(2), .since = kNow};
  job().last_attempt = AttemptNumber(2);
  job().state = AttemptState::kNotCreated;
  job().bound.clear();
  facts().sight = StoreSight::kUnreadable;
  facts().ended = Checkpointing::Ended{.attempt = AttemptNumber(1), .at = world_.now, .work = 2h};
  EXPECT_FALSE(decision().may_start);
  EXPECT_EQ(planned_->plan().wake_at, kNow + 2min);
  world_.now += 2min;  // the last verified one is known: it will do
  EXPECT_TRUE(decision().may_start);
  EXPECT_EQ(decision().resume_step, api::StepNumber(10));
  EXPECT_EQ(decision().lost_work, 30min);
  facts().verified.reset();  // nothing is known: wait for as long as it takes
  world_.now += 24h;
  EXPECT_FALSE(decision().may_start);
  EXPECT_THAT(explain(world_.snapshot, decision(), world_.now),
              HasSubstr("never from the beginning because of an error"));
}

TEST_F(InterruptionScene, AFirstAttemptAsksNobody) {
  job().placement.reset();
  job().last_attempt = AttemptNumber();
  job().state = AttemptState::kNotCreated;
  job().bound.clear();
  facts() = Checkpointing{.sight = StoreSight::kUnreadable};
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_TRUE(decision().may_start);
  EXPECT_FALSE(decision().resume_step.has_value());
}

TEST_F(InterruptionScene, ACancelledNoticeLeavesTheJobWhereItIs) {
  notice(0, 120s);
  go(10s);
  world_.snapshot.notices.clear();
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().cause, Cause::kCheapest);
  EXPECT_EQ(decision().interruption->save->state, SaveState::kCancelled);
  go(1s);
  EXPECT_FALSE(decision().interruption.has_value());
}

TEST_F(InterruptionScene, AfterTheNoticeHasRunOutTheLastVerifiedCheckpointHasToDo) {
  notice(1, 120s);
  go(100s);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().interruption->save->state, SaveState::kGivenUp);
  EXPECT_EQ(decision().interruption->grace, 19s);
}

TEST_F(InterruptionScene, ALossThatANoticeHadAnnouncedIsItsDoing) {
  notice(0, 120s);
  go(200s);  // nobody looked until the node was gone
  world_.snapshot.notices.clear();
  job().state = AttemptState::kLost;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kNotice);
  EXPECT_THAT(explain(world_.snapshot, decision(), world_.now),
              HasSubstr("was taken, as a notice had said"));
  facts().save->state = SaveState::kCancelled;
  EXPECT_EQ(decision().cause, Cause::kReplicaLost);
  facts().save->state = SaveState::kRequested;
  facts().save->attempt = AttemptNumber(7);
  EXPECT_EQ(decision().cause, Cause::kReplicaLost);
}

TEST_F(InterruptionScene, ANoticeThatLeavesNoTimeEndsTheAttemptAtOnce) {
  facts().save_time = 40s;
  notice(0, 30s);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().interruption->no_save, NoSave::kDoesNotFit);
}

TEST_F(InterruptionScene, WithoutCheckpointsANoticeMovesTheJobAtOnce) {
  job().checkpointing.reset();
  notice(0, 120s);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kNotice);
  EXPECT_FALSE(decision().interruption.has_value());
}

TEST_F(InterruptionScene, AnAttemptThatIsDoneBeforeTheNodeGoesStays) {
  job().duration = 2h + 1min;
  job().checkpointing.reset();
  notice(0, 120s);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_FALSE(decision().interruption.has_value());
  job().checkpointing = Checkpointing{.can_ask = true, .save_time = 20s};
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().interruption->save->reason, SaveReason::kPrecaution);
}

// What the notice changes comes at an instant that the plan has told.
TEST_F(InterruptionScene, AnAttemptThatIsNotDoneWhenItShouldBeObeysTheNoticeAfterAll) {
  job().duration = 2h + 1min;
  job().checkpointing.reset();
  notice(0, 120s);
  ASSERT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(planned_->plan().wake_at, world_.now + 1min);
  world_.now += 1min - 1ms;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  world_.now += 1ms;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kNotice);
}

TEST_F(InterruptionScene, AHintIsASaveAndNoFarewell) {
  notice(0, 0s, NoticeKind::kRebalance);
  world_.snapshot.notices[0].deadline.reset();
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().cause, Cause::kCheapest);
  EXPECT_TRUE(decision().interruption->ask);
  EXPECT_EQ(decision().interruption->save->reason, SaveReason::kPrecaution);
  go(20s);
  saved(43, 2s, 2h);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_FALSE(decision().interruption->may_end);
}

TEST_F(InterruptionScene, ANodeThatIsGoneEndsTheGangWithoutAWord) {
  world_.snapshot.nodes[0].health = NodeHealth::kGone;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kReplicaLost);
  EXPECT_FALSE(decision().interruption.has_value());
  EXPECT_EQ(planned_->plan().gone_nodes, std::vector<std::size_t>{0});
}

TEST_F(InterruptionScene, ASuspectedNodeEndsNothing) {
  world_.snapshot.nodes[0].health = NodeHealth::kSuspected;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
}

TEST_F(InterruptionScene, SuspensionSavesBeforeItEnds) {
  job().suspended = true;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().cause, Cause::kSuspended);
  EXPECT_EQ(decision().interruption->save->reason, SaveReason::kSuspended);
  EXPECT_THAT(explain(world_.snapshot, decision(), world_.now),
              HasSubstr("suspended by its spec: saving a checkpoint first"));
  go(30s);
  saved(44, 1s, 2h);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kRelease);
  EXPECT_FALSE(decision().placement.has_value());
  go(30s);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kWait);
}

TEST_F(InterruptionScene, ASuspensionTakenBackInTimeLetsItRunOn) {
  job().suspended = true;
  go(30s);
  job().suspended = false;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().interruption->save->state, SaveState::kCancelled);
}

TEST_F(InterruptionScene, DeletionSavesBeforeItMayEnd) {
  job().terminating = true;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_TRUE(decision().interruption->ask);
  go(10min);
  EXPECT_TRUE(decision().interruption->may_end);
}

// Whose replicas retry alone.
TEST_F(InterruptionScene, ANoticeOrALostNodeIsNoEndOfABatchWhoseReplicasRetryAlone) {
  job().gang = false;
  notice(0, 120s);
  world_.snapshot.nodes[1].health = NodeHealth::kGone;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_FALSE(decision().interruption.has_value()) << "its replicas leave one by one";
}

TEST_F(InterruptionScene, ABatchWhoseReplicasRetryAloneSavesBeforeItIsSuspended) {
  job().gang = false;
  job().suspended = true;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_TRUE(decision().interruption->ask);
  go(15s);
  saved(42, 1s, 2h);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kRelease);
}

TEST_F(InterruptionScene, ABatchOfWhichNothingRunsHasNothingToSave) {
  job().gang = false;
  job().suspended = true;
  job().bound.clear();
  EXPECT_EQ(decision().verdict, TrainingVerdict::kRelease);
}

TEST_F(InterruptionScene, AMoveForThePriceSavesFirstAndCostsNextToNothingThen) {
  world_.set_price("spot-a", 20);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().cause, Cause::kPriceMove);
  EXPECT_EQ(decision().interruption->save->reason, SaveReason::kMoved);
  EXPECT_EQ(world_.snapshot.pools[decision().nominated.value()].name.str(), "spot-b");
  go(30s);
  world_.set_price("spot-a", 8);  // the reason goes away
  EXPECT_EQ(decision().interruption->save->state, SaveState::kCancelled);
  world_.set_price("spot-a", 20);
  saved(45, 1s, 2h);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kPriceMove);
}

TEST_F(InterruptionScene, WhileItSavesRoomIsHeldForItsNextAttempt) {
  notice(0, 120s);
  notice(1, 120s);
  world_.job("other", {.replicas = 2, .tiers = {api::Tier::kSpot}});
  const Planned planned = world_.plan();
  EXPECT_EQ(planned.job("train").nominated, world_.index_of("spot-b"));
  EXPECT_EQ(planned.pool_of("other"), "");  // spot-b has three nodes
}

TEST_F(InterruptionScene, WhoeverIsSuspendedKeepsItsRoomUntilItHasSaved) {
  job().suspended = true;
  world_.job("other", {.replicas = 2});
  EXPECT_EQ(world_.plan().pool_of("other"), "spot-b");
  go(30s);
  saved(44, 1s, 2h);
  world_.job("third", {.replicas = 2});
  EXPECT_EQ(world_.plan().pool_of("third"), "spot-a");
}

TEST_F(InterruptionScene, ADisplacedJobSavesWhileItsSlotsArePromised) {
  world_.snapshot.pools[0].tier = api::Tier::kReserved;
  world_.job("urgent", {.replicas = 3, .priority = 5, .tiers = {api::Tier::kReserved}});
  EXPECT_EQ(decision().verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(decision().cause, Cause::kDisplaced);
  EXPECT_EQ(planned_->pool_of("urgent"), "spot-a");
  EXPECT_EQ(decision().displaced_by, 1U);
  go(30s);
  EXPECT_EQ(decision().cause, Cause::kDisplaced);  // recorded: it stays decided
  EXPECT_EQ(planned_->pool_of("urgent"), "spot-a");
  saved(46, 1s, 2h);
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().cause, Cause::kDisplaced);
}

TEST_F(InterruptionScene, AnUnexplainedLossWithoutANewCheckpointCounts) {
  job().state = AttemptState::kLost;
  EXPECT_EQ(decision().restarts_without_progress, 0);  // the attempt had saved
  facts().verified->attempt = AttemptNumber(0);
  EXPECT_EQ(decision().restarts_without_progress, 1);
  job().restarts_without_progress = 5;
  EXPECT_EQ(decision().verdict, TrainingVerdict::kFail);
  EXPECT_EQ(decision().cause, Cause::kNoProgress);
  EXPECT_THAT(explain(world_.snapshot, decision(), world_.now),
              HasSubstr("6 restarts in a row without a newer checkpoint"));
  job().loss = LossKind::kNode;  // the market's doing never counts
  EXPECT_EQ(decision().verdict, TrainingVerdict::kPlace);
  EXPECT_EQ(decision().restarts_without_progress, 5);
}

TEST_F(InterruptionScene, TheSuggestedIntervalComesFromSaveTimeAndLife) {
  EXPECT_EQ(decision().suggested_interval, 1500s);  // 8 h of life, half of the saves succeed
  facts().save_time.reset();
  EXPECT_FALSE(decision().suggested_interval.has_value());
  facts().suggested_interval = 700s;
  EXPECT_EQ(decision().suggested_interval, 700s);
}

TEST_F(InterruptionScene, WithCheckpointsALongJobStaysOnSpotThatLivesShortly) {
  World world;
  world.spot("spot-a", {.price = 8, .nodes = 2, .life = 3h});
  world.on_demand("od", {.price = 24, .nodes = 2});
  world.job("train", {.replicas = 1, .duration = 40h});
  EXPECT_EQ(world.plan().pool_of("train"), "od");  // forty hours in one piece are not to be had
  world.job_named("train").checkpointing = Checkpointing{.interval = 15min, .can_ask = true};
  EXPECT_EQ(world.plan().pool_of("train"), "spot-a");
}

}  // namespace
}  // namespace spillway::plan::test
