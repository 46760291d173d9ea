#include "doubt.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "spot_policy/tries.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

using std::chrono::seconds;

constexpr Duration kTimeout = 10min;

Pool lost(Duration ago, Duration age = {}) {
  Pool pool{.tier = api::Tier::kSpot};
  pool.seen_state = MarketState::kGap;
  pool.seen_at = kNow - ago;
  pool.seen_age = age;
  return pool;
}

double chance(const Pool& pool, Duration timeout = kTimeout) {
  return chance_of_launch(doubt_of(pool).value(), kNow, timeout);
}

Duration pause(const Pool& pool, const Stake& stake) {
  return worth_a_try_at(doubt_of(pool).value(), stake, kTimeout) - pool.seen_at;
}

TEST(Doubt, WithoutASightOfAGapNothingIsDoubted) {
  Pool pool{.tier = api::Tier::kSpot};
  EXPECT_FALSE(doubt_of(pool));
  pool.seen_state = MarketState::kWindow;
  pool.seen_at = kNow - 5h;
  EXPECT_FALSE(doubt_of(pool));
  pool.seen_state = MarketState::kGap;
  EXPECT_TRUE(doubt_of(pool));
  pool.tier = api::Tier::kOnDemand;
  EXPECT_FALSE(doubt_of(pool));
}

TEST(Doubt, ALaunchIsLikelierTheLongerAgoTheLastRefusalWas) {
  double last = 0;
  for (const Duration ago : {0min, 10min, 60min, 300min}) {
    const double now = chance(lost(ago));
    EXPECT_GT(now, last);
    EXPECT_LT(now, 1);
    last = now;
  }
  EXPECT_LT(chance(lost(10min, 6h)), chance(lost(10min))) << "an old gap lasts";
  EXPECT_GT(chance(lost(10min), 1h), chance(lost(10min))) << "a launch is an order that stands";
  EXPECT_EQ(chance(lost(24h)), 1) << "nothing is doubted for ever";
}

TEST(Doubt, WhatIsLearntOfThePoolCounts) {
  Pool often = lost(20min);
  often.hazard = {.window = 0.6, .gap = 1.5};
  Pool seldom = lost(20min);
  seldom.hazard = {.window = 1.5, .gap = 0.6};
  EXPECT_GT(chance(often), 2 * chance(seldom));
  const Stake stake{.saving = 10, .start = 1, .refusal = 2};
  EXPECT_LT(pause(often, stake), pause(seldom, stake));
}

TEST(Doubt, ThePauseGrowsWithTheCostOfARefusalAndShrinksWithTheSaving) {
  const Pool pool = lost(0min);
  const Duration usual = pause(pool, {.saving = 10, .start = 1, .refusal = 2});
  EXPECT_GT(usual, 10min);
  EXPECT_LT(usual, 2h);
  EXPECT_GT(pause(pool, {.saving = 10, .start = 1, .refusal = 6}), usual * 3 / 2);
  EXPECT_LT(pause(pool, {.saving = 40, .start = 1, .refusal = 2}), usual * 2 / 3);
  EXPECT_GT(pause(lost(0min, 6h), {.saving = 10, .start = 1, .refusal = 2}), usual);
}

TEST(Doubt, ALaunchThatHardlyPaysIsNotTriedBeforeItIsLikely) {
  const Pool pool = lost(0min);
  const double stay = mean_rest(pool.hazard.window, 0);
  const Stake pays{.saving = 1, .start = 0.1, .refusal = 0.05};
  const Stake hardly{.saving = 1, .start = stay - 0.05, .refusal = 0.05};
  const Stake never{.saving = 1, .start = 2 * stay, .refusal = 0.05};
  EXPECT_GT(pause(pool, hardly), pause(pool, pays) * 2);
  EXPECT_EQ(pause(pool, never), Duration(24h)) << "after a day nothing speaks against it any more";
}

TEST(Tries, TheMeanRestIsTheIntegralOfWhatIsLeft) {
  const double step = 0.001;
  for (const double scale : {0.5, 1.0, 2.0}) {
    for (const double age : {0.0, 0.7, 5.0}) {
      double sum = 0;
      for (double t = step / 2; t < 150; t += step)
        sum += step * std::exp(-scale * base_exposure(age, age + t));
      // Buckets stand for their ages.
      EXPECT_NEAR(mean_rest(scale, age) / sum, 1, 0.15) << scale << " " << age;
    }
  }
}

TEST(Tries, TheTypicalRestIsThatOfTheMemorylessGapWithTheSameMedian) {
  const double median = typical_rest(1, 0.5) * std::log(2.0);
  EXPECT_NEAR(std::exp(-base_exposure(0.5, 0.5 + median)), 0.5, 1e-3);
  EXPECT_LT(typical_rest(1, 0), mean_rest(1, 0)) << "few last long";
  EXPECT_GT(typical_rest(1, 4), typical_rest(1, 0));
}

// Of a memoryless gap, by the pause: refusals until it ends, and lateness after that.
TEST(Tries, ThePauseIsNearTheOneThatCostsLeast) {
  const double cost = 0.3;
  const double saving = 2;
  const double gap = 1.5;
  const auto spent = [&](double pause) {
    const double ends = pause / gap;
    return cost / std::expm1(ends) + saving * (pause / -std::expm1(-ends) - gap);
  };
  const double chosen = spent(pause_between_tries(cost, saving, gap));
  double least = chosen;
  for (double pause = 0.05; pause < 6; pause += 0.05)
    least = std::min(least, spent(pause));
  EXPECT_LT(chosen, 1.05 * least);
  EXPECT_EQ(pause_between_tries(0, saving, gap), 0);
  EXPECT_EQ(pause_between_tries(cost, 0, gap), std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace spillway::plan::test
