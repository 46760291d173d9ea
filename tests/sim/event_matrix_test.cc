#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "scenarios.h"

namespace spillway::sim {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;

class EventMatrixTest : public ::testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
    log::configure(log::Format::kText, log::Level::kError);
    undisturbed = run(GetParam());
    ASSERT_THAT(undisturbed.problems, IsEmpty());
  }
  std::vector<std::string> problems_with(const FaultPlan& faults) const {
    const Outcome outcome = run(GetParam(), [&](World& world) { world.set_faults(faults); });
    std::vector<std::string> problems = outcome.problems;
    const auto differs = differences_in(GetParam(), undisturbed.end, outcome.end);
    problems.insert(problems.end(), differs.begin(), differs.end());
    if (outcome.writes_in_quiet_hour > 0)
      problems.push_back(std::to_string(outcome.writes_in_quiet_hour) +
                         " writes in the quiet hour");
    return problems;
  }
  Outcome undisturbed;
};

TEST_P(EventMatrixTest, late_doubled_and_overtaken_events_end_the_same) {
  const auto every = [](EventFate fate) {
    return FaultPlan{.on_event = [fate](const std::string&, const WatchFrame&) { return fate; }};
  };
  EXPECT_THAT(problems_with(every({.delay = seconds(3)})), IsEmpty())
      << "all events three seconds late";
  EXPECT_THAT(problems_with(every({.copies = 2})), IsEmpty()) << "all events twice";
  // Objects overtake each other, one object never itself: what a watch after a reconnection may
  // look like.
  const FaultPlan shuffled{.on_event = [](const std::string&, const WatchFrame& frame) {
    if (frame.key.name.empty())
      return EventFate{.delay = seconds(2)};  // a bookmark promises that nothing older is to come
    return EventFate{.delay = std::chrono::milliseconds(std::hash<ObjectKey>{}(frame.key) % 2000),
                     .may_be_overtaken = true};
  }};
  EXPECT_THAT(problems_with(shuffled), IsEmpty()) << "objects overtaking each other";
  for (const char* collection : {"pods", "jobs.batch", "trainingjobs.spillway.dev", "nodes",
                                 "deployments.apps", "capacitypools.spillway.dev"}) {
    const std::string slow = collection;
    const FaultPlan stale{.on_event = [slow](const std::string& of, const WatchFrame&) {
      return EventFate{.delay = of == slow ? seconds(20) : seconds(0)};
    }};
    EXPECT_THAT(problems_with(stale), IsEmpty())
        << "a cache of " << slow << " that is twenty seconds behind";
  }
}

INSTANTIATE_TEST_SUITE_P(All, EventMatrixTest, ::testing::ValuesIn(scenarios()),
                         [](const auto& story) { return story.param.name; });

}  // namespace
}  // namespace spillway::sim
