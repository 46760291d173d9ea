#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

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
                Problems problems = succeeded(world);
                expect_equal(problems, "pool", world.pool_of("train"), "spot-b");
                return problems;
              }};
}

// spot-b costs too much for the loss on spot-a to matter.
void one_cheap_pool(World& world) {
  usual_market(world);
  world.set_spot("spot-b", "20.00");
}

Scenario lost_rank() {
  return {.name = "a_lost_node_ends_the_attempt_and_the_gang_forms_again",
          .prepare = one_cheap_pool,
          .script =
              [](World& world) {
                world.submit(training_job({.replicas = 4, .run_seconds = 4 * 3600}));
                world.time().after(minutes(30), [&world] { take_node_of(world, "spot-a"); });
              },
          .duration = hours(6),
          .expectations =
              [](World& world) {
                Problems problems = succeeded(world, 2);
                const Object job = world.find(control::kTrainingJobs, "train");
                expect(problems, job->value("/status/restartsCounted"_json_pointer, 0) == 0,
                       "the program was blamed for a lost node");
                return problems;
              },
          .nodes_lost = 1};
}

Scenario lone_replicas() {
  return {.name = "a_batch_of_lone_replicas_outlives_a_lost_node",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job(
                    {.replicas = 4, .run_seconds = 2 * 3600, .spec = {{"gang", false}}}));
                world.time().after(minutes(30), [&world] { take_node_of(world, "spot-a"); });
              },
          .duration = hours(8),
          .expectations = [](World& world) { return succeeded(world); }};
}

Scenario silent_node() {
  return {.name = "a_node_that_falls_silent_is_given_up_when_it_is_gone",
          .prepare = usual_market,
          .script =
              [](World& world) {
                world.submit(training_job({.replicas = 2, .run_seconds = 2 * 3600}));
                world.time().after(minutes(30), [&world] {
                  const auto pods = world.pods_on("spot-a");
                  if (pods.empty()) return;
                  const std::string node = pods.front()->at("spec").at("nodeName");
                  world.nodes().lose(node);
                  world.time().after(minutes(10),
                                     [&world, node] { world.nodes().remove_node(node); });
                });
              },
          .duration = hours(6),
          .expectations = [](World& world) { return succeeded(world, 2); },
          .nodes_lost = 1};
}

}  // namespace

std::vector<Scenario> loss_scenarios() {
  return {stock_out(), lost_rank(), lone_replicas(), silent_node()};
}

}  // namespace spillway::sim
