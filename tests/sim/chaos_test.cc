// Many faults at once, drawn from a seed: the story still ends as it has to, and the same seed
// makes the same history, byte for byte.

#include <iostream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/core/log.h>

#include "scenarios.h"

namespace spillway::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One request in fifteen goes wrong somehow, one in two hundred ends the process; each event takes
// its own time up to three seconds, one in ten comes twice.
Arrangement chaos(std::uint64_t seed) {
  return [seed](World& world) {
    const std::shared_ptr<Random> random = make_random(seed);
    const auto one_in = [random](std::uint64_t n) { return random->next() % n == 0; };
    FaultPlan faults;
    faults.on_request = [=](const RequestSeen& request) -> RequestFate {
      const kube::HttpResponse broken{
          .status = 500, .body = R"({"reason":"InternalError","message":"as it happens"})"};
      if (request.write > 0 && one_in(200)) return {.fate = Fate::kDieAfterSend};
      if (!one_in(15)) return {.delay = milliseconds(random->next() % 200)};
      switch (random->next() % 5) {
        case 0: return {.fate = Fate::kRefused};
        case 1: return {.fate = Fate::kLost};
        case 2: return {.fate = request.write > 0 ? Fate::kAnswerLost : Fate::kServed};
        case 3: return {.fate = Fate::kAnswered, .canned = broken};
        default: return {.delay = seconds(random->next() % 10)};
      }
    };
    faults.on_event = [=](const std::string&, const WatchFrame&) {
      return EventFate{.copies = one_in(10) ? 2 : 1, .delay = milliseconds(random->next() % 3000)};
    };
    world.set_faults(std::move(faults));
  };
}

class ChaosTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  void SetUp() override { log::configure(log::Format::kText, log::Level::kError); }
  static std::string history(const Scenario& story, std::uint64_t seed) {
    World world({.seed = seed});
    world.keep_history(true);
    chaos(seed)(world);
    story.prepare(world);
    world.start_operator();
    world.run_for(std::chrono::minutes(1));
    story.script(world);
    world.run_for(story.duration);
    EXPECT_THAT(world.violations(), ::testing::IsEmpty()) << story.name << ", seed " << seed;
    return world.history();
  }
};

TEST_P(ChaosTest, the_same_seed_makes_the_same_history_byte_for_byte_whatever_goes_wrong) {
  const Scenario& story = scenarios()[GetParam()];
  const std::uint64_t seed = 100 + GetParam();
  const std::string first = history(story, seed);
  EXPECT_GT(first.size(), 10'000U);
  EXPECT_EQ(first, history(story, seed)) << story.name << ", seed " << seed;
  EXPECT_NE(first, history(story, seed + 1)) << story.name << ", seed " << seed;
}

TEST_P(ChaosTest, many_faults_at_once_leave_every_promise_kept) {
  const Scenario& story = scenarios()[GetParam()];
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Outcome outcome = run(story, chaos(seed), seed);
    EXPECT_THAT(outcome.problems, ::testing::IsEmpty()) << story.name << ", seed " << seed;
    std::cout << story.name << ", seed " << seed << ": " << outcome.crashes << " crashes\n";
  }
}

INSTANTIATE_TEST_SUITE_P(All, ChaosTest, ::testing::Range(std::size_t{0}, scenarios().size()),
                         [](const auto& number) { return scenarios()[number.param].name; });

}  // namespace
}  // namespace spillway::sim
