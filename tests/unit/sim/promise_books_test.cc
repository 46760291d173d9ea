// What is held against a service that ran fewer replicas than it promises, and what is not.

#include "promise_books.h"

#include <gtest/gtest.h>

namespace spillway::sim {
namespace {

using namespace std::chrono_literals;

const Instant kStart = parse_instant("2020-01-01T00:00:00Z").value();
const Zone kA("zone-a");
const Zone kB("zone-b");
const Zone kC("zone-c");
constexpr Duration kReplacement = 7min;
constexpr Duration kWindow = kReplacement + PromiseBooks::kReaction;

// Four replicas through the loss of any one of three zones, two in each.
class PromiseBooksTest : public testing::Test {
 protected:
  PromiseBooksTest() { books_.expect(terms(), kStart); }
  static PromiseBooks::Terms terms() {
    return {.wanted = 4, .floor = 4, .through_zones = true, .replacement = kReplacement};
  }
  void pass(Duration time) { now_ += time; }
  void run(const std::optional<Zone>& zone, std::int64_t change) {
    books_.count(zone, change, now_);
  }
  void all_run() {
    for (const Zone& zone : {kA, kB, kC})
      run(zone, 2);
    pass(1h);
  }
  void lose(const Zone& zone) {
    books_.zone_lost(zone, now_);
    run(zone, -2);
  }
  const Shortfall& seen() {
    books_.settle(now_);
    return books_.shortfall();
  }
  // Zero when there was none of it.
  Duration below(ShortfallCause cause) {
    const auto& causes = seen().by_cause;
    const auto found = causes.find(cause);
    return found == causes.end() ? Duration(0) : found->second.time;
  }
  std::vector<std::string> broken() { return broken_promises("it", seen()); }

  PromiseBooks books_;
  Instant now_ = kStart;
};

TEST_F(PromiseBooksTest, OneZoneThatGoesIsNoShortfall) {
  all_run();
  lose(kA);
  pass(kReplacement);
  run(std::nullopt, 2);
  pass(1h);
  EXPECT_EQ(seen().times, 0);
  EXPECT_TRUE(seen().by_cause.empty());
  EXPECT_EQ(seen().exposed.times, 0);
  EXPECT_TRUE(broken().empty());
}

TEST_F(PromiseBooksTest, FewerThanPromisedWithOneZoneLostBreaksIt) {
  all_run();
  lose(kA);
  run(kB, -1);  // given up too early
  pass(1min);
  run(kB, 1);
  pass(1min);
  EXPECT_EQ(below(ShortfallCause::kOther), 1min);
  EXPECT_EQ(seen().by_cause.at(ShortfallCause::kOther).times, 1);
  ASSERT_EQ(broken().size(), 1U);
  EXPECT_EQ(broken().front(),
            "it had fewer replicas than it promises, and one zone lost at most: 1 time, first from "
            "2020-01-01T01:00:00Z to 2020-01-01T01:01:00Z");
}

TEST_F(PromiseBooksTest, ASecondZoneExcusesUntilTheFirstOneIsReplaced) {
  all_run();
  lose(kA);
  pass(5min);
  lose(kB);
  pass(kWindow + 1min);
  EXPECT_EQ(below(ShortfallCause::kZonesTogether), kWindow - 5min);
  EXPECT_EQ(below(ShortfallCause::kOther), 6min) << "the first should have been replaced by then";
  EXPECT_EQ(seen().times, 1);
  EXPECT_EQ(seen().fewest, 2);
  EXPECT_EQ(seen().exposed.time, 1min) << "and the second one";
  EXPECT_EQ(broken().size(), 2U);
}

TEST_F(PromiseBooksTest, TheSameZoneTwiceIsOneZone) {
  all_run();
  lose(kA);
  run(std::nullopt, 1);
  run(kA, 2);
  lose(kA);
  run(std::nullopt, -2);
  pass(1min);
  EXPECT_EQ(below(ShortfallCause::kOther), 1min);
}

TEST_F(PromiseBooksTest, ToBeOneLossAwayFromTooFewIsSeenWithoutTheLoss) {
  all_run();
  run(kC, -2);  // as if a zone had been given up for a better price
  pass(1min);
  EXPECT_EQ(seen().times, 0);
  EXPECT_EQ(seen().exposed.time, 1min);
  ASSERT_EQ(broken().size(), 1U);
  EXPECT_NE(broken().front().find("would not have kept its promise"), std::string::npos);
}

TEST_F(PromiseBooksTest, AfterALossItHasTheTimeOfAReplacementToBeProtectedAgain) {
  all_run();
  lose(kA);
  pass(kWindow);
  EXPECT_EQ(seen().exposed.times, 0);
  pass(1min);
  EXPECT_EQ(seen().exposed.time, 1min);
}

TEST_F(PromiseBooksTest, UntilItWasProtectedOnceItStarts) {
  run(kA, 4);
  pass(1min);
  run(kA, -4);
  pass(1min);
  EXPECT_EQ(below(ShortfallCause::kStarting), 1min);
  EXPECT_EQ(seen().exposed.times, 0);
  EXPECT_TRUE(broken().empty());
}

TEST_F(PromiseBooksTest, WhoSaysThatThereIsNoCapacityHasNotBrokenIt) {
  all_run();
  books_.say_uncovered(true, now_);
  lose(kA);
  run(kB, -1);
  pass(1h);
  EXPECT_EQ(below(ShortfallCause::kUncovered), 1h);
  EXPECT_EQ(seen().uncovered, 1h);
  EXPECT_TRUE(broken().empty());
}

TEST_F(PromiseBooksTest, OfAServiceThatPromisesLessOnlyWhatIsBelowThatCounts) {
  PromiseBooks::Terms less = terms();
  less.floor = 2;
  books_.expect(less, now_);
  run(kA, 2);
  run(kB, 2);
  pass(1h);
  lose(kA);
  pass(1min);
  EXPECT_EQ(seen().below, 1min);
  EXPECT_TRUE(seen().by_cause.empty());
  EXPECT_TRUE(broken().empty());
}

TEST_F(PromiseBooksTest, ABaselineIsOnWhatLasts) {
  books_.expect({.wanted = 4, .floor = 4, .baseline = 2, .replacement = kReplacement}, now_);
  run(std::nullopt, 2);
  run(kA, 2);
  pass(1h);
  lose(kA);
  pass(1h);
  EXPECT_EQ(seen().baseline.times, 0);
  EXPECT_EQ(below(ShortfallCause::kOther), 1h) << "nobody promised that zone";
  EXPECT_TRUE(broken().empty());
  run(std::nullopt, -1);
  run(kA, 3);
  pass(1min);
  EXPECT_EQ(seen().baseline.time, 1min);
}

TEST_F(PromiseBooksTest, AsleepNothingIsOwed) {
  all_run();
  PromiseBooks::Terms asleep = terms();
  asleep.owed = false;
  books_.expect(asleep, now_);
  for (const Zone& zone : {kA, kB, kC})
    run(zone, -2);
  pass(8h);
  books_.expect(terms(), now_);
  pass(7min);
  EXPECT_EQ(below(ShortfallCause::kStarting), 7min);
  EXPECT_EQ(seen().below, 7min);
  EXPECT_TRUE(broken().empty());
}

TEST_F(PromiseBooksTest, ManyTimesAreAllCountedAndTheFirstOfThemListed) {
  all_run();
  for (int i = 0; i < 60; ++i) {
    run(kA, -2);
    run(kB, -2);
    pass(1min);
    run(kA, 2);
    run(kB, 2);
    pass(1min);
  }
  EXPECT_EQ(seen().by_cause.at(ShortfallCause::kOther).times, 60);
  EXPECT_EQ(seen().by_cause.at(ShortfallCause::kOther).spans.size(), kMaxSpansBelow);
  EXPECT_EQ(below(ShortfallCause::kOther), 1h);
  EXPECT_EQ(seen().times, 60);
}

}  // namespace
}  // namespace spillway::sim
