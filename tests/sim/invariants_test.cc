// Each invariant, and each part of the differential oracle, shown to be able to fail: a world in
// which somebody breaks the promise.

#include <algorithm>

#include "operatorless_world.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class InvariantsTest : public OperatorlessWorld {};

TEST_F(InvariantsTest, two_attempts_that_are_not_over_are_told) {
  job("train-1");
  job("train-2");
  pass(seconds(1));
  expect_only("2 attempts that are not terminal");
}
TEST_F(InvariantsTest, pods_of_two_attempts_are_told) {
  pod("train-1-0", "1", 4);
  pod("train-2-0", "2", 4);
  pass(seconds(1));
  expect_only("pods of 2 attempts");
}
TEST_F(InvariantsTest, an_attempt_that_goes_back_is_told) {
  set_status({{"attempt", 2}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"attempt", 1}});
  expect_only("went back from attempt 2");
}
TEST_F(InvariantsTest, a_finished_job_that_is_not_any_more_is_told) {
  set_status({{"conditions", json::array({condition("Complete")})}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"conditions", json::array({condition("Failed")})}});
  expect_only("was Complete and is not any more");
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
  expect_only("placed on tier Spot, which it does not allow");
}
TEST_F(InvariantsTest, a_tier_that_a_service_forbids_is_told) {
  world.submit(inference_pool({.spec = {{"tiers", {"OnDemand"}}}}));
  set_status({{"tiers", json::array({{{"tier", "Spot"},
                                      {"pool", "spot-a"},
                                      {"desired", 1},
                                      {"ready", 0},
                                      {"rate", "8.00"},
                                      {"since", "2020-01-01T00:00:00Z"}}})}},
             control::kInferencePools, "serve");
  expect_only("default/serve is placed on tier Spot, which it does not allow");
}
TEST_F(InvariantsTest, a_cost_that_falls_is_told) {
  set_status({{"cost", cost("10.00")}});
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"cost", cost("9.99")}});
  expect_only("has become cheaper: from 10.00 to 9.99");
}
TEST_F(InvariantsTest, a_pool_that_is_asked_for_more_than_it_can_have_is_told_after_a_minute) {
  pod("train-1-0", "1", 8);
  pod("train-1-1", "1", 8);
  pass(seconds(50));
  EXPECT_THAT(world.violations(), IsEmpty());
  pass(seconds(20));
  expect_only("can have 8 accelerators and is asked for 16");
}
TEST_F(InvariantsTest, a_cost_of_a_service_that_falls_is_told) {
  world.submit(inference_pool({}));
  set_status({{"cost", cost("10.00")}}, control::kInferencePools, "serve");
  EXPECT_THAT(world.violations(), IsEmpty());
  set_status({{"cost", cost("0.00")}}, control::kInferencePools, "serve");
  expect_only("default/serve has become cheaper: from 10.00 to 0.00");
}
TEST_F(InvariantsTest, a_feasible_deadline_that_passes_is_told) {
  json late = training_job({.name = "late"});
  late["spec"]["duration"] = "1h";
  late["spec"]["deadline"] = format_instant(world.time().now() + minutes(100));
  world.submit(std::move(late));
  pass(minutes(99));
  EXPECT_THAT(world.violations(), IsEmpty());
  pass(minutes(2));
  expect_only("default/late missed its deadline");
}
TEST_F(InvariantsTest, a_deadline_that_could_not_be_met_is_not_told) {
  json late = training_job({.name = "late"});
  late["spec"]["duration"] = "1h";
  late["spec"]["deadline"] = format_instant(world.time().now() + minutes(70));
  world.submit(std::move(late));
  pass(minutes(80));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// ---- hours

class HoursTest : public OperatorlessWorld {
 protected:
  void SetUp() override {
    OperatorlessWorld::SetUp();
    world.submit(inference_pool({.replicas = 2}));
  }
  void serve(json status) { set_status(status, control::kInferencePools, "serve"); }
  void replica(const std::string& name) {
    pod(name, "", 4, "", {{control::label::kInferencePool, "serve"}});
  }
};

TEST_F(HoursTest, a_service_that_sleeps_with_pods_is_told_when_they_had_time_to_drain) {
  replica("serve-a");
  serve({{"awake", false}});
  pass(minutes(10));
  EXPECT_THAT(world.violations(), IsEmpty());
  world.run_for(minutes(2));  // nothing changes any more
  expect_only("default/serve sleeps and has 1 pods");
}
TEST_F(HoursTest, a_service_that_sleeps_without_pods_is_not_told) {
  serve({{"awake", false}, {"conditions", json::array({condition("Placed")})}});
  pass(hours(2));
  EXPECT_THAT(world.violations(), IsEmpty());
}
TEST_F(HoursTest, a_service_that_is_awake_with_fewer_pods_than_asked_for_is_told) {
  replica("serve-a");
  serve({{"awake", true}, {"conditions", json::array({condition("Placed")})}});
  pass(minutes(9));
  EXPECT_THAT(world.violations(), IsEmpty());
  world.run_for(minutes(2));
  expect_only("default/serve is awake and has 1 pods instead of 2");
}
TEST_F(HoursTest, a_service_without_a_place_is_not_told) {
  json nowhere = condition("Placed");
  nowhere["status"] = "False";
  serve({{"awake", true}, {"conditions", json::array({nowhere})}});
  pass(hours(2));
  EXPECT_THAT(world.violations(), IsEmpty());
}
TEST_F(HoursTest, an_edge_that_nobody_notices_is_told) {
  serve({{"awake", false}, {"nextTransition", format_instant(world.time().now() + hours(1))}});
  pass(minutes(65));
  EXPECT_THAT(world.violations(), IsEmpty());
  pass(minutes(10));
  expect_only("default/serve has not noticed that its hours have changed");
}
TEST_F(HoursTest, a_suspended_job_with_pods_is_told) {
  pod("train-1-0", "1", 4);
  set_status({{"phase", "Suspended"}});
  pass(minutes(9));
  EXPECT_THAT(world.violations(), IsEmpty());
  world.run_for(minutes(2));
  expect_only("default/train is suspended and has 1 pods");
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
