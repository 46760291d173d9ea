#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

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

Scenario service_move() {
  return {
      .name = "a_service_moves_to_the_cheaper_pool_before_it_leaves_the_other",
      .prepare = usual_market,
      .script =
          [](World& world) {
            world.submit(
                inference_pool({.replicas = 2, .spec = {{"capacity", {{"spotPercent", 100}}}}}));
            world.time().after(minutes(30), [&world] { world.set_spot("spot-a", "22.00"); });
          },
      .duration = hours(3),
      .expectations =
          [](World& world) {
            Problems problems;
            expect(problems, world.pods_on("spot-a").empty(), "there are replicas on spot-a");
            expect(problems, world.pods_on("spot-b").size() == 2, "the replicas are not on spot-b");
            return problems;
          }};
}

Scenario service_loses_a_node() {
  return {
      .name = "a_service_replaces_the_replicas_of_a_lost_node",
      .prepare = usual_market,
      .script =
          [](World& world) {
            world.submit(inference_pool(
                {.replicas = 4, .spec = {{"capacity", {{"baseline", 1}, {"spotPercent", 50}}}}}));
            world.time().after(minutes(30), [&world] {
              for (const char* pool : {"spot-a", "spot-b"}) {
                const auto pods = world.pods_on(pool);
                if (pods.empty()) continue;
                world.nodes().remove_node(pods.front()->at("spec").at("nodeName"));
                return;
              }
            });
          },
      .duration = hours(3),
      .in_steps = true,  // and is scaled down as that is seen to serve again
      .expectations =
          [](World& world) {
            Problems problems;
            const Object pool = world.find(control::kInferencePools, "serve");
            expect(problems, pool->value("/status/readyReplicas"_json_pointer, 0) == 4,
                   "not all replicas are ready");
            return problems;
          }};
}

}  // namespace

std::vector<Scenario> inference_scenarios() {
  return {scaling(), service_move(), service_loses_a_node()};
}

}  // namespace spillway::sim
