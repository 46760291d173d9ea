// Stories of schedules: whatever happens around an edge, what sleeps has no pods and what is awake
// has those that were asked for. The world begins on a Friday at midnight, UTC.

#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;

json window(const char* from, const char* to) {
  return {{"days", {"Fri"}}, {"from", from}, {"to", to}};
}

json policy(std::vector<json> awake, const char* training) {
  return {
      {"apiVersion", "spillway.dev/v1alpha1"},
      {"kind", "CostPolicy"},
      {"metadata", {{"name", "nights"}}},
      {"spec",
       {{"selector", {{"namespaces", json::object()}}},
        {"mode", "Enforce"},
        {"offHours", {{"timeZone", "UTC"}, {"awake", std::move(awake)}, {"training", training}}}}}};
}

void expect_asleep(Problems& problems, World& world, int replicas) {
  const Object pool = world.find(control::kInferencePools, "serve");
  expect(problems, world.server().all(kube::kPods).empty(), "there are pods");
  expect(problems, pool->at("/spec/replicas"_json_pointer) == replicas,
         "spec.replicas was written");
  expect(problems, !pool->value("/status/awake"_json_pointer, true),
         "it does not say that it sleeps");
}

Scenario own_schedule() {
  return {
      .name = "a_service_sleeps_and_wakes_by_its_own_schedule",
      .prepare = usual_market,
      .script =
          [](World& world) {
            world.submit(inference_pool(
                {.replicas = 3,
                 .spec = {{"schedule",
                           {{"timeZone", "UTC"},
                            {"awake", {window("00:00", "01:00"), window("02:00", "03:00")}}}}}}));
            // An autoscaler that knows nothing of hours.
            world.time().after(minutes(90), [&world] {
              world.patch(control::kInferencePools, "serve", {{"spec", {{"replicas", 2}}}});
            });
          },
      .duration = hours(4),
      .expectations =
          [](World& world) {
            Problems problems;
            expect_asleep(problems, world, 2);
            return problems;
          }};
}

Scenario policy_over_both_kinds() {
  return {
      .name = "a_policy_suspends_a_job_at_night_and_wakes_it_in_the_morning",
      .prepare = usual_market,
      .script =
          [](World& world) {
            world.submit(policy({window("00:00", "00:20"), window("01:00", "03:00")}, "Suspend"));
            world.submit(training_job({.run_seconds = 1800}));
            world.submit(inference_pool({.replicas = 2}));
          },
      .duration = hours(4),
      .competes = true,
      .expectations =
          [](World& world) {
            Problems problems;
            expect_equal(problems, "the phase", world.phase("train"), "Succeeded");
            expect(problems, attempt_of(world, "train") == 2,
                   "it took " + std::to_string(attempt_of(world, "train")) + " attempts");
            const Object pool = world.find(control::kInferencePools, "serve");
            expect(problems, !pool->value("/status/awake"_json_pointer, true),
                   "the service does not say that it sleeps");
            expect(
                problems,
                world.server().all(kube::kDeployments).empty() || world.pods_on("spot-a").empty(),
                "there are replicas");
            return problems;
          }};
}

Scenario person_wakes() {
  return {.name = "a_person_wakes_a_service_for_an_hour",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(policy({window("23:00", "24:00")}, "Ignore"));
                world.submit(inference_pool({.replicas = 2}));
                world.time().after(minutes(30), [&world] {
                  world.patch(control::kInferencePools, "serve",
                              {{"metadata",
                                {{"annotations",
                                  {{"spillway.dev/wake-until", "2019-12-20T02:00:00Z"},
                                   {"spillway.dev/override-by", "ada"}}}}}});
                });
              },
          .duration = hours(4),
          .expectations =
              [](World& world) {
                Problems problems;
                expect_asleep(problems, world, 2);
                return problems;
              }};
}

}  // namespace

std::vector<Scenario> off_hours_scenarios() {
  return {own_schedule(), policy_over_both_kinds(), person_wakes()};
}

}  // namespace spillway::sim
