#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "scenario_parts.h"

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

// Nobody saw it go, and its pods have been cleared away: the attempt tells of it.
TEST(WorldTest, a_node_that_goes_while_the_operator_is_away_is_in_the_books_once) {
  using std::chrono::minutes;
  log::configure(log::Format::kText, log::Level::kError);
  World world({.seed = 1});
  const auto nodes_lost = [&world] {
    return world.find(control::kCapacityPools, "spot-a")
        ->value("/status/interruptionsLastDay"_json_pointer, 0);
  };
  usual_market(world);
  world.start_operator();
  world.run_for(minutes(1));
  world.submit(training_job({.replicas = 2, .per_replica = 8, .run_seconds = 4 * 3600}));
  world.run_for(minutes(30));
  const auto pods = world.pods_on("spot-a");
  ASSERT_EQ(pods.size(), 2U);
  world.restart_operator(minutes(5));
  world.nodes().remove_node(pods.front()->at("spec").at("nodeName"));
  world.run_for(minutes(20));
  EXPECT_EQ(nodes_lost(), 1);
  world.restart_operator(std::chrono::seconds(10));
  world.run_for(minutes(20));
  EXPECT_EQ(nodes_lost(), 1);
}

}  // namespace
}  // namespace spillway::sim
