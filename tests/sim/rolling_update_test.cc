// The models of Deployments and ReplicaSets: what may be missing at every moment of a rolling
// update, and which replicas end first.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/control/world.h>
#include <spillway/core/log.h>
#include <spillway/sim/model.h>

#include "scenarios.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

json deployment(const char* image) {
  const json labels = {{"app", "web"}};
  return {
      {"apiVersion", "apps/v1"},
      {"kind", "Deployment"},
      {"metadata", {{"name", "web"}}},
      {"spec",
       {{"replicas", 2},
        {"selector", {{"matchLabels", labels}}},
        {"strategy",
         {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}}},
        {"template",
         {{"metadata", {{"labels", labels}}},
          {"spec", {{"containers", json::array({{{"name", "main"}, {"image", image}}})}}}}}}}};
}

std::int64_t ready(World& world) {
  return std::ranges::count_if(world.server().all(kube::kPods), [](const auto& entry) {
    return !is_deleting(*entry.second) && condition_holds(*entry.second, "Ready");
  });
}

// Two replicas that serve.
void serve_with_two(World& world) {
  log::configure(log::Format::kText, log::Level::kError);
  world.add_pool({.name = "own",
                  .tier = api::Tier::kReserved,
                  .max_nodes = 1,
                  .fixed = "12.00",
                  .provisioned = true});
  json web = deployment("program:1");
  web["spec"]["template"]["spec"]["tolerations"] =
      json::array({{{"key", "nvidia.com/gpu"}, {"operator", "Exists"}}});
  world.submit(web);
  world.run_for(std::chrono::minutes(1));
}

TEST(ReplicaSetTest, a_replica_that_costs_less_ends_before_one_that_costs_more) {
  for (const std::size_t cheap : {0U, 1U}) {
    World world({});
    serve_with_two(world);
    std::vector<std::string> pods;
    for (const auto& [key, pod] : world.server().all(kube::kPods))
      pods.push_back(key.name.str());
    ASSERT_EQ(pods.size(), 2U);
    world.patch(
        kube::kPods, pods[cheap],
        {{"metadata", {{"annotations", {{"controller.kubernetes.io/pod-deletion-cost", "-5"}}}}}});
    world.patch(kube::kDeployments, "web", {{"spec", {{"replicas", 1}}}});
    world.run_for(std::chrono::minutes(1));
    EXPECT_FALSE(world.find(kube::kPods, pods[cheap])) << pods[cheap];
    EXPECT_TRUE(world.find(kube::kPods, pods[1 - cheap])) << pods[1 - cheap];
  }
}

TEST(RollingUpdateTest, no_more_than_may_be_missing_is_ended_at_once) {
  World world({});
  serve_with_two(world);
  ASSERT_EQ(ready(world), 2);
  world.patch(kube::kDeployments, "web",
              {{"spec", {{"template", {{"metadata", {{"annotations", {{"version", "2"}}}}}}}}}});
  std::int64_t least = 2;
  for (int i = 0; i < 15'000; ++i) {
    world.run_for(std::chrono::milliseconds(1));
    least = std::min(least, ready(world));
  }
  EXPECT_EQ(least, 1);
  EXPECT_EQ(ready(world), 2);
  for (const auto& [key, pod] : world.server().all(kube::kPods))
    EXPECT_EQ(pod->at("/metadata/annotations/version"_json_pointer), "2") << key.to_string();
}

}  // namespace
}  // namespace spillway::sim
