// Each invariant, and each part of the differential oracle, shown to be able to fail: a world in
// which somebody breaks the promise.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/control/keys.h>
#include <spillway/core/log.h>

#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A world without an operator: what is there is put there by the test.
class InvariantsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log::configure(log::Format::kText, log::Level::kError);
    world.add_pool({.name = "spot-a",
                    .tier = api::Tier::kSpot,
                    .max_nodes = 1,
                    .spot = "8.00",
                    .provisioned = true});
    world.add_pool(
        {.name = "on-demand", .tier = api::Tier::kOnDemand, .max_nodes = 1, .fixed = "24.00"});
    world.submit(training_job({}));
    pass(seconds(1));
    ASSERT_THAT(world.violations(), IsEmpty());
  }
  // Time and a change: invariants are looked at when something changed.
  void pass(Duration time) {
    world.run_for(time);
    world.patch(control::kTrainingJobs, "train",
                {{"metadata", {{"annotations", {{"test", std::to_string(++changes)}}}}}});
    world.time().after(milliseconds(1), [] {});
    world.run_for(milliseconds(2));
  }
  void set_status(const json& status) {
    const auto written = world.server().merge_patch(
        control::kTrainingJobs, {.ns = Namespace("default"), .name = ObjectName("train")},
        {{"status", status}}, {.manager = "mutant", .subresource = "status"});
    ASSERT_TRUE(written) << written.error().message;
    pass(seconds(1));
  }
  static json condition(const char* type) {
    return {
        {"type", type},  {"status", "True"},        {"reason", "Because"},
        {"message", ""}, {"observedGeneration", 1}, {"lastTransitionTime", "2020-01-01T00:00:00Z"}};
  }
  static json cost(const char* total) {
    return {{"rate", "8.00"},
            {"since", "2020-01-01T00:00:00Z"},
            {"total", total},
            {"onDemandEquivalent", "30.00"},
            {"saved", "20.00"}};
  }
  void pod(const std::string& name, const std::string& attempt, int accelerators,
           const std::string& node = "") {
    json made = {
        {"apiVersion", "v1"},
        {"kind", "Pod"},
        {"metadata",
         {{"name", name},
          {"labels",
           {{control::label::kTrainingJob, "train"},
            {control::label::kAttempt, attempt},
            {control::label::kPool, "spot-a"}}}}},
        {"spec",
         {{"containers",
           json::array(
               {{{"name", "main"},
                 {"image", "program:1"},
                 {"resources",
                  {{"requests", {{"nvidia.com/gpu", std::to_string(accelerators)}}}}}}})}}}};
    if (!node.empty()) made["spec"]["nodeName"] = node;
    world.submit(std::move(made));
  }
  void job(const std::string& name) {
    world.submit(
        {{"apiVersion", "batch/v1"},
         {"kind", "Job"},
         {"metadata", {{"name", name}, {"labels", {{control::label::kTrainingJob, "train"}}}}},
         {"spec",
          {{"suspend", true},
           {"template",
            {{"spec",
              {{"restartPolicy", "Never"},
               {"containers", json::array({{{"name", "main"}, {"image", "program:1"}}})}}}}}}}});
  }
  void expect_violation(const char* sentence) {
    EXPECT_THAT(world.violations(), Contains(HasSubstr(sentence)));
  }

  using milliseconds = std::chrono::milliseconds;
  World world;
  int changes = 0;
};

TEST_F(InvariantsTest, two_attempts_that_are_not_over_are_told) {
  job("train-1");
  job("train-2");
  pass(seconds(1));
  expect_violation("2 attempts that are not terminal");
}
TEST_F(InvariantsTest, pods_of_two_attempts_are_told) {
  pod("train-1-0", "1", 4);
  pod("train-2-0", "2", 4);
  pass(seconds(1));
  expect_violation("pods of 2 attempts");
}
TEST_F(InvariantsTest, an_attempt_that_goes_back_is_told) {
  set_status({{"attempt", 2}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"attempt", 1}});
  expect_violation("went back from attempt 2");
}
TEST_F(InvariantsTest, a_finished_job_that_is_not_any_more_is_told) {
  set_status({{"conditions", json::array({condition("Complete")})}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"conditions", json::array({condition("Failed")})}});
  expect_violation("was Complete and is not any more");
}
TEST_F(InvariantsTest, a_tier_that_the_job_forbids_is_told) {
  world.patch(control::kTrainingJobs, "train", {{"spec", {{"tiers", {"OnDemand"}}}}});
  set_status({{"placement",
               {{"pool", "spot-a"},
                {"tier", "Spot"},
                {"attempt", 1},
                {"since", "2020-01-01T00:00:00Z"},
                {"reason", "cheap"},
                {"rate", "8.00"}}}});
  expect_violation("placed on tier Spot, which it does not allow");
}
TEST_F(InvariantsTest, a_cost_that_falls_is_told) {
  set_status({{"cost", cost("10.00")}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"cost", cost("9.99")}});
  expect_violation("has become cheaper: from 10.00 to 9.99");
}
TEST_F(InvariantsTest, a_pool_that_is_asked_for_more_than_it_can_have_is_told_after_a_minute) {
  pod("train-1-0", "1", 8);
  pod("train-1-1", "1", 8);
  pass(seconds(50));
  EXPECT_THAT(world.violations(), IsEmpty());
  pass(seconds(20));
  expect_violation("can have 8 accelerators and is asked for 16");
}
TEST_F(InvariantsTest, a_feasible_deadline_that_passes_is_told) {
  json late = training_job({.name = "late"});
  late["spec"]["duration"] = "1h";
  late["spec"]["deadline"] = format_instant(world.time().now() + minutes(100));
  world.submit(std::move(late));
  pass(minutes(99));
  EXPECT_THAT(world.violations(), IsEmpty());
  pass(minutes(2));
  expect_violation("default/late missed its deadline");
}
TEST_F(InvariantsTest, a_deadline_that_could_not_be_met_is_not_told) {
  json late = training_job({.name = "late"});
  late["spec"]["duration"] = "1h";
  late["spec"]["deadline"] = format_instant(world.time().now() + minutes(70));
  world.submit(std::move(late));
  pass(minutes(80));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// ---- the books

class CostAuditTest : public InvariantsTest {
 protected:
  void SetUp() override {
    InvariantsTest::SetUp();
    ASSERT_TRUE(world.server().merge_patch(
        control::kCapacityPools, {.name = ObjectName("spot-a")},
        {{"status",
          {{"price", {{"perNodeHour", "8.00"}, {"source", "test"}, {"quality", "Live"}}}}}},
        {.manager = "test", .subresource = "status"}));
  }
  std::vector<std::string> told;
  CostAudit audit{world.server(),
                  [this](std::string sentence) { told.push_back(std::move(sentence)); }};
};

TEST_F(CostAuditTest, what_nodes_cost_is_charged_or_unused_to_the_micro_dollar) {
  audit.look();
  world.run_for(minutes(7));
  audit.look();
  EXPECT_EQ(audit.unused(), Money::parse("0.933333").value());  // 8 $/h for 7 min, nobody there
  pod("train-1-0", "1", 3, "spot-a-1");
  world.run_for(seconds(100));
  audit.look();
  world.run_for(minutes(11));
  audit.look();
  EXPECT_GT(audit.charged(), Money());
  EXPECT_GT(audit.unused(), audit.charged());  // five of eight accelerators are idle
  EXPECT_THAT(told, IsEmpty());
}

// ---- the oracle

class OracleTest : public ::testing::Test {
 protected:
  void SetUp() override { log::configure(log::Format::kText, log::Level::kError); }
  const Scenario& story = scenarios().front();
};

TEST_F(OracleTest, two_undisturbed_runs_end_the_same) {
  EXPECT_THAT(differences(run(story).end, run(story).end), IsEmpty());
}
TEST_F(OracleTest, a_child_that_somebody_deletes_is_a_difference) {
  const Outcome outcome = run(story, [](World& world) {
    world.time().after(hours(2), [&world] {
      world.remove(kube::kServices, "train-ranks");
      world.kill_operator();
    });
  });
  EXPECT_THAT(differences(run(story).end, outcome.end),
              Contains(HasSubstr("services default/train-ranks is missing")));
}
TEST_F(OracleTest, a_child_that_is_made_twice_is_a_difference_although_the_end_is_the_same) {
  const auto service =
      std::ranges::find(scenarios(), "an_inference_pool_scales_and_is_deleted", &Scenario::name);
  ASSERT_NE(service, scenarios().end());
  const Outcome outcome = run(*service, [](World& world) {
    world.time().after(minutes(20), [&world] { world.remove(kube::kServices, "serve"); });
  });
  EXPECT_THAT(differences(run(*service).end, outcome.end),
              Contains(HasSubstr("services default/serve: created 2 times instead of 1")));
}
TEST_F(OracleTest, an_operator_that_never_comes_back_does_not_end_the_story) {
  const Outcome outcome = run(story, [](World& world) {
    world.time().after(minutes(1) + seconds(1), [&world] { world.kill_operator(); });
  });
  EXPECT_THAT(outcome.problems, Contains(HasSubstr("phase is ")));
}
TEST_F(OracleTest, a_write_in_the_quiet_hour_is_counted) {
  const Outcome outcome = run(story, [](World& world) {
    world.time().after(hours(2) + minutes(30), [&world] { world.set_spot("spot-a", "8.01"); });
  });
  EXPECT_GT(outcome.writes_in_quiet_hour, 0U);
}
// The operator's guards in their absence: a server that lies about what is there (an attempt that
// runs is told to be gone) makes it break the promise that it checks, and that is seen.
TEST_F(OracleTest, an_operator_that_is_lied_to_breaks_its_promise_and_is_caught) {
  const Scenario& move = scenarios()[1];
  const Outcome outcome = run(move, [](World& world) {
    const kube::HttpResponse gone{
        .status = 404, .body = R"({"kind":"Status","reason":"NotFound","message":"gone"})"};
    FaultPlan lies;
    lies.on_request = [=](const RequestSeen& request) -> RequestFate {
      const std::string& target = request.request.target;
      const bool of_job = target.find("/jobs/train-1") != std::string::npos;
      if (of_job && request.request.method == kube::Method::kDelete)
        return {.fate = Fate::kAnswered, .canned = {.status = 200, .body = R"({"kind":"Status"})"}};
      if (of_job) return {.fate = Fate::kAnswered, .canned = gone};
      return {};
    };
    lies.on_event = [](const std::string& collection, const WatchFrame& frame) {
      const bool hidden = (collection == "jobs.batch" || collection == "pods") &&
                          frame.key.name.str().starts_with("train-1");
      return EventFate{.drop = hidden};
    };
    world.set_faults(std::move(lies));
  });
  EXPECT_THAT(outcome.problems, Contains(HasSubstr("attempts")));
}

}  // namespace
}  // namespace spillway::sim
