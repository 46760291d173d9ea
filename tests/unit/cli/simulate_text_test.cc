#include "simulate_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "output.h"
#include "sample_report.h"

namespace spillway::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::sample_report;

TEST(SimulateText, prints_every_figure_that_was_asked_for) {
  const std::string text = simulation_text(sample_report(), false);
  for (const char* words :
       {"Simulated 2020-01-05 00:00 to 2020-02-04 00:00 UTC (30 d), seed 7", "Cost", "On demand",
        "Saved", "Interruptions  31  (27 nodes taken and 9 launches refused by the market)",
        "11.0 h of compute", "1 of 3 missed, and 2 shorter than the work",
        "BASELINE AND THE OTHER TIERS", "87.5 %", "TEAMS", "foundation", "(none stated)",
        "pretrain-", "Note: TrainingJob"})
    EXPECT_THAT(text, HasSubstr(words));
}

TEST(SimulateText, the_dearest_are_shown_unless_all_are_asked_for) {
  const auto report = sample_report({.training_jobs = 40});
  EXPECT_THAT(simulation_text(report, false),
              HasSubstr("(23 more, cheaper than these: --all lists them)"));
  EXPECT_THAT(simulation_text(report, true), Not(HasSubstr("--all")));
}

TEST(SimulateText, what_nobody_knows_is_not_zero) {
  auto report = sample_report();
  report.totals.on_demand_equivalent.reset();
  report.totals.saved.reset();
  const std::string text = simulation_text(report, false);
  EXPECT_THAT(text, HasSubstr("On demand      not known"));
  EXPECT_THAT(text, Not(HasSubstr("Saved ")));
  EXPECT_FALSE(simulation_document(report)["totals"].contains("saved"));
}

TEST(SimulateDocument, holds_everything_and_is_the_same_every_time) {
  auto report = sample_report();
  const auto document = simulation_document(report);
  EXPECT_EQ(document["totals"]["interruptions"], 31);
  EXPECT_EQ(document["tiers"][0]["tier"], "Reserved");
  EXPECT_EQ(document["teams"].size(), 3u);
  EXPECT_EQ(document["workloads"].size(), report.workloads.size());
  EXPECT_EQ(document["pools"][1]["price"].size(), report.pools[1].price.size());
  EXPECT_EQ(document["costCurve"].size(), report.cost_curve.size());
  report.speed.took = std::chrono::hours(1);
  EXPECT_EQ(simulation_document(report), document);
  EXPECT_THAT(document_text(document, Format::kYaml), HasSubstr("kind: Simulation\n"));
}

TEST(SimulateText, speed_is_in_simulated_seconds_per_second) {
  EXPECT_EQ(speed_text({.simulated = std::chrono::hours(1), .took = std::chrono::seconds(2)}),
            "1 h simulated in 2.0 s: 1,800 simulated seconds per second");
}

}  // namespace
}  // namespace spillway::cli
