// The published figures for greedy and uniform progress come out again on the published traces.
// Needs the recorded market data: its folder is SPILLWAY_SHARED, by default `shared` beside the
// checkout.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "options.h"
#include "statistics.h"
#include "study.h"

namespace spillway::regret {
namespace {

constexpr std::size_t kPublishedTicks =
    1781;  // of 600 s: the part of the two-week set that the paper used

std::filesystem::path shared_folder() {
  const char* given = std::getenv("SPILLWAY_SHARED");
  return given != nullptr ? std::filesystem::path(given)
                          : std::filesystem::path(SPILLWAY_SOURCE_DIR).parent_path() / "shared";
}

std::vector<std::string> traces_of(const std::string& set) {
  const auto folder = shared_folder() / "data/spot-availability" / set;
  std::vector<std::string> paths;
  if (!std::filesystem::is_directory(folder)) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

double mean_hours(const PolicyResult& policy, Seconds Outcome::* time) {
  double sum = 0;
  for (const Outcome& outcome : policy.outcomes)
    sum += static_cast<double>(outcome.*time) / 3600;
  return sum / static_cast<double>(policy.outcomes.size());
}

double mean_cost(const PolicyResult& policy) {
  double sum = 0;
  for (const Outcome& outcome : policy.outcomes)
    sum += outcome.cost;
  return sum / static_cast<double>(policy.outcomes.size());
}

class Recorded : public ::testing::Test {
 protected:
  void SetUp() override {
    if (traces_of("1-node-2022-10").empty()) {
      GTEST_SKIP() << "no recorded data in " << shared_folder()
                   << ": set SPILLWAY_SHARED to its folder";
    }
  }
};

// 300 windows per trace without history, 60 h to the deadline.
TEST_F(Recorded, PublishedPoliciesAndOptimumComeOutAgain) {
  Options options;
  options.availability = traces_of("1-node-2022-10");
  options.deadline_hours = 60;
  options.history_hours = 0;
  options.windows = 300;
  options.policies = {"greedy", "uniform-progress"};
  auto setup = check(options);
  ASSERT_TRUE(setup) << setup.error().message;
  for (Market& market : setup->markets) {
    market.zones[0].available.resize(kPublishedTicks);
    market.zones[0].price.resize(kPublishedTicks);
  }
  const auto result = run_study(setup->markets, setup->rules, setup->policies);
  ASSERT_TRUE(result) << result.error().message;
  const PolicyResult& greedy = *result->find("greedy");
  const PolicyResult& uniform = *result->find("uniform-progress");
  EXPECT_NEAR(mean_hours(greedy, &Outcome::on_demand_work), 31.2, 0.4);
  EXPECT_NEAR(mean_hours(greedy, &Outcome::spot_work), 16.8, 0.4);
  EXPECT_NEAR(mean_hours(uniform, &Outcome::on_demand_work), 25.2, 0.4);
  EXPECT_NEAR(mean_hours(uniform, &Outcome::spot_work), 22.8, 0.4);
  std::vector<double> optima;
  for (const WindowResult& window : result->windows)
    optima.push_back(window.optimum);
  const auto saving_percent = [](double cost) { return 100 * (1 - cost / (48 * 3.06)); };
  EXPECT_NEAR(saving_percent(mean_cost(greedy)), 22.2, 1.0);
  EXPECT_NEAR(saving_percent(mean_cost(uniform)), 28.6, 1.0);
  EXPECT_NEAR(saving_percent(mean(optima)), 36.0, 1.0);
}

TEST_F(Recorded, SpillwayCostsLessThanUniformProgressAndMissesNothing) {
  for (const std::string set : {"1-node-2022-10", "1-node-2023-02"}) {
    for (const std::string sees : {"all", "launches"}) {
      Options options;
      options.availability = traces_of(set);
      options.windows = 5;
      options.sees = sees;
      options.policies = {"spillway", "uniform-progress"};
      const auto setup = check(options);
      ASSERT_TRUE(setup) << setup.error().message;
      const auto result = run_study(setup->markets, setup->rules, setup->policies);
      ASSERT_TRUE(result) << result.error().message;
      const PolicyResult& own = *result->find("spillway");
      EXPECT_LT(mean(own.ratios), mean(result->find("uniform-progress")->ratios))
          << set << ", sees " << sees;
      EXPECT_TRUE(std::none_of(own.outcomes.begin(), own.outcomes.end(),
                               [](const Outcome& o) { return o.missed; }));
    }
  }
}

}  // namespace
}  // namespace spillway::regret
