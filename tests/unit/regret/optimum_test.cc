// Golden values of the exact optimum on markets small enough to solve by hand: an hour a tick,
// on-demand 3 dollars.

#include "optimum.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/regret/hand_made.h"

namespace spillway::regret {
namespace {

using testing::market_of;

constexpr Seconds kHour = 3600;

double optimum(const Market& market, JobTerms job) {
  const Window window{.market = &market, .start = 0, .history = 0};
  return optimal_cost(window, job).value_or(-1);
}

TEST(Optimum, UsesSpotWhereItIs) {
  EXPECT_DOUBLE_EQ(optimum(market_of({"0101"}, {1}),
                           {.work = 2 * kHour, .deadline = 4 * kHour, .changeover = 0}),
                   2);
}

TEST(Optimum, BuysTheHourThatSpotDoesNotGive) {
  EXPECT_DOUBLE_EQ(
      optimum(market_of({"010"}, {1}), {.work = 2 * kHour, .deadline = 3 * kHour, .changeover = 0}),
      4);
}

TEST(Optimum, PaysAChangeoverAtEveryStart) {
  const JobTerms job{.work = 2 * kHour, .deadline = 4 * kHour, .changeover = kHour};
  EXPECT_DOUBLE_EQ(optimum(market_of({"1110"}, {1}), job), 3)
      << "one hour of changeover and two of work";
  EXPECT_DOUBLE_EQ(optimum(market_of({"1011"}, {1}), job), 8)
      << "an hour of work on on-demand, then one on spot";
}

TEST(Optimum, ChargesAChangeoverLongerThanATickOnce) {
  const JobTerms job{.work = kHour, .deadline = 5 * kHour, .changeover = 2 * kHour};
  EXPECT_DOUBLE_EQ(optimum(market_of({"01110"}, {1}), job), 3);
}

TEST(Optimum, ChargesAPartOfATickAsAPartOfTheWork) {
  // Half an hour of changeover: three hours of spot give two and a half of work, so the last half
  // hour is a whole tick more.
  const JobTerms job{.work = 3 * kHour, .deadline = 5 * kHour, .changeover = kHour / 2};
  EXPECT_DOUBLE_EQ(optimum(market_of({"11111"}, {1}), job), 4);
  EXPECT_DOUBLE_EQ(optimum(market_of({"11100"}, {1}), job), 3 + 3);
}

TEST(Optimum, MovesToTheCheaperZoneWhenThatPays) {
  const JobTerms job{.work = 4 * kHour, .deadline = 6 * kHour, .changeover = kHour};
  EXPECT_DOUBLE_EQ(optimum(market_of({"111111", "001111"}, {2, 0.5}), job), 6)
      << "an hour of work in the dear zone, then three in the cheap one";
  EXPECT_DOUBLE_EQ(optimum(market_of({"111111", "011111"}, {2, 0.5}), job), 2.5)
      << "the cheap zone alone, from the second hour";
}

TEST(Optimum, FollowsPricesPerTick) {
  Market market = market_of({"1111"}, {1});
  market.zones[0].price = {2, 2, 0.25, 0.25};
  EXPECT_DOUBLE_EQ(optimum(market, {.work = 2 * kHour, .deadline = 4 * kHour, .changeover = 0}),
                   0.5);
}

TEST(Optimum, SaysWhenNoScheduleIsInTime) {
  EXPECT_EQ(optimum(market_of({"111"}, {1}),
                    {.work = 3 * kHour, .deadline = 3 * kHour, .changeover = kHour}),
            -1);
}

}  // namespace
}  // namespace spillway::regret
