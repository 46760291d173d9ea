#include <spillway/kube/rate_limiter.h>

#include <gtest/gtest.h>

#include <spillway/kube/backoff.h>

namespace spillway::kube {
namespace {

MonotonicTime ms(int since_start) {
  return MonotonicTime(Duration(since_start));
}

TEST(RateLimiterTest, LetsABurstThroughAndThenSpacesOut) {
  RateLimiter limiter({.per_second = 10, .burst = 3});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(limiter.reserve(ms(0)), ms(0));
  EXPECT_EQ(limiter.reserve(ms(0)), ms(100));
  EXPECT_EQ(limiter.reserve(ms(0)), ms(200));
  EXPECT_EQ(limiter.reserve(ms(200)), ms(300));
}
TEST(RateLimiterTest, WhatCanWaitLeavesHalfOfTheBurstToOthers) {
  RateLimiter limiter({.per_second = 10, .burst = 4});
  EXPECT_EQ(limiter.spare_at(ms(0)), ms(0));
  limiter.reserve(ms(0));
  limiter.reserve(ms(0));
  EXPECT_EQ(limiter.spare_at(ms(0)), ms(0));
  limiter.reserve(ms(0));
  EXPECT_EQ(limiter.spare_at(ms(0)), ms(100));
  EXPECT_EQ(limiter.spare_at(ms(250)), ms(250));
  limiter.pause_until(ms(900));
  EXPECT_EQ(limiter.spare_at(ms(250)), ms(900));
}
TEST(RateLimiterTest, RefillsUpToTheBurst) {
  RateLimiter limiter({.per_second = 10, .burst = 2});
  limiter.reserve(ms(0));
  limiter.reserve(ms(0));
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(limiter.reserve(ms(60'000)), ms(60'000));
  EXPECT_EQ(limiter.reserve(ms(60'000)), ms(60'100));
}
TEST(RateLimiterTest, TakesATokenBack) {
  RateLimiter limiter({.per_second = 10, .burst = 1});
  limiter.reserve(ms(0));
  limiter.give_back();
  EXPECT_EQ(limiter.reserve(ms(0)), ms(0));
}
TEST(RateLimiterTest, NobodyLeavesDuringAPause) {
  RateLimiter limiter({.per_second = 10, .burst = 5});
  limiter.pause_until(ms(5000));
  limiter.pause_until(ms(3000));
  EXPECT_EQ(limiter.reserve(ms(0)), ms(5000));
  EXPECT_EQ(limiter.reserve(ms(6000)), ms(6000));
}
TEST(RateLimiterTest, WithoutARateOnlyThePauseHolds) {
  RateLimiter limiter({.per_second = 0});
  for (int i = 0; i < 10'000; ++i)
    ASSERT_EQ(limiter.reserve(ms(1)), ms(1));
  limiter.pause_until(ms(5000));
  EXPECT_EQ(limiter.reserve(ms(1)), ms(5000));
}

TEST(BackoffTest, GrowsToItsCapAndSpreads) {
  const auto random = make_random(7);
  Backoff backoff({});
  MonotonicTime now{};
  Duration floor{800};
  for (int i = 0; i < 12; ++i) {
    const Duration delay = backoff.next(now, *random);
    EXPECT_GE(delay, floor) << i;
    EXPECT_LT(delay, floor * 2) << i;
    now += delay;
    floor = std::min<Duration>(floor * 2, std::chrono::seconds(30));
  }
}
TEST(BackoffTest, ForgetsAfterAQuietTime) {
  const auto random = make_random(7);
  Backoff backoff({.jitter = 0});
  EXPECT_EQ(backoff.next(ms(0), *random), Duration(800));
  EXPECT_EQ(backoff.next(ms(1000), *random), Duration(1600));
  EXPECT_EQ(backoff.next(ms(1000 + 1600 + 119'999), *random), Duration(3200));
  EXPECT_EQ(backoff.next(ms(1'000'000), *random), Duration(800));
}

}  // namespace
}  // namespace spillway::kube
