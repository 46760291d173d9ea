#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Scenario one_job() {
  return {.name = "one_job_runs_and_completes",
          .prepare = usual_market,
          .script = [](World& world) { world.submit(training_job({.run_seconds = 1800})); },
          .duration = hours(2),
          .expectations =
              [](World& world) {
                Problems problems = succeeded(world, 1);
                expect_equal(problems, "pool", world.pool_of("train"), "spot-a");
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
                Problems problems = succeeded(world, 2);
                expect_equal(problems, "pool", world.pool_of("train"), "spot-b");
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
            expect(problems, attempt_of(world, "train") == 3, "there were not three attempts");
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
          .expectations = [](World& world) { return succeeded(world, 2); }};
}

Scenario deletion() {
  return {.name = "a_job_deleted_while_it_runs_leaves_nothing",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job({.run_seconds = 3600}));
                world.time().after(minutes(20),
                                   [&world] { world.remove(control::kTrainingJobs, "train"); });
              },
          .duration = hours(2),
          .expectations =
              [](World& world) {
                Problems problems;
                for (const kube::ResourceType& type :
                     {control::kTrainingJobs, kube::kJobs, kube::kPods, kube::kServices}) {
                  expect(problems, world.server().all(type).empty(),
                         "there are " + type.to_string() + " left");
                }
                return problems;
              }};
}

Scenario retirement() {
  return {.name = "a_finished_job_goes_when_its_time_is_over",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job(
                    {.run_seconds = 600, .spec = {{"ttlSecondsAfterFinished", 1200}}}));
              },
          .duration = hours(2),
          .expectations =
              [](World& world) {
                Problems problems;
                expect(problems, !world.find(control::kTrainingJobs, "train"),
                       "the job is still there");
                expect(problems, world.server().all(kube::kPods).empty(), "there are pods left");
                return problems;
              }};
}

// When its node is lost there is time for one more attempt, and none to look for spot.
Scenario deadline() {
  return {.name = "a_deadline_is_met_on_demand_when_spot_is_taken",
          .prepare = usual_market,
          .script =
              [](World& world) {
                const Instant by = world.time().now() + minutes(110);
                world.submit(
                    training_job({.run_seconds = 3600,
                                  .spec = {{"duration", "1h"}, {"deadline", format_instant(by)}}}));
                world.time().after(minutes(30), [&world] {
                  world.autoscaler().set_stocked_out("spot-a", true);
                  world.autoscaler().set_stocked_out("spot-b", true);
                  take_node_of(world, "spot-a");
                });
              },
          .duration = hours(3),
          .expectations =
              [](World& world) {
                Problems problems = succeeded(world);
                expect_equal(problems, "pool", world.pool_of("train"), "on-demand");
                return problems;
              }};
}

Scenario shared_baseline() {
  return {
      .name = "two_jobs_share_a_small_baseline_by_priority",
      .prepare =
          [](World& world) {
            world.add_pool({.name = "reserved",
                            .tier = api::Tier::kReserved,
                            .max_nodes = 1,
                            .fixed = "12.00",
                            .on_demand = "24.00",
                            .provisioned = true});
          },
      .script =
          [](World& world) {
            world.submit(training_job(
                {.name = "low", .run_seconds = 1800, .spec = {{"tiers", {"Reserved"}}}}));
            world.time().after(minutes(10), [&world] {
              world.submit(training_job({.name = "high",
                                         .run_seconds = 1800,
                                         .spec = {{"tiers", {"Reserved"}}, {"priority", 100}}}));
            });
          },
      .duration = hours(4),
      .expectations =
          [](World& world) {
            Problems problems;
            expect_equal(problems, "phase of high", world.phase("high"), "Succeeded");
            expect_equal(problems, "phase of low", world.phase("low"), "Succeeded");
            expect(problems, attempt_of(world, "high") == 1, "high was interrupted");
            return problems;
          }};
}

}  // namespace

std::vector<Scenario> training_scenarios() {
  return {one_job(),  price_move(), displacement(), failing_program(), suspension(),
          deletion(), retirement(), deadline(),     shared_baseline()};
}

}  // namespace spillway::sim
