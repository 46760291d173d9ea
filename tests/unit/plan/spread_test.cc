// The cheapest way to spread a share over zones, held against trying every way.

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "spread.h"

namespace spillway::plan::test {
namespace {

using Counts = std::vector<std::int64_t>;

Places zone(std::size_t zone, std::int64_t replicas, double cost) {
  return {.pool = zone, .zone = zone, .replicas = replicas, .cost = cost};
}
Places on_demand(std::int64_t replicas, double cost) {
  return {.replicas = replicas, .cost = cost};
}

struct Judged {
  std::int64_t missing = 0;
  double cost = 0;
};

Judged judge(const SpreadGoal& goal, const std::vector<Places>& places, const Counts& counts) {
  std::vector<std::int64_t> in_zone(places.size() + 1);
  Judged judged;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    total += counts[i];
    if (places[i].zone != Places::kOnDemand) in_zone[places[i].zone] += counts[i];
    judged.cost += places[i].cost * static_cast<double>(counts[i]);
  }
  judged.missing = missing_for(goal, total, *std::ranges::max_element(in_zone));
  return judged;
}

// The least cost of all ways that miss nothing; infinite when there is none.
double least_cost(const SpreadGoal& goal, const std::vector<Places>& places) {
  double least = std::numeric_limits<double>::infinity();
  Counts counts(places.size());
  const std::function<void(std::size_t)> fill = [&](std::size_t at) {
    if (at == places.size()) {
      const Judged judged = judge(goal, places, counts);
      if (judged.missing == 0) least = std::min(least, judged.cost);
      return;
    }
    for (counts[at] = 0; counts[at] <= places[at].replicas; ++counts[at])
      fill(at + 1);
  };
  fill(0);
  return least;
}

TEST(Spread, NoOtherWayIsCheaper) {
  int possible = 0;
  for (std::int64_t share = 1; share <= 4; ++share) {
    for (std::int64_t slack = 0; slack <= share; ++slack) {
      for (int draw = 0; draw < 64; ++draw) {
        // Prices and room of three zones and on-demand, by the digits of the draw.
        const std::vector<Places> places{zone(0, 1 + draw % 4, 3), zone(1, 4, 3.5 + draw / 4 % 4),
                                         zone(2, draw / 16 % 2 * 4, 5),
                                         on_demand(draw / 32 % 2 * 5, 8)};
        const SpreadGoal goal{.share = share, .slack = slack};
        const double least = least_cost(goal, places);
        const Judged found = judge(goal, places, cheapest_spread(goal, places));
        SCOPED_TRACE("share " + std::to_string(share) + ", slack " + std::to_string(slack) +
                     ", draw " + std::to_string(draw));
        EXPECT_EQ(found.missing == 0, least < std::numeric_limits<double>::infinity());
        if (found.missing > 0) continue;
        ++possible;
        EXPECT_DOUBLE_EQ(found.cost, least);
      }
    }
  }
  EXPECT_GT(possible, 500);
}

TEST(Spread, MoreZonesNeedLessToSpare) {
  const SpreadGoal goal{.share = 8};
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), zone(1, 99, 1)}), (Counts{8, 8}));
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), zone(1, 99, 1), zone(2, 99, 1)}),
            (Counts{4, 4, 4}));
}

TEST(Spread, ADearZoneIsWorthLessThanWhatItSaves) {
  const SpreadGoal goal{.share = 8};
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), zone(1, 99, 1), zone(2, 99, 2.1)}),
            (Counts{8, 8, 0}));
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), zone(1, 99, 1), zone(2, 99, 1.9)}),
            (Counts{4, 4, 4}));
}

TEST(Spread, WhatMayBeMissingNeedsNothingToSpare) {
  const SpreadGoal goal{.share = 8, .slack = 4};
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), zone(1, 99, 1.1)}), (Counts{4, 4}));
}

TEST(Spread, OneZoneCanProtectNothing) {
  const SpreadGoal goal{.share = 8};
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1), on_demand(16, 3)}), (Counts{0, 8}));
  // Where there is nothing else, serving now goes before serving after a loss.
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 99, 1)}), (Counts{8}));
}

TEST(Spread, TheSpareIsOnSpotAlone) {
  const SpreadGoal goal{.share = 4, .spare = 2};
  EXPECT_EQ(cheapest_spread(goal, {zone(0, 3, 1), zone(1, 3, 1), on_demand(9, 3)}),
            (Counts{3, 3, 1}));
}

}  // namespace
}  // namespace spillway::plan::test
