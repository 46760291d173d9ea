#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "scenarios.h"

namespace spillway::sim {
namespace {

using ::testing::IsEmpty;

class ScenarioTest : public ::testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override { log::configure(log::Format::kText, log::Level::kError); }
};

TEST_P(ScenarioTest, ends_as_it_has_to_and_is_quiet_then) {
  const Outcome outcome = run(GetParam());
  EXPECT_THAT(outcome.problems, IsEmpty());
  EXPECT_EQ(outcome.writes_in_quiet_hour, 0U);
  EXPECT_EQ(outcome.nodes_lost, GetParam().nodes_lost.value_or(outcome.nodes_lost));
  RecordProperty("writes", static_cast<int>(outcome.writes.size()));
}

// Stories that may end in another way, told so that they do.
std::vector<Scenario> unheard_stories() {
  std::vector<Scenario> stories;
  for (const Scenario& story : scenarios()) {
    if (story.unheard) stories.push_back(as_unheard(story));
  }
  return stories;
}

INSTANTIATE_TEST_SUITE_P(All, ScenarioTest, ::testing::ValuesIn(scenarios()),
                         [](const auto& story) { return story.param.name; });
INSTANTIATE_TEST_SUITE_P(Unheard, ScenarioTest, ::testing::ValuesIn(unheard_stories()),
                         [](const auto& story) { return story.param.name; });

TEST(WorldTest, the_same_seed_makes_the_same_history_byte_for_byte) {
  log::configure(log::Format::kText, log::Level::kError);
  const auto history = [](std::uint64_t seed) {
    World world({.seed = seed});
    world.keep_history(true);
    const Scenario& story = scenarios()[3];
    story.prepare(world);
    world.start_operator();
    story.script(world);
    world.run_for(std::chrono::hours(2));
    return world.history();
  };
  const std::string first = history(7);
  EXPECT_GT(first.size(), 10'000U);
  EXPECT_EQ(first, history(7));
  EXPECT_NE(first, history(8));
}

}  // namespace
}  // namespace spillway::sim
