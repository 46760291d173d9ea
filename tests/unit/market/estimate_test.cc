#include <spillway/market/estimate.h>

#include <gtest/gtest.h>

namespace spillway::market {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant kStart = parse_instant("2026-01-01T00:00:00Z").value();

TEST(Life, starts_from_the_prior_of_two_hours) {
  EXPECT_EQ(expected_life({}, Duration(0)), hours(2));
  EXPECT_EQ(expected_life({}, hours(5)), hours(7));
}

TEST(Life, follows_the_formula_with_decay) {
  LifeSums sums = after_loss({}, hours(4));
  EXPECT_EQ(sums.exposure, hours(4));
  EXPECT_EQ(sums.losses_thousandths, 1000);
  EXPECT_EQ(expected_life(sums, Duration(0)), hours(3));  // (4 + 2) / 2
  EXPECT_EQ(expected_life(sums, hours(2)), hours(4));     // (4 + 2 + 2) / 2
  sums = after_loss(sums, hours(1));
  EXPECT_EQ(sums.exposure, minutes(216 + 60));  // 0.9 x 4 h + 1 h
  EXPECT_EQ(sums.losses_thousandths, 1900);
}

TEST(Life, counts_released_nodes_as_exposure_without_an_event) {
  EXPECT_EQ(expected_life(after_release({}, hours(10)), Duration(0)), hours(12));
  EXPECT_GT(expected_life(after_release(after_loss({}, hours(1)), hours(5)), Duration(0)),
            expected_life(after_loss({}, hours(1)), Duration(0)));
}

TEST(Life, converges_to_the_mean_of_steady_losses) {
  LifeSums sums;
  for (int i = 0; i < 500; ++i)
    sums = after_loss(sums, hours(6));
  const Duration life = expected_life(sums, Duration(0));
  EXPECT_GT(life, hours(5));
  EXPECT_LT(life, hours(6) + minutes(30));
}

TEST(Life, a_survivor_is_expected_to_last_longer_than_a_fresh_node) {
  const LifeEstimate estimate = estimate_life(after_loss({}, hours(1)), hours(20));
  EXPECT_GT(*estimate.residual, *estimate.fresh);
  const LifeEstimate idle = estimate_life({}, Duration(0));
  EXPECT_EQ(idle.residual, idle.fresh);
}

TEST(Life, is_never_zero_nor_without_bound) {
  LifeSums sums;
  for (int i = 0; i < 1000; ++i)
    sums = after_loss(sums, Duration(0));
  EXPECT_GT(expected_life(sums, Duration(0)), Duration(0));
  EXPECT_EQ(expected_life(after_release({}, hours(1'000'000)), hours(1'000'000)), kLongestLife);
  EXPECT_EQ(expected_life({}, -hours(1)), hours(2));
}

TEST(AvailabilityShare, is_unknown_until_time_has_passed) {
  AvailabilitySums sums;
  EXPECT_FALSE(availability_percent(sums));
  sums = observe_availability(sums, true, kStart);
  EXPECT_FALSE(availability_percent(sums));
  sums = observe_availability(sums, true, kStart + minutes(1));
  EXPECT_EQ(availability_percent(sums), 100);  // corrected for the short time: not 0.05 %
}

TEST(AvailabilityShare, weighs_by_age_with_a_half_life_of_a_day) {
  AvailabilitySums sums = observe_availability({}, true, kStart);
  sums = observe_availability(sums, true, kStart + hours(24));
  sums = observe_availability(sums, false, kStart + hours(48));
  EXPECT_EQ(availability_percent(sums), 33);  // half the weight of the day after it
}

TEST(AvailabilityShare, does_not_depend_on_how_often_it_is_looked_at) {
  AvailabilitySums coarse = observe_availability({}, true, kStart);
  AvailabilitySums fine = coarse;
  for (int i = 1; i <= 40; ++i) {
    const bool up = i % 4 != 0;
    coarse = observe_availability(coarse, up, kStart + hours(i));
    for (int m = 1; m <= 12; ++m) {
      fine = observe_availability(fine, up, kStart + hours(i - 1) + minutes(5 * m));
    }
  }
  EXPECT_NEAR(static_cast<double>(coarse.available.count()),
              static_cast<double>(fine.available.count()), 1000.0);
}

TEST(AvailabilityShare, ignores_time_that_runs_backwards) {
  const AvailabilitySums sums = observe_availability({}, true, kStart);
  EXPECT_EQ(observe_availability(sums, false, kStart - hours(1)), sums);
}

TEST(StockOut, doubles_from_two_minutes_to_thirty) {
  StockOutMemory memory;
  Instant now = kStart;
  for (const int expected : {2, 4, 8, 16, 30, 30, 30}) {
    memory = after_launch_failure(memory, now, now + minutes(1));
    EXPECT_EQ(*retry_at(memory, now + minutes(1)) - *memory.failed_at, minutes(expected));
    EXPECT_EQ(availability_at(memory, now + minutes(1)), Availability::kStockedOut);
    now = *retry_at(memory, now + minutes(1)) + seconds(1);
    EXPECT_EQ(availability_at(memory, now), Availability::kConstrained);
  }
  EXPECT_EQ(memory.sequence, 7U);
}

TEST(StockOut, never_counts_a_failure_twice) {
  const StockOutMemory once = after_launch_failure({}, kStart, kStart + minutes(5));
  EXPECT_EQ(after_launch_failure(once, kStart, kStart + minutes(5)), once);  // seen again
  EXPECT_EQ(after_launch_failure(once, kStart + minutes(4), kStart + minutes(9)),
            once);  // was under way
  EXPECT_EQ(after_launch_failure(once, kStart + minutes(6), kStart + minutes(9)).sequence, 2U);
}

TEST(StockOut, is_forgotten_step_by_step) {
  StockOutMemory memory;
  Instant now = kStart;
  for (int i = 0; i < 3; ++i) {
    memory = after_launch_failure(memory, now, now);
    now += minutes(10);
  }
  const Instant end = *memory.failed_at + minutes(8);  // the third wait
  EXPECT_EQ(failures_at(memory, end), 3);
  EXPECT_EQ(failures_at(memory, end + minutes(30)), 2);
  EXPECT_EQ(failures_at(memory, end + minutes(60)), 1);
  EXPECT_EQ(availability_at(memory, end + minutes(89)), Availability::kConstrained);
  EXPECT_EQ(availability_at(memory, end + minutes(90)), Availability::kAvailable);
  const Instant later = end + hours(5);
  EXPECT_EQ(*retry_at(after_launch_failure(memory, later, later), later) - later, minutes(2));
}

TEST(StockOut, a_success_forgives_unless_it_began_before_the_failure) {
  const StockOutMemory memory = after_launch_failure({}, kStart, kStart + minutes(5));
  EXPECT_EQ(after_launch_success(memory, kStart + minutes(3)), memory);
  const StockOutMemory forgiven = after_launch_success(memory, kStart + minutes(6));
  EXPECT_EQ(availability_at(forgiven, kStart + minutes(6)), Availability::kAvailable);
  EXPECT_EQ(forgiven.sequence, 1U);
}

TEST(StockOut, no_memory_is_available) {
  EXPECT_EQ(availability_at({}, kStart), Availability::kAvailable);
  EXPECT_FALSE(retry_at({}, kStart));
}

}  // namespace
}  // namespace spillway::market
