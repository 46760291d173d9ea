#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/plan/checkpoint_policy.h>

namespace spillway::plan {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

double minutes(Duration time) {
  return std::chrono::duration<double, std::ratio<60>>(time).count();
}

// By hand from Daly's formula (2006).
TEST(BestInterval, IsYoungsWithDalysCorrectionAndTheHelpOfNotices) {
  EXPECT_NEAR(minutes(best_interval(30s, 4h, 0)), 15.3, 0.4);
  EXPECT_NEAR(minutes(best_interval(30s, 4h, 0.9)), 49, 1);
  EXPECT_NEAR(minutes(best_interval(2min, 1h, 0)), 14.1, 1);
}

TEST(BestInterval, IsTheLifeWhereASaveTakesTwiceAsLong) {
  EXPECT_EQ(best_interval(2h, 1h, 0), 2h);  // never shorter than a save
  EXPECT_EQ(best_interval(21min, 10min, 0), 21min);
}

TEST(BestInterval, StaysWithinWhatASpecMaySay) {
  EXPECT_EQ(best_interval(1ms, 1ms, 0), 10s);
  EXPECT_EQ(best_interval(1h, 24h * 10'000, 0.95), 24h);
  EXPECT_EQ(best_interval(0s, 0s, 1), 10s);
}

TEST(SuggestedInterval, StaysAsLongAsItIsGoodEnough) {
  const Duration first = suggested_interval(30s, 4h, 0, std::nullopt);
  EXPECT_EQ(first, 1000s);
  EXPECT_EQ(suggested_interval(30s, 3h, 0, first), first);
  EXPECT_EQ(suggested_interval(30s, 1h, 0, first), 500s);
}

TEST(NoticeSuccess, IsHalfWhileNothingIsKnownAndNeverCertain) {
  EXPECT_DOUBLE_EQ(notice_success(0, 0), 0.5);
  EXPECT_DOUBLE_EQ(notice_success(2, 0), 0.25);
  EXPECT_DOUBLE_EQ(notice_success(8, 8), 0.9);
  EXPECT_DOUBLE_EQ(notice_success(1000, 1000), 0.95);
  EXPECT_DOUBLE_EQ(notice_success(1, 5), 2.0 / 3);
}

StoredCheckpoint stored(std::int64_t attempt, std::int64_t step, bool verified = true) {
  return {.attempt = AttemptNumber(attempt), .step = api::StepNumber(step), .verified = verified};
}

TEST(Prunable, IsWhatIsOlderThanTheNewestVerifiedOnes) {
  EXPECT_THAT(prunable({stored(1, 30), stored(1, 10), stored(1, 20), stored(1, 40)}, 2, false, {}),
              ElementsAre(1U, 2U));
}

TEST(Prunable, LeavesTwoWhateverIsAskedFor) {
  EXPECT_THAT(prunable({stored(1, 10), stored(1, 20), stored(1, 30)}, 0, false, {}),
              ElementsAre(0U));
  EXPECT_THAT(prunable({stored(1, 10), stored(1, 20)}, 1, false, {}), IsEmpty());
}

TEST(Prunable, CountsOnlyVerifiedOnesAndRemovesOnlyVerifiedOnes) {
  EXPECT_THAT(prunable({stored(1, 5, false), stored(1, 10), stored(1, 20), stored(1, 30),
                        stored(1, 40, false)},
                       2, false, {}),
              ElementsAre(1U));
}

TEST(Prunable, TakesALaterAttemptForNewerWhateverItsStep) {
  EXPECT_THAT(prunable({stored(1, 900), stored(2, 100), stored(2, 200)}, 2, false, {}),
              ElementsAre(0U));
}

TEST(Prunable, NeverTouchesWhatIsInUseAndNothingDuringAResume) {
  const std::vector<StoredCheckpoint> all{stored(1, 10), stored(1, 20), stored(1, 30),
                                          stored(1, 40)};
  EXPECT_THAT(prunable(all, 2, false, stored(1, 10)), ElementsAre(1U));
  EXPECT_THAT(prunable(all, 2, true, {}), IsEmpty());
}

}  // namespace
}  // namespace spillway::plan
