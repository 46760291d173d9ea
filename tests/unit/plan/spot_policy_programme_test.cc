// The hazard of windows and gaps, the tabulated programme, and the library of tables.

#include <gtest/gtest.h>

#include <cmath>

#include <spillway/plan/hazard.h>
#include <spillway/plan/programme_library.h>
#include <spillway/plan/spot_programme.h>

namespace spillway::plan {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(Hazard, BucketsCoverAllAges) {
  EXPECT_EQ(age_bucket(0), 0U);
  EXPECT_EQ(age_bucket(0.2), 1U);
  EXPECT_EQ(age_bucket(0.79), 2U);
  EXPECT_EQ(age_bucket(1e6), kAgeBuckets - 1);
  double edge = 0;
  for (std::size_t b = 0; b + 1 < kAgeBuckets; ++b) {
    EXPECT_EQ(age_bucket(edge + 1e-9), b);
    edge += age_bucket_width(b);
    EXPECT_GT(base_hazard(b), base_hazard(b + 1)) << "what is older lasts longer";
  }
}

TEST(Hazard, ExposureIsTheIntegralOfTheRate) {
  double sum = 0;
  for (double age = 1; age < 3; age += 1e-4)
    sum += hazard_at(age + 5e-5) * 1e-4;
  EXPECT_NEAR(base_exposure(1, 3), sum, 1e-6);
  EXPECT_NEAR(age_of_hazard(hazard_at(2.5)), 2.5, 1e-9);
  EXPECT_GT(age_of_hazard(0.01), 50) << "below the floor there is no age: as old as can be";
}

TEST(HazardMemory, LearnsThatWindowsAreShorterHere) {
  HazardMemory memory;
  Instant now{};
  for (int i = 0; i < 400; ++i) {
    memory.see(i % 6 < 2 ? MarketState::kWindow : MarketState::kGap, now);
    now += minutes(10);
  }
  EXPECT_GT(memory.scale().window, 1.3) << "twenty minutes each";
  EXPECT_LT(HazardMemory().scale().window, 1.001);
  EXPECT_GT(HazardMemory().scale().window, 0.999);
}

TEST(HazardMemory, AssumesNothingOfTimeThatNobodyLooked) {
  HazardMemory memory;
  memory.see(MarketState::kWindow, Instant{});
  memory.see(MarketState::kGap, Instant{} + hours(5));
  EXPECT_EQ(memory.age(), Duration{}) << "the gap may have begun at any time";
  EXPECT_DOUBLE_EQ(memory.scale().window, HazardMemory().scale().window);
  memory.see(MarketState::kWindow, Instant{} + hours(4));
  EXPECT_EQ(memory.state(), MarketState::kGap) << "an older sighting says nothing new";
}

ProgrammeTerms terms(double ratio, double changeover = 0.2) {
  return {.changeover_hours = changeover,
          .price_ratio = ratio,
          .scale = {},
          .failover = 0,
          .margin_hours = 0};
}

TEST(SpotProgramme, CostsLieBetweenAllSpotAndAllOnDemand) {
  for (const double changeover : {0.02, 0.2, 0.4, 1.0}) {
    const SpotProgramme programme(terms(3, changeover));
    for (const double work : {0.5, 5.0, 20.0, 48.0}) {
      for (const double slack : {0.5, 3.0, 20.0}) {
        for (std::size_t age = 0; age < kAgeBuckets; ++age) {
          const ActionCosts costs = programme.costs(work, slack, MarketState::kWindow, age);
          EXPECT_GE(costs.wait, 0.95 * work);
          EXPECT_GE(costs.enter_spot, 0.95 * work);
          EXPECT_LE(std::min(costs.wait, costs.enter_on_demand), 3.02 * (work + changeover));
          EXPECT_LE(costs.stay_on_demand, costs.enter_on_demand);
        }
      }
    }
  }
}

TEST(SpotProgramme, SlackAndAgeOfAWindowAreWorthMoney) {
  const SpotProgramme programme(terms(3));
  double before = 1e9;
  for (double slack = 1; slack < 24; slack += 1) {
    const double cost = programme.costs(30, slack, MarketState::kGap, 0).wait;
    EXPECT_LE(cost, before * (1 + 1e-6)) << slack;
    before = cost;
  }
  EXPECT_LT(programme.costs(30, 4, MarketState::kWindow, 6).enter_spot,
            programme.costs(30, 4, MarketState::kWindow, 0).enter_spot);
}

TEST(SpotProgramme, AtEqualPricesNothingIsWorthWaitingFor) {
  const SpotProgramme programme(terms(1));
  const ActionCosts costs = programme.costs(20, 10, MarketState::kWindow, 3);
  EXPECT_NEAR(costs.stay_on_demand, 20, 0.05);
  EXPECT_LE(costs.stay_on_demand, costs.enter_spot);
}

TEST(SpotProgramme, FailoverMakesSpotCheaper) {
  ProgrammeTerms alone = terms(3);
  ProgrammeTerms accompanied = alone;
  accompanied.failover = 0.75;
  EXPECT_LT(SpotProgramme(accompanied).costs(40, 4, MarketState::kWindow, 2).enter_spot,
            SpotProgramme(alone).costs(40, 4, MarketState::kWindow, 2).enter_spot);
}

TEST(ProgrammeLibrary, InterpolatesBetweenItsTablesAndSharesThem) {
  const ProgrammeLibrary library;
  const auto wait = [&](double ratio) {
    return library
        .costs({.terms = terms(ratio),
                .work_hours = 40,
                .spare_hours = 4,
                .state = MarketState::kGap,
                .age_hours = 1})
        .wait;
  };
  const double low = wait(2.9);
  EXPECT_LT(low, wait(3.0));
  EXPECT_LT(wait(3.0), wait(3.1));
  EXPECT_EQ(wait(2.9), low) << "the same question has the same answer";
  const auto made = library.size().made;
  EXPECT_LE(made, 3U);
  EXPECT_GT(wait(2.95), low);
  EXPECT_EQ(library.size().made, made) << "no new table for a price in between";
  const SpotProgramme exact(terms(3));
  EXPECT_NEAR(
      wait(3.0),
      exact.costs(40, exact.forced_slack_hours() + 4, MarketState::kGap, age_bucket(1)).wait, 0.5);
}

TEST(ProgrammeLibrary, DropsTheTablesUsedLongestAgo) {
  const std::size_t one = SpotProgramme(terms(1)).bytes();
  const ProgrammeLibrary library(2 * one + one / 2);
  for (const double ratio : {1.0, 1.25, 1.5625, 1.953125})
    library.warm(terms(ratio));
  EXPECT_LE(library.size().bytes, 2 * one + one / 2);
  EXPECT_EQ(library.size().tables, 2U);
  EXPECT_EQ(library.size().made, 4U);
}

double wait_at(const ProgrammeLibrary& library, double ratio) {
  return library
      .costs({.terms = terms(ratio),
              .work_hours = 40,
              .spare_hours = 4,
              .state = MarketState::kGap,
              .age_hours = 1})
      .wait;
}

TEST(ProgrammeLibrary, AnswersFromTheNearestTableUntilTheOneThatIsWantedIsMadeOutside) {
  const ProgrammeLibrary at_once;
  ProgrammeLibrary library(ProgrammeLibrary::kUsualBytes, Making::kOutside);
  const double coarse = wait_at(library, 2.2);  // between 1.25^3 and 1.25^4
  EXPECT_EQ(library.size().made, 1U) << "the first of a changeover, at once";
  EXPECT_EQ(library.wanted(), 1U);
  EXPECT_NE(coarse, wait_at(at_once, 2.2));
  EXPECT_EQ(wait_at(library, 2.2), coarse) << "asking makes nothing";
  EXPECT_EQ(library.size().made, 1U);
  EXPECT_TRUE(library.make_wanted());
  EXPECT_FALSE(library.make_wanted());
  EXPECT_EQ(wait_at(library, 2.2), wait_at(at_once, 2.2));
  EXPECT_EQ(library.wanted(), 0U);
}

TEST(ProgrammeLibrary, TheNearestTableIsTheSameWhicheverWasUsedLast) {
  const auto ask = [](double first, double second) {
    ProgrammeLibrary library(ProgrammeLibrary::kUsualBytes, Making::kOutside);
    for (const double ratio : {first, second})
      library.warm(terms(ratio));
    return wait_at(library, 1.25);
  };
  EXPECT_EQ(ask(1.0, 1.5625), ask(1.5625, 1.0)) << "both are one step away";
}

TEST(ProgrammeLibrary, WhatIsInUseIsNotDroppedForWhatIsWanted) {
  const std::size_t one = SpotProgramme(terms(1)).bytes();
  ProgrammeLibrary library(2 * one + one / 2, Making::kOutside);
  for (const double ratio : {1.0, 1.5625, 2.44140625})
    static_cast<void>(wait_at(library, ratio));
  EXPECT_EQ(library.wanted(), 2U);
  EXPECT_TRUE(library.make_wanted());
  EXPECT_FALSE(library.make_wanted()) << "no room beside two that were asked for";
  EXPECT_EQ(library.size().made, 2U);
  // In the next round one of them is not asked for any more.
  static_cast<void>(wait_at(library, 2.44140625));
  EXPECT_TRUE(library.make_wanted());
  EXPECT_FALSE(library.make_wanted());
  EXPECT_EQ(library.size().made, 3U);
  EXPECT_LE(library.size().bytes, 2 * one + one / 2);
}

}  // namespace
}  // namespace spillway::plan
