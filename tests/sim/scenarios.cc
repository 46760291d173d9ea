#include "scenarios.h"

#include <spillway/control/world.h>

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

json pod_spec(int accelerators) {
  return {{"containers",
           json::array({{{"name", "main"},
                         {"image", "program:1"},
                         {"resources",
                          {{"requests",
                            {{"cpu", "4"},
                             {"memory", "16Gi"},
                             {"nvidia.com/gpu", std::to_string(accelerators)}}},
                           {"limits", {{"nvidia.com/gpu", std::to_string(accelerators)}}}}}}})}};
}

using Problems = std::vector<std::string>;

void expect(Problems& problems, bool holds, const std::string& otherwise) {
  if (!holds) problems.push_back(otherwise);
}

void expect_equal(Problems& problems, const std::string& what, const std::string& found,
                  const std::string& wanted) {
  expect(problems, found == wanted, what + " is \"" + found + "\" instead of \"" + wanted + "\"");
}

int attempt(World& world, const std::string& name) {
  return world.find(control::kTrainingJobs, name)->value("/status/attempt"_json_pointer, 0);
}

// Two spot zones, on demand above them; spot-a is the cheapest.
void usual_market(World& world) {
  world.add_pool({.name = "spot-a",
                  .tier = api::Tier::kSpot,
                  .zone = "zone-a",
                  .spot = "8.00",
                  .on_demand = "24.00"});
  world.add_pool({.name = "spot-b",
                  .tier = api::Tier::kSpot,
                  .zone = "zone-b",
                  .spot = "10.00",
                  .on_demand = "24.00"});
  world.add_pool(
      {.name = "on-demand", .tier = api::Tier::kOnDemand, .zone = "zone-a", .fixed = "24.00"});
}

Scenario one_job() {
  return {.name = "one_job_runs_and_completes",
          .prepare = usual_market,
          .script = [](World& world) { world.submit(training_job({.run_seconds = 1800})); },
          .duration = hours(2),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect_equal(problems, "pool", world.pool_of("train"), "spot-a");
                expect(problems, attempt(world, "train") == 1, "it took more than one attempt");
                return problems;
              }};
}

Scenario price_move() {
  return {.name = "a_rising_price_moves_a_job",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job({.run_seconds = 3600, .spec = {{"duration", "1h"}}}));
                world.time().after(minutes(13), [&world] { world.set_spot("spot-a", "23.00"); });
              },
          .duration = hours(3),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect_equal(problems, "pool", world.pool_of("train"), "spot-b");
                expect(problems, attempt(world, "train") == 2,
                       "it is not the second attempt that succeeded");
                return problems;
              }};
}

Scenario displacement() {
  return {.name = "inference_displaces_training_from_the_baseline",
          .prepare =
              [](World& world) {
                world.add_pool({.name = "reserved",
                                .tier = api::Tier::kReserved,
                                .max_nodes = 1,
                                .fixed = "12.00",
                                .on_demand = "24.00",
                                .provisioned = true});
                usual_market(world);
              },
          .script =
              [](World& world) {
                world.submit(training_job({.run_seconds = 3600, .spec = {{"duration", "1h"}}}));
                world.time().after(minutes(20), [&world] {
                  world.submit(inference_pool(
                      {.replicas = 2,
                       .spec = {{"tiers", {"Reserved", "OnDemand"}}, {"priority", 10}}}));
                });
              },
          .duration = hours(3),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "pool", world.pool_of("train"), "spot-a");
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect(problems, world.pods_on("reserved").size() == 2,
                       "the replicas are not on the baseline");
                return problems;
              }};
}

Scenario lost_rank() {
  return {.name = "a_lost_node_ends_the_attempt_and_the_gang_forms_again",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job({.replicas = 4, .run_seconds = 4 * 3600}));
                world.time().after(minutes(30), [&world] {
                  const auto pods = world.pods_on("spot-a");
                  if (!pods.empty())
                    world.nodes().remove_node(pods.front()->at("spec").at("nodeName"));
                });
              },
          .duration = hours(6),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect(problems, attempt(world, "train") == 2,
                       "it is not the second attempt that succeeded");
                const Object job = world.find(control::kTrainingJobs, "train");
                expect(problems, job->value("/status/restartsCounted"_json_pointer, 0) == 0,
                       "the program was blamed for a lost node");
                return problems;
              }};
}

Scenario stock_out() {
  return {.name = "a_stocked_out_pool_is_given_up_for_the_next_best",
          .prepare =
              [](World& world) {
                usual_market(world);
                world.autoscaler().set_stocked_out("spot-a", true);
              },
          .script = [](World& world) { world.submit(training_job({.run_seconds = 1800})); },
          .duration = hours(3),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect_equal(problems, "pool", world.pool_of("train"), "spot-b");
                return problems;
              }};
}

Scenario failing_program() {
  return {
      .name = "a_failing_program_is_restarted_within_its_limit",
      .prepare = usual_market,
      .script =
          [](World& world) {
            json job = training_job({.run_seconds = 60, .spec = {{"maxRestarts", 2}}});
            job["spec"]["template"]["metadata"]["annotations"]["simulate.spillway.dev/exit-code"] =
                "1";
            world.submit(std::move(job));
          },
      .duration = hours(3),
      .expectations =
          [](World& world) {
            Problems problems;
            expect_equal(problems, "phase", world.phase("train"), "Failed");
            expect(problems, attempt(world, "train") == 3, "there were not three attempts");
            return problems;
          }};
}

Scenario suspension() {
  return {.name = "a_suspended_job_ends_its_pods_and_comes_back",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job({.run_seconds = 3600}));
                world.time().after(minutes(20), [&world] {
                  world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", true}}}});
                });
                world.time().after(minutes(50), [&world] {
                  world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", false}}}});
                });
              },
          .duration = hours(4),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_equal(problems, "phase", world.phase("train"), "Succeeded");
                expect(problems, attempt(world, "train") == 2,
                       "it is not the second attempt that succeeded");
                return problems;
              }};
}

Scenario scaling() {
  return {
      .name = "an_inference_pool_scales_and_is_deleted",
      .prepare = usual_market,
      .script =
          [](World& world) {
            world.submit(inference_pool(
                {.replicas = 2, .spec = {{"capacity", {{"baseline", 1}, {"spotPercent", 100}}}}}));
            world.time().after(minutes(30), [&world] {
              world.patch(control::kInferencePools, "serve", {{"spec", {{"replicas", 5}}}});
            });
            world.time().after(minutes(60), [&world] {
              world.patch(control::kInferencePools, "serve", {{"spec", {{"replicas", 1}}}});
            });
            world.time().after(minutes(90),
                               [&world] { world.remove(control::kInferencePools, "serve"); });
          },
      .duration = hours(3),
      .expectations =
          [](World& world) {
            Problems problems;
            expect(problems, world.server().all(kube::kPods).empty(), "there are pods left");
            expect(problems, world.server().all(kube::kDeployments).empty(),
                   "there are Deployments left");
            expect(problems, world.server().all(kube::kServices).empty(),
                   "there are Services left");
            return problems;
          }};
}

}  // namespace

json training_job(const TrainingPlan& plan) {
  json job = {{"apiVersion", "spillway.dev/v1alpha1"},
              {"kind", "TrainingJob"},
              {"metadata", {{"name", plan.name}}},
              {"spec",
               {{"replicas", plan.replicas},
                {"accelerator",
                 {{"models", json::array({{{"name", "H100"}}})}, {"perReplica", plan.per_replica}}},
                {"template", {{"spec", pod_spec(plan.per_replica)}}}}}};
  job["spec"]["template"]["metadata"]["annotations"]["simulate.spillway.dev/run-seconds"] =
      std::to_string(plan.run_seconds);
  job["spec"].merge_patch(plan.spec);
  return job;
}

json inference_pool(const InferencePlan& plan) {
  json pool = {
      {"apiVersion", "spillway.dev/v1alpha1"},
      {"kind", "InferencePool"},
      {"metadata", {{"name", plan.name}}},
      {"spec",
       {{"replicas", plan.replicas},
        {"accelerator",
         {{"models", json::array({{{"name", "H100"}}})}, {"perReplica", plan.per_replica}}},
        {"template", {{"spec", pod_spec(plan.per_replica)}}}}}};
  pool["spec"].merge_patch(plan.spec);
  return pool;
}

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {one_job(),    price_move(), displacement(),
                                            lost_rank(),  stock_out(),  failing_program(),
                                            suspension(), scaling()};
  return all;
}

Outcome run(const Scenario& scenario, std::optional<CrashPlan> crash, std::uint64_t seed,
            FaultPlan faults) {
  World world({.seed = seed});
  LifeCounter lives(world.server());
  world.set_faults(std::move(faults));
  if (crash) world.plan_crash(*crash);
  scenario.prepare(world);
  world.start_operator();
  world.run_for(minutes(1));
  scenario.script(world);
  world.run_for(scenario.duration);
  const std::size_t before = world.writes(true).size();
  world.run_for(hours(1));
  Outcome outcome{.end = lives.end_state(),
                  .writes = world.writes(),
                  .crashes = world.crashes(),
                  .writes_in_quiet_hour = world.writes(true).size() - before};
  outcome.problems = scenario.expectations(world);
  outcome.problems.insert(outcome.problems.end(), world.violations().begin(),
                          world.violations().end());
  const auto unknown = world.server().unknown_requests();
  outcome.problems.insert(outcome.problems.end(), unknown.begin(), unknown.end());
  return outcome;
}

}  // namespace spillway::sim
