// The interruption machine by itself: one observation in, one step out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/plan/checkpointing.h>

namespace spillway::plan {
namespace {

using namespace std::chrono_literals;
using api::SaveReason;
using api::SaveState;
using ::testing::HasSubstr;

constexpr Instant kNow{std::chrono::hours(24 * 365 * 50)};

// An attempt that has run for an hour, and what is known of it.
struct Scene {
  AttemptFacts attempt{.attempt = AttemptNumber(3), .running = true, .running_since = kNow - 1h};
  Checkpointing facts{.can_ask = true, .save_time = 10s, .verified = verified(100, kNow - 20min)};
  std::optional<Leave> leave;
  Instant now = kNow;
  InterruptionLimits limits;

  static VerifiedCheckpoint verified(std::int64_t step, Instant at, std::int64_t attempt = 3) {
    return {.step = api::StepNumber(step), .attempt = AttemptNumber(attempt), .committed_at = at};
  }
  static Leave notice(Duration length, Instant since = kNow) {
    return {.reason = SaveReason::kNotice, .since = since, .deadline = since + length};
  }

  [[nodiscard]] InterruptionStep step() const {
    return interruption_step(attempt, facts, leave, now, limits);
  }
  // Records what the step wants recorded, as the operator does.
  InterruptionStep go(Duration later = 0s) {
    now += later;
    const InterruptionStep result = step();
    if (result.save) facts.save = result.save;
    return result;
  }
};

TEST(Interruption, NothingHappensWithoutAReason) {
  EXPECT_EQ(Scene{}.step(), InterruptionStep{});
}

TEST(Interruption, ANoticeAsksForASaveAndNamesItsAbsoluteDeadline) {
  Scene scene{.leave = Scene::notice(120s)};
  const InterruptionStep step = scene.step();
  EXPECT_EQ(step.state, InterruptionState::kSaving);
  EXPECT_TRUE(step.ask);
  EXPECT_FALSE(step.may_end);
  ASSERT_TRUE(step.save.has_value());
  EXPECT_EQ(step.save->state, SaveState::kRequested);
  EXPECT_EQ(step.save->attempt, AttemptNumber(3));
  EXPECT_EQ(step.save->requested_at, kNow);
  EXPECT_EQ(step.save->deadline, kNow + 120s);
  EXPECT_EQ(step.save->after_step, api::StepNumber(100));
  EXPECT_EQ(step.wake_at, kNow + 100s);  // what is left belongs to ending the pods
}

TEST(Interruption, AThirdOfAShortNoticeIsKeptForEndingThePods) {
  EXPECT_EQ(save_by(Scene::notice(30s), {}), kNow + 20s);
  EXPECT_EQ(save_by(Scene::notice(120s), {}), kNow + 100s);
  EXPECT_EQ(save_by(Scene::notice(0s), {}), kNow);
}

TEST(Interruption, RecordingARequestAndLookingAgainChangesNothing) {
  Scene scene{.leave = Scene::notice(120s)};
  const InterruptionStep first = scene.go();
  EXPECT_EQ(scene.go(), first);
  EXPECT_EQ(scene.go(30s), first);  // the time that is left is never reckoned anew
}

TEST(Interruption, TheSameNoticeAgainGivesNoMoreTime) {
  Scene scene{.leave = Scene::notice(120s)};
  const InterruptionStep first = scene.go();
  scene.leave = Leave{.reason = SaveReason::kNotice, .since = kNow + 50s, .deadline = kNow + 170s};
  const InterruptionStep second = scene.go(50s);
  EXPECT_EQ(second.save->deadline, first.save->deadline);
  EXPECT_EQ(second.save->requested_at, first.save->requested_at);
}

TEST(Interruption, AnEarlierDeadlineIsTakenOver) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.leave = Scene::notice(30s);
  const InterruptionStep step = scene.go(5s);
  EXPECT_EQ(step.state, InterruptionState::kSaving);
  EXPECT_EQ(step.save->deadline, kNow + 30s);
  EXPECT_EQ(step.wake_at, kNow + 20s);
}

TEST(Interruption, ACheckpointFromAfterTheRequestLetsTheAttemptEnd) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.facts.verified = Scene::verified(117, kNow + 9s);
  const InterruptionStep step = scene.go(12s);
  EXPECT_EQ(step.state, InterruptionState::kSaved);
  EXPECT_TRUE(step.may_end);
  EXPECT_EQ(step.save->state, SaveState::kVerified);
  EXPECT_EQ(step.save->step, api::StepNumber(117));
  EXPECT_EQ(step.save->settled_at, kNow + 12s);
  EXPECT_EQ(scene.go(5s).save, step.save);  // and stays so
}

TEST(Interruption, AnOlderCheckpointThatIsVerifiedOnlyNowDoesNotAnswerTheRequest) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.facts.verified = Scene::verified(110, kNow - 5min);
  EXPECT_EQ(scene.go(5s).state, InterruptionState::kSaving);
}

TEST(Interruption, ThePodsAnswerIsAClaimUntilThatStepIsVerified) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.facts.answered = api::StepNumber(120);
  EXPECT_EQ(scene.go(5s).state, InterruptionState::kSaving);
  scene.facts.verified = Scene::verified(118, scene.now);  // another rank saved less
  EXPECT_EQ(scene.go(5s).state, InterruptionState::kSaving);
  scene.facts.verified = Scene::verified(120, scene.now);
  EXPECT_EQ(scene.go(5s).state, InterruptionState::kSaved);
}

TEST(Interruption, AnotherAttemptsCheckpointIsNoAnswer) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.facts.verified = Scene::verified(500, kNow + 5s, 2);
  EXPECT_EQ(scene.go(9s).state, InterruptionState::kSaving);
}

TEST(Interruption, ASaveThatDoesNotFitIsSkippedAndSaid) {
  Scene scene{.leave = Scene::notice(30s)};
  scene.facts.save_time = 40s;
  const InterruptionStep step = scene.go();
  EXPECT_EQ(step.state, InterruptionState::kUnsaved);
  EXPECT_EQ(step.no_save, NoSave::kDoesNotFit);
  EXPECT_FALSE(step.ask);
  EXPECT_TRUE(step.may_end);
  EXPECT_EQ(step.save->state, SaveState::kGivenUp);
  EXPECT_THAT(step.save->message, HasSubstr("a save takes 40s"));
  EXPECT_EQ(scene.go(1s).state, InterruptionState::kUnsaved);
}

TEST(Interruption, ASaveOfUnknownLengthIsTried) {
  Scene scene{.leave = Scene::notice(30s)};
  scene.facts.save_time.reset();
  EXPECT_EQ(scene.step().state, InterruptionState::kSaving);
}

TEST(Interruption, ANoticeThatWasSeenLateLeavesOnlyWhatIsLeftOfIt) {
  Scene scene{.leave = Scene::notice(120s, kNow - 95s)};
  EXPECT_EQ(scene.step().no_save, NoSave::kDoesNotFit);
  scene.leave = Scene::notice(120s, kNow - 10min);
  EXPECT_EQ(scene.step().no_save, NoSave::kDoesNotFit);
}

TEST(Interruption, ASaveThatIsStillRunningAtItsLimitIsGivenUp) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  EXPECT_EQ(scene.go(99s).state, InterruptionState::kSaving);
  const InterruptionStep step = scene.go(1s);
  EXPECT_EQ(step.no_save, NoSave::kTooLate);
  EXPECT_TRUE(step.may_end);
  EXPECT_FALSE(step.ask);
  EXPECT_EQ(step.grace, 19s);  // the node is there for 20 s more
  EXPECT_EQ(step.save->state, SaveState::kGivenUp);
}

TEST(Interruption, TheGraceIsTheJobsOwnUnlessTheNoticeLeavesLess) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.facts.can_ask = false;
  EXPECT_EQ(scene.step().grace, 30s);
  scene.now = kNow + 110s;
  EXPECT_EQ(scene.step().grace, 9s);
  scene.now = kNow + 10min;
  EXPECT_EQ(scene.step().grace, 1s);
  scene.leave = Leave{.reason = SaveReason::kSuspended};
  EXPECT_EQ(scene.step().grace, std::nullopt);
}

TEST(Interruption, ACancelledNoticeIsCancelled) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.leave.reset();
  const InterruptionStep step = scene.go(10s);
  EXPECT_EQ(step.state, InterruptionState::kUndisturbed);
  EXPECT_EQ(step.save->state, SaveState::kCancelled);
  EXPECT_FALSE(step.ask || step.may_end);
  EXPECT_EQ(scene.go(1s), InterruptionStep{});
}

TEST(Interruption, ANoticeAfterACancelledOneIsANewOne) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.leave.reset();
  scene.go(10s);
  scene.leave = Scene::notice(120s, kNow + 1min);
  const InterruptionStep step = scene.go(50s);
  EXPECT_EQ(step.state, InterruptionState::kSaving);
  EXPECT_EQ(step.save->requested_at, kNow + 1min);
}

TEST(Interruption, ASecondNoticeAfterASettledOneAsksAgain) {
  Scene scene{.leave = Scene::notice(30s)};
  scene.facts.save_time = 40s;
  scene.go();  // does not fit
  scene.leave = Scene::notice(120s, kNow + 10min);
  EXPECT_EQ(scene.go(10min).state, InterruptionState::kSaving);
}

TEST(Interruption, ACheckpointYoungerThanASaveIsAsGoodAsANewOne) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.facts.verified = Scene::verified(100, kNow - 8s);
  const InterruptionStep step = scene.step();
  EXPECT_EQ(step.state, InterruptionState::kSaved);
  EXPECT_FALSE(step.ask);
  EXPECT_TRUE(step.may_end);
  scene.facts.verified = Scene::verified(100, kNow - 11s);
  EXPECT_EQ(scene.step().state, InterruptionState::kSaving);
}

TEST(Interruption, AnAttemptThatHasJustResumedHasNothingNewToSave) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.facts.verified = Scene::verified(100, kNow - 1h, 2);
  scene.facts.resumed_step = api::StepNumber(100);
  scene.attempt.running_since = kNow - 5s;
  EXPECT_EQ(scene.step().state, InterruptionState::kSaved);
  scene.attempt.running_since = kNow - 1min;
  EXPECT_EQ(scene.step().state, InterruptionState::kSaving);
}

TEST(Interruption, AnAttemptThatDoesNotRunEndsAtOnce) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.attempt.running = false;
  const InterruptionStep step = scene.step();
  EXPECT_EQ(step.no_save, NoSave::kNothingToSave);
  EXPECT_TRUE(step.may_end);
}

TEST(Interruption, ARankThatIsLostWhileTheOthersSaveEndsTheWait) {
  Scene scene{.leave = Scene::notice(120s)};
  scene.go();
  scene.attempt.running = false;
  const InterruptionStep step = scene.go(5s);
  EXPECT_TRUE(step.may_end);
  EXPECT_EQ(step.save->state, SaveState::kGivenUp);
}

TEST(Interruption, WithoutATriggerSigtermIsTheRequest) {
  Scene scene{.leave = Leave{.reason = SaveReason::kSuspended, .since = kNow}};
  scene.facts.can_ask = false;
  const InterruptionStep step = scene.step();
  EXPECT_EQ(step.no_save, NoSave::kCannotAsk);
  EXPECT_TRUE(step.may_end);
  EXPECT_FALSE(step.save.has_value());
}

TEST(Interruption, WithoutANoticeTheSaveTimeoutIsTheDeadline) {
  for (const SaveReason reason :
       {SaveReason::kSuspended, SaveReason::kMoved, SaveReason::kDisplaced, SaveReason::kDeleted}) {
    Scene scene{.leave = Leave{.reason = reason, .since = kNow}};
    const InterruptionStep step = scene.go();
    EXPECT_EQ(step.save->deadline, kNow + 10min) << to_string(reason);
    scene.leave->since = reason == SaveReason::kDeleted ? kNow : kNow + 10min - 1s;
    EXPECT_EQ(scene.go(10min - 1s).state, InterruptionState::kSaving) << to_string(reason);
    EXPECT_EQ(scene.go(1s).no_save, NoSave::kTooLate) << to_string(reason);
  }
}

TEST(Interruption, ADeletionThatHasSavedMayEndHoweverOftenItIsAsked) {
  Scene scene{.leave = Leave{.reason = SaveReason::kDeleted}};
  scene.go();
  scene.facts.verified = Scene::verified(130, kNow + 3s);
  EXPECT_TRUE(scene.go(5s).may_end);
  EXPECT_TRUE(scene.go(2h).may_end);
  EXPECT_EQ(scene.step().save->state, SaveState::kVerified);
}

TEST(Interruption, ASuspensionAfterAnEarlierOneThatWasSavedSavesAgain) {
  Scene scene{.leave = Leave{.reason = SaveReason::kSuspended, .since = kNow}};
  scene.go();
  scene.facts.verified = Scene::verified(130, kNow + 3s);
  scene.go(5s);
  scene.leave->since = kNow + 2h;
  EXPECT_EQ(scene.go(2h).state, InterruptionState::kSaving);
}

TEST(Interruption, APrecautionSavesAndLetsTheAttemptGoOn) {
  Scene scene{.leave = Leave{.reason = SaveReason::kPrecaution, .since = kNow}};
  EXPECT_TRUE(scene.go().ask);
  scene.facts.verified = Scene::verified(130, kNow + 3s);
  const InterruptionStep saved = scene.go(5s);
  EXPECT_EQ(saved.state, InterruptionState::kSaved);
  EXPECT_FALSE(saved.may_end);
  EXPECT_FALSE(scene.go(1h).ask);  // once is enough
}

TEST(Interruption, APrecautionThatFailsEndsNothing) {
  Scene scene{.leave = Leave{.reason = SaveReason::kPrecaution, .since = kNow}};
  scene.go();
  const InterruptionStep late = scene.go(10min);
  EXPECT_FALSE(late.may_end);
  EXPECT_EQ(late.save->state, SaveState::kGivenUp);
  scene.facts.can_ask = false;
  scene.facts.save.reset();
  EXPECT_EQ(scene.step(), InterruptionStep{});
}

TEST(Interruption, ANoticeTurnsAPrecautionIntoAFarewell) {
  Scene scene{.leave = Leave{.reason = SaveReason::kPrecaution, .since = kNow}};
  scene.go();
  scene.leave = Scene::notice(120s, kNow + 5s);
  const InterruptionStep step = scene.go(5s);
  EXPECT_EQ(step.save->reason, SaveReason::kNotice);
  EXPECT_EQ(step.save->requested_at, kNow);  // one request, not two
  scene.facts.verified = Scene::verified(130, kNow + 8s);
  EXPECT_TRUE(scene.go(5s).may_end);
}

TEST(Interruption, InstantsThatAreRecordedSurviveTheRoundTripThroughStatus) {
  Scene scene{.leave = Scene::notice(120s, kNow + 400ms), .now = kNow + 900ms};
  scene.go();
  EXPECT_EQ(scene.facts.save->requested_at, kNow);
  EXPECT_EQ(scene.facts.save->deadline, kNow + 120s);
  scene.facts.verified = Scene::verified(130, kNow + 2s);
  EXPECT_TRUE(scene.go(3s).may_end);
  EXPECT_TRUE(scene.go(3s).may_end);
}

TEST(Interruption, EveryReasonNotToSaveHasASentence) {
  for (const NoSave why :
       {NoSave::kNothingToSave, NoSave::kCannotAsk, NoSave::kDoesNotFit, NoSave::kTooLate}) {
    EXPECT_GT(explain(why, {}).size(), 20U);
    EXPECT_FALSE(explain(why, {}).ends_with('.'));
  }
}

}  // namespace
}  // namespace spillway::plan
