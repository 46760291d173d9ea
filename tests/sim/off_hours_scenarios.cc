// Stories of schedules: whatever happens around an edge, what sleeps has no pods and what is awake
// has those that were asked for. The world begins on a Friday at midnight, UTC, and a story a
// minute later.

#include <memory>

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

json status_of(World& world) {
  return world.find(control::kInferencePools, "serve")->value("status", json::object());
}

// ---- what is seen at some minutes of a story

using Look = std::function<void(World&, Problems&)>;
struct Moment {
  Duration at;
  Look look;
};

Moment awake_with(Duration at, std::size_t replicas, const std::string& because = "") {
  return {at, [=](World& world, Problems& problems) {
            const std::size_t there = serving(world).size();
            expect(
                problems, there == replicas,
                std::to_string(there) + " replicas serve instead of " + std::to_string(replicas));
            const json status = status_of(world);
            expect(problems, status.value("awake", false), "it does not say that it is awake");
            expect(problems, status.value("awakeReason", "").find(because) != std::string::npos,
                   "it is awake because of: " + status.value("awakeReason", ""));
          }};
}

void expect_asleep(World& world, Problems& problems) {
  for (const auto& [key, pod] : world.server().all(kube::kPods)) {
    const std::string phase = pod->value("/status/phase"_json_pointer, "");
    expect(problems, phase == "Succeeded" || phase == "Failed", key.to_string() + " is there");
  }
  expect(problems, world.find(kube::kServices, "serve") != nullptr, "its Service has gone");
  expect(problems, !status_of(world).value("awake", true), "it does not say that it sleeps");
}
Moment asleep(Duration at) {
  return {at, expect_asleep};
}

// Gives the story its looks; it ends asleep, with `replicas` asked for.
Scenario with_moments(Scenario story, const std::vector<Moment>& moments, int replicas) {
  const auto seen = std::make_shared<Problems>();
  if (!story.prepare) story.prepare = usual_market;
  story.script = [seen, moments, tell = std::move(story.script)](World& world) {
    seen->clear();
    tell(world);
    for (const Moment& moment : moments) {
      world.time().after(moment.at, [seen, moment, &world] {
        Problems now;
        moment.look(world, now);
        const auto minute = std::chrono::duration_cast<minutes>(moment.at).count();
        for (const std::string& problem : now)
          seen->push_back("minute " + std::to_string(minute) + ": " + problem);
      });
    }
  };
  story.expectations = [seen, replicas, end = std::move(story.expectations)](World& world) {
    Problems problems = *seen;
    expect_asleep(world, problems);
    const Object pool = world.find(control::kInferencePools, "serve");
    expect(problems, pool->at("/spec/replicas"_json_pointer) == replicas,
           "spec.replicas was written");
    if (end) {
      const Problems more = end(world);
      problems.insert(problems.end(), more.begin(), more.end());
    }
    return problems;
  };
  return story;
}

// ---- the stories

Scenario own_schedule() {
  Scenario story{
      .name = "a_service_sleeps_and_wakes_by_its_own_schedule",
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
      .duration = hours(4)};
  return with_moments(std::move(story),
                      {awake_with(minutes(50), 3), asleep(minutes(85)), asleep(minutes(110)),
                       awake_with(minutes(170), 2)},
                      2);
}

Scenario policy_over_both_kinds() {
  Scenario story{
      .name = "a_policy_suspends_a_job_at_night_and_wakes_it_in_the_morning",
      .script =
          [](World& world) {
            world.submit(policy({window("00:00", "00:20"), window("01:00", "03:00")}, "Suspend"));
            world.submit(training_job({.run_seconds = 1800}));
            world.submit(inference_pool({.replicas = 2}));
          },
      .duration = hours(4),
      .expectations =
          [](World& world) {
            Problems problems;
            expect_equal(problems, "the phase", world.phase("train"), "Succeeded");
            expect(problems, attempt_of(world, "train") == 2,
                   "it took " + std::to_string(attempt_of(world, "train")) + " attempts");
            expect(problems,
                   !world.find(control::kTrainingJobs, "train")->at("spec").value("suspend", false),
                   "spec.suspend was written");
            return problems;
          }};
  const Moment suspended{minutes(45), [](World& world, Problems& problems) {
                           expect_equal(problems, "the phase", world.phase("train"), "Suspended");
                           expect_asleep(world, problems);
                         }};
  return with_moments(std::move(story),
                      {awake_with(minutes(15), 2), suspended, awake_with(minutes(80), 2)}, 2);
}

Scenario person_wakes() {
  Scenario story{.name = "a_person_wakes_a_service_for_an_hour",
                 .prepare =
                     [](World& world) {
                       usual_market(world);
                       world.submit(policy({window("23:00", "24:00")}, "Ignore"));
                     },
                 .script =
                     [](World& world) {
                       world.submit(inference_pool({.replicas = 2}));
                       world.time().after(minutes(30), [&world] {
                         world.patch(control::kInferencePools, "serve",
                                     {{"metadata",
                                       {{"annotations",
                                         {{"spillway.dev/wake-until", "2019-12-20T02:00:00Z"},
                                          {"spillway.dev/override-by", "ada"}}}}}});
                       });
                     },
                 .duration = hours(4)};
  return with_moments(std::move(story),
                      {asleep(minutes(20)), awake_with(minutes(80), 2, "at the request of ada"),
                       asleep(minutes(150))},
                      2);
}

}  // namespace

std::vector<Scenario> off_hours_scenarios() {
  return {own_schedule(), policy_over_both_kinds(), person_wakes()};
}

}  // namespace spillway::sim
