#include "scenarios.h"

#include <algorithm>

#include <spillway/control/keys.h>
#include <spillway/sim/model.h>

#include "checkpoint_stage.h"
#include "conformance/request_form.h"
#include "conformance/script.h"
#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;

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

// "deployments.apps default/serve differs: [{"op": ..." in nothing but the count of its writes.
bool counts_writes_only(const std::string& difference) {
  const std::string differs = " differs: ";
  const std::size_t at = difference.find(differs);
  if (!difference.starts_with("deployments.apps ") || at == std::string::npos) return false;
  const json changes = json::parse(difference.substr(at + differs.size()));
  return std::ranges::all_of(changes, [](const json& change) {
    const std::string path = change.at("path");
    return path == "/metadata/generation" || path == "/status/observedGeneration";
  });
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

int attempt_of(World& world, const std::string& name) {
  const Object job = world.find(control::kTrainingJobs, name);
  return job ? job->value("/status/attempt"_json_pointer, 0) : 0;
}

Problems succeeded(World& world, std::optional<int> attempts) {
  Problems problems;
  expect_equal(problems, "phase", world.phase("train"), "Succeeded");
  const int took = attempt_of(world, "train");
  expect(problems, took == attempts.value_or(took),
         "it took " + std::to_string(took) + " attempts instead of " +
             std::to_string(attempts.value_or(took)));
  return problems;
}

void take_node_of(World& world, const std::string& pool) {
  const auto pods = world.pods_on(pool);
  if (!pods.empty()) world.nodes().remove_node(pods.front()->at("spec").at("nodeName"));
}

std::vector<Object> serving(World& world) {
  std::vector<Object> pods;
  for (const auto& [key, pod] : world.server().all(kube::kPods)) {
    const json& metadata = pod->at("metadata");
    const bool of_a_service = metadata.value("labels", json::object())
                                  .contains(std::string(control::label::kInferencePool));
    if (of_a_service && !is_deleting(*pod) && condition_holds(*pod, "Ready")) pods.push_back(pod);
  }
  return pods;
}

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

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = [] {
    std::vector<Scenario> stories;
    for (const auto& some :
         {training_scenarios(), loss_scenarios(), inference_scenarios(), checkpoint_scenarios(),
          resume_scenarios(), deletion_scenarios(), serving_scenarios(), off_hours_scenarios(),
          replica_scenarios(), off_switch_scenarios()})
      stories.insert(stories.end(), some.begin(), some.end());
    return stories;
  }();
  return all;
}

Scenario as_unheard(const Scenario& scenario) {
  Scenario unheard = scenario;
  unheard.name += "_unheard";
  unheard.script = scenario.unheard->script;
  unheard.expectations = scenario.unheard->expectations;
  unheard.unheard.reset();
  return unheard;
}

std::vector<std::string> differences_in(const Scenario& scenario, const EndState& undisturbed,
                                        const EndState& found) {
  std::vector<std::string> sentences = differences(undisturbed, found);
  if (scenario.in_steps) std::erase_if(sentences, counts_writes_only);
  return sentences;
}

Outcome run(const Scenario& scenario, const Arrangement& arrange, std::uint64_t seed) {
  World world({.seed = seed});
  LifeCounter lives(world.server());
  std::set<std::string> asked;
  world.on_request([&asked](const kube::HttpRequest& request) {
    asked.merge(conformance::request_forms(request));
  });
  if (arrange) arrange(world);
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
  outcome.broken = world.violations();
  for (const auto& more : {world.server().unknown_requests(), broken_checkpoints(world),
                           conformance::unscripted(asked)})
    outcome.broken.insert(outcome.broken.end(), more.begin(), more.end());
  const auto with = [&](std::vector<std::string> problems) {
    problems.insert(problems.end(), outcome.broken.begin(), outcome.broken.end());
    return problems;
  };
  outcome.problems = with(scenario.expectations(world));
  if (scenario.unheard) outcome.problems_unheard = with(scenario.unheard->expectations(world));
  for (const auto& [key, pool] : world.server().all(control::kCapacityPools))
    outcome.nodes_lost += pool->value("/status/interruptionsLastDay"_json_pointer, 0);
  return outcome;
}

}  // namespace spillway::sim
