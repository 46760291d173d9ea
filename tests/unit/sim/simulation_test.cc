#include <spillway/sim/simulation.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "market_folder.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kTrace = "us-east-1a_v100_1.json";

json pool(const char* name, const char* tier, const char* zone, json price, int max = 4) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CapacityPool"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"tier", tier},
            {"accelerator", {{"model", "V100"}, {"perNode", 1}}},
            {"instanceType", "p3.2xlarge"},
            {"location", {{"provider", "aws"}, {"region", "us-east-1"}, {"zone", zone}}},
            {"nodes", {{"selector", {{"pool", name}}}, {"max", max}}},
            {"price", std::move(price)}}}};
}

json workload(const char* kind, const char* name, json spec) {
  json object = {
      {"apiVersion", "spillway.dev/v1alpha1"},
      {"kind", kind},
      {"metadata", {{"name", name}, {"namespace", "team-a"}}},
      {"spec",
       {{"accelerator", {{"models", json::array({{{"name", "V100"}}})}, {"perReplica", 1}}},
        {"attribution", {{"team", "a"}}},
        {"template",
         {{"spec", {{"containers", json::array({{{"name", "main"}, {"image", "x:1"}}})}}}}}}}};
  object["spec"].merge_patch(spec);
  return object;
}

// One spot zone at 1 dollar, one on-demand pool at 3, a day.
class Simulation : public testing::Test {
 protected:
  Simulation() {
    folder_.write("prices.csv",
                  "instance_type,az,timestamp_utc,usd_per_hour\n"
                  "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,1.00\n"
                  "p3.2xlarge,us-east-1a,2020-01-02T00:00:00Z,1.01\n");
    input_.market_directory = folder_.path();
    add(pool("spot", "Spot", "us-east-1a", {{"feed", "aws"}, {"onDemand", "3.00"}}));
    add(pool("od", "OnDemand", "us-east-1b", {{"fixed", "3.00"}}));
  }
  void add(json object) {
    input_.manifests.push_back(
        {.source = "file.yaml, document " + std::to_string(input_.manifests.size() + 1),
         .object = std::move(object)});
  }
  // Ticks of ten minutes: `available` of them, then `gone` without any, then all day.
  void write_trace(int available, int gone) {
    json data = json::array();
    for (int i = 0; i < 144; ++i)
      data.push_back(i < available || i >= available + gone ? 1 : 0);
    folder_.write(kTrace, json({{"metadata", {{"gap_seconds", 600}}}, {"data", data}}).dump());
  }
  Result<SimulationReport> run() { return simulate(input_, *make_system_clock()); }
  SimulationReport good_run() {
    auto report = run();
    if (report) return *std::move(report);
    ADD_FAILURE() << report.error().message;
    return {};
  }
  std::string error() {
    const auto report = run();
    return report ? "no error" : report.error().message;
  }

  MarketFolder folder_;
  SimulationInput input_;
};

const WorkloadRow& row(const SimulationReport& report, const char* name) {
  for (const WorkloadRow& one : report.workloads) {
    if (one.name.str() == name) return one;
  }
  static const WorkloadRow none;
  ADD_FAILURE() << "no row of " << name;
  return none;
}

void expect_conservation(const SimulationReport& report) {
  const SimulationTotals& totals = report.totals;
  EXPECT_EQ(totals.cost, totals.split.cost());
  Money workloads;
  for (const WorkloadRow& one : report.workloads)
    workloads += one.cost;
  EXPECT_EQ(workloads, totals.split.used_cost);
  Money teams;
  for (const TeamUse& team : report.teams)
    teams += team.cost;
  EXPECT_EQ(teams, workloads);
  ASSERT_FALSE(report.cost_curve.empty());
  EXPECT_EQ(report.cost_curve.back().cost, totals.cost);
  EXPECT_THAT(report.violations, IsEmpty());
}

TEST_F(Simulation, a_job_on_calm_spot_costs_its_hours_at_the_recorded_price) {
  add(workload("TrainingJob", "train", {{"duration", "2h"}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  const WorkloadRow& train = row(report, "train");
  EXPECT_EQ(train.phase, "Succeeded");
  EXPECT_EQ(train.running, std::chrono::hours(2));
  EXPECT_EQ(train.interruptions, 0);
  EXPECT_GE(train.cost, Money::parse("2.00").value());
  EXPECT_LT(train.cost, Money::parse("2.01").value());
  ASSERT_TRUE(train.saved.has_value());
  EXPECT_GT(*train.saved, Money::parse("3.99").value());
  ASSERT_EQ(train.placements.size(), 1u);
  EXPECT_EQ(train.placements[0].pool, PoolName("spot"));
  EXPECT_THAT(train.placements[0].reason, testing::Not(IsEmpty()));
  EXPECT_EQ(report.to - report.from, std::chrono::hours(24));
}

TEST_F(Simulation, when_the_zone_has_none_left_the_node_is_taken_and_the_work_is_done_again) {
  write_trace(9, 6);  // an hour and a half, then an hour of nothing
  input_.manifests[0].object["metadata"]["annotations"]["simulate.spillway.dev/notice"] = "0s";
  add(workload("TrainingJob", "train", {{"duration", "2h"}, {"tiers", {"Spot"}}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  const WorkloadRow& train = row(report, "train");
  EXPECT_EQ(train.phase, "Succeeded");
  EXPECT_EQ(train.interruptions, 1);
  EXPECT_GT(train.lost, std::chrono::minutes(85));
  EXPECT_LT(train.lost, std::chrono::minutes(90));
  EXPECT_EQ(train.running - train.lost, std::chrono::hours(2));
  EXPECT_EQ(report.totals.nodes_taken, 1);
  EXPECT_EQ(report.totals.lost, train.lost);
  ASSERT_GE(train.placements.size(), 2u);
  EXPECT_TRUE(train.placements[0].interrupted);
  EXPECT_FALSE(train.placements.back().interrupted);
  EXPECT_THAT(report.notes, Contains(HasSubstr(kTrace)));
  const PoolSeries& spot = report.pools.front();
  ASSERT_EQ(spot.unavailable.size(), 1u);
  EXPECT_EQ(spot.unavailable[0].to - spot.unavailable[0].from, std::chrono::hours(1));
}

TEST_F(Simulation, a_job_that_saves_loses_little_and_ends_sooner) {
  write_trace(9, 6);
  const json checkpoint = {{"store", "any"},       {"mode", "Agent"},
                           {"format", "Manifest"}, {"directory", "/checkpoints"},
                           {"interval", "15m"},    {"trigger", {{"signal", "SIGUSR1"}}}};
  add(workload("TrainingJob", "saves",
               {{"duration", "2h"}, {"tiers", {"Spot"}}, {"checkpoint", checkpoint}}));
  add(workload("TrainingJob", "starts-over", {{"duration", "2h"}, {"tiers", {"Spot"}}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  const WorkloadRow& saves = row(report, "saves");
  const WorkloadRow& starts_over = row(report, "starts-over");
  EXPECT_EQ(saves.phase, "Succeeded");
  EXPECT_LT(saves.lost, std::chrono::minutes(3));
  EXPECT_GT(starts_over.lost, std::chrono::minutes(80));
  ASSERT_TRUE(saves.finished && starts_over.finished);
  EXPECT_LT(*saves.finished, *starts_over.finished);
  EXPECT_LT(saves.cost, starts_over.cost);
}

TEST_F(Simulation, a_job_that_saves_loses_at_most_an_interval_without_a_notice) {
  write_trace(9, 6);
  input_.manifests[0].object["metadata"]["annotations"]["simulate.spillway.dev/notice"] = "0s";
  const json checkpoint = {{"store", "any"},       {"mode", "Agent"},
                           {"format", "Manifest"}, {"directory", "/checkpoints"},
                           {"interval", "15m"},    {"trigger", {{"signal", "SIGUSR1"}}}};
  add(workload("TrainingJob", "saves",
               {{"duration", "2h"}, {"tiers", {"Spot"}}, {"checkpoint", checkpoint}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  const WorkloadRow& saves = row(report, "saves");
  EXPECT_EQ(saves.phase, "Succeeded");
  EXPECT_EQ(saves.interruptions, 1);
  EXPECT_GT(saves.lost, std::chrono::minutes(1));
  EXPECT_LT(saves.lost, std::chrono::minutes(16));
}

TEST_F(Simulation, a_zone_without_any_refuses_launches) {
  write_trace(0, 144);
  add(workload("TrainingJob", "train", {{"duration", "2h"}, {"tiers", {"Spot"}}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  EXPECT_EQ(row(report, "train").cost, Money());
  EXPECT_GT(report.totals.launches_refused, 0);
  EXPECT_EQ(report.totals.finished, 0);
}

TEST_F(Simulation, the_baseline_is_used_split_by_team_and_idle_for_the_rest) {
  add(pool("owned", "Reserved", "us-east-1a", {{"fixed", "2.00"}, {"onDemand", "3.00"}}, 2));
  add(workload("InferencePool", "serve",
               {{"replicas", 1}, {"tiers", {"Reserved"}}, {"attribution", {{"team", "b"}}}}));
  const SimulationReport report = good_run();
  expect_conservation(report);
  const TierUse& reserved = report.tiers[0];
  ASSERT_EQ(reserved.tier, api::Tier::kReserved);
  EXPECT_EQ(reserved.split.cost(), Money::parse("96.00").value());
  EXPECT_GT(reserved.split.used, AcceleratorSeconds(23 * 3600));
  EXPECT_EQ(reserved.split.starting, AcceleratorSeconds(0));
  ASSERT_EQ(report.teams.size(), 1u);
  EXPECT_EQ(report.teams[0].team, "b");
  EXPECT_EQ(report.teams[0].reserved, reserved.split.used);
}

TEST_F(Simulation, replicas_that_are_not_ready_are_counted_once_all_had_run) {
  write_trace(30, 114);  // five hours, then no more
  json serve =
      workload("InferencePool", "serve",
               {{"replicas", 3}, {"tiers", {"Spot"}}, {"capacity", {{"spotPercent", 100}}}});
  serve["metadata"]["annotations"] = {{"simulate.spillway.dev/delete-after", "10h"}};
  add(std::move(serve));
  const SimulationReport report = good_run();
  const WorkloadRow& served = row(report, "serve");
  ASSERT_TRUE(served.started);
  const Shortfall& shortfall = served.shortfall;
  EXPECT_GE(shortfall.missing, std::chrono::hours(15));  // three replicas, five hours
  EXPECT_LT(shortfall.missing, std::chrono::hours(15) + std::chrono::minutes(10));
  EXPECT_GE(shortfall.below, std::chrono::hours(5));
  EXPECT_LE(shortfall.missing, 3 * shortfall.below);
  EXPECT_EQ(shortfall.times, 1);
  EXPECT_EQ(shortfall.fewest, 0);
}

TEST_F(Simulation, what_a_template_says_of_the_program_has_to_be_a_number) {
  json train = workload("TrainingJob", "train", {{"duration", "2h"}});
  train["spec"]["template"]["metadata"]["annotations"] = {
      {"simulate.spillway.dev/start-seconds", "3m"}};
  add(std::move(train));
  EXPECT_THAT(error(), AllOf(HasSubstr("start-seconds"), HasSubstr("\"3m\""),
                             HasSubstr("write a whole number")));
}

TEST_F(Simulation, deadlines_are_judged) {
  json met = workload("TrainingJob", "met", {{"duration", "2h"}});
  met["metadata"]["annotations"] = {{"simulate.spillway.dev/deadline-after", "5h"},
                                    {"simulate.spillway.dev/submit-after", "1h"}};
  add(std::move(met));
  json short_of_time = workload("TrainingJob", "short", {{"duration", "2h"}});
  short_of_time["metadata"]["annotations"] = {{"simulate.spillway.dev/deadline-after", "1h"}};
  add(std::move(short_of_time));
  add(workload("TrainingJob", "open", {{"duration", "30h"}, {"deadline", "2020-03-01T00:00:00Z"}}));
  const SimulationReport report = good_run();
  EXPECT_EQ(row(report, "met").deadline_outcome, DeadlineOutcome::kMet);
  EXPECT_EQ(row(report, "met").submitted, report.from + std::chrono::hours(1));
  EXPECT_EQ(row(report, "short").deadline_outcome, DeadlineOutcome::kInfeasible);
  EXPECT_EQ(row(report, "open").deadline_outcome, DeadlineOutcome::kOpen);
  EXPECT_EQ(report.totals.deadline_misses, 0);
  EXPECT_EQ(report.totals.deadlines_infeasible, 1);
}

TEST_F(Simulation, the_same_seed_gives_the_same_report) {
  write_trace(9, 6);
  for (const char* name : {"one", "two", "three"})
    add(workload("TrainingJob", name, {{"duration", "3h"}, {"replicas", 2}}));
  SimulationReport first = good_run();
  SimulationReport second = good_run();
  EXPECT_EQ(first.totals, second.totals);
  EXPECT_EQ(first.workloads, second.workloads);
  EXPECT_EQ(first.pools, second.pools);
  EXPECT_EQ(first.cost_curve, second.cost_curve);
  EXPECT_EQ(first.writes, second.writes);
  EXPECT_EQ(first.passes, second.passes);
}

TEST_F(Simulation, a_pool_without_a_price_on_demand_leaves_what_was_saved_open) {
  input_.manifests.clear();
  add(pool("spot", "Spot", "us-east-1a", {{"feed", "aws"}}));
  add(workload("TrainingJob", "train", {{"duration", "2h"}}));
  const SimulationReport report = good_run();
  EXPECT_EQ(report.totals.saved, std::nullopt);
  EXPECT_EQ(row(report, "train").on_demand_equivalent, std::nullopt);
  EXPECT_THAT(report.notes, Contains(AllOf(HasSubstr("spot"), HasSubstr("onDemand"))));
}

TEST_F(Simulation, wrong_manifests_are_one_sentence_with_source_object_and_field) {
  add(workload("TrainingJob", "train", {{"replicas", 0}}));
  EXPECT_THAT(error(), AllOf(HasSubstr("file.yaml, document 3"), HasSubstr("TrainingJob"),
                             HasSubstr("team-a/train"), HasSubstr("spec.replicas")));
  input_.manifests.pop_back();
  add(workload("TrainingJob", "train", {{"replica", 2}}));
  EXPECT_THAT(error(), HasSubstr("spec.replica"));
  input_.manifests.pop_back();
  json typo = workload("TrainingJob", "train", json::object());
  typo["spec"]["template"]["spec"]["containers"][0]["imag"] = "x";
  add(std::move(typo));
  EXPECT_THAT(error(), HasSubstr("spec.template.spec.containers[0].imag"));
  input_.manifests.pop_back();
  add({{"apiVersion", "spillway.dev/v1alpha1"}, {"kind", "TrainingJob"}});
  EXPECT_THAT(error(), HasSubstr("metadata.name"));
  input_.manifests.pop_back();
  add(workload("TrainingJob", "train", json::object()));
  add(workload("TrainingJob", "train", json::object()));
  EXPECT_THAT(error(), HasSubstr("is there already"));
}

TEST_F(Simulation, no_pools_is_said) {
  input_.manifests.clear();
  EXPECT_THAT(error(), HasSubstr("no CapacityPool"));
}

}  // namespace
}  // namespace spillway::sim
