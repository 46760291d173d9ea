// The stories of the off switch: plain Deployments sleep by a policy, and wake with what they had,
// whoever changed them meanwhile; and services and Deployments wake one after the other.

#include <algorithm>
#include <memory>

#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/sim/model.h>

#include "scenario_parts.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

json deployment(const std::string& name, int replicas, const char* wake_order) {
  const json labels = {{"app", name}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata",
           {{"name", name}, {"annotations", {{control::annotation::kWakeOrder, wake_order}}}}},
          {"spec",
           {{"replicas", replicas},
            {"selector", {{"matchLabels", labels}}},
            {"template",
             {{"metadata", {{"labels", labels}}},
              {"spec",
               {{"containers", json::array({{{"name", "main"}, {"image", "program:1"}}})},
                {"tolerations",
                 json::array({{{"key", "nvidia.com/gpu"}, {"operator", "Exists"}}})}}}}}}}};
}

json nights_for_deployments() {
  const auto window = [](const char* from, const char* to) {
    return json{{"days", {"Fri"}}, {"from", from}, {"to", to}};
  };
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CostPolicy"},
          {"metadata", {{"name", "nights"}}},
          {"spec",
           {{"selector", {{"namespaces", json::object()}}},
            {"mode", "Enforce"},
            {"offHours",
             {{"timeZone", "UTC"},
              {"awake", {window("00:00", "00:20"), window("01:00", "24:00")}},
              {"workloads", {"Deployment"}}}}}}};
}

void scale(World& world, const std::string& name, int replicas, const std::string& manager) {
  const auto scaled = world.server().merge_patch(
      kube::kDeployments, {.ns = Namespace("default"), .name = ObjectName(name)},
      {{"spec", {{"replicas", replicas}}}}, {.manager = manager});
  SPILLWAY_CHECK(scaled.has_value());
}

// Pods that stay: those that are ready, or all.
std::size_t pods_of(World& world, const std::string& name, bool ready) {
  const auto& pods = world.server().all(kube::kPods);
  return static_cast<std::size_t>(std::ranges::count_if(pods, [&](const auto& entry) {
    const json& pod = *entry.second;
    return pod.value("/metadata/labels/app"_json_pointer, "") == name && !is_deleting(pod) &&
           (!ready || condition_holds(pod, "Ready"));
  }));
}

using Seen = std::shared_ptr<Problems>;

void look(World& world, const Seen& seen, const char* when, std::size_t store, std::size_t web,
          std::size_t lab) {
  for (const auto& [name, wanted] : {std::pair{"store", store}, {"web", web}, {"lab", lab}}) {
    const std::size_t there = pods_of(world, name, wanted > 0);
    expect(*seen, there == wanted,
           std::string(when) + ": " + std::to_string(there) + " pods of " + name + " instead of " +
               std::to_string(wanted));
  }
}

// Every second of the morning: who needs the store waits until it is there.
void watch_the_order(World& world, const Seen& seen, Instant until) {
  if (pods_of(world, "web", false) > 0 && pods_of(world, "store", true) < 3 && seen->empty())
    seen->push_back("web was woken before the store was ready");
  if (world.time().now() >= until) return;
  world.time().after(seconds(1), [&world, seen, until] { watch_the_order(world, seen, until); });
}

// Sleeps from minute 20 to 60. An autoscaler's number is the one to come back to; a tool that
// starts web at night is contradicted, and its number kept; a person who starts lab is left alone.
void tell(World& world, const Seen& seen) {
  seen->clear();
  world.submit(deployment("store", 3, "0"));
  world.submit(deployment("web", 2, "10"));
  world.submit(deployment("lab", 2, "10"));
  const auto at = [&world](int minute, std::function<void()> act) {
    // A story begins at the first minute.
    world.time().after(minutes(minute - 1), std::move(act));
  };
  at(10, [&world] { scale(world, "store", 4, "kube-controller-manager"); });
  at(12, [&world] { scale(world, "store", 3, "kube-controller-manager"); });
  at(12, [&world] { scale(world, "web", 4, "kube-controller-manager"); });
  at(15, [&world, seen] { look(world, seen, "in the evening", 3, 4, 2); });
  at(35, [&world, seen] { look(world, seen, "at night", 0, 0, 0); });
  at(36, [&world] { scale(world, "web", 3, "argocd-controller"); });
  at(37, [&world] { scale(world, "lab", 1, "kubectl-scale"); });
  at(50, [&world, seen] { look(world, seen, "after somebody started it", 0, 0, 1); });
  at(60, [&world, seen] { watch_the_order(world, seen, world.time().now() + minutes(15)); });
  at(80, [&world, seen] { look(world, seen, "in the morning", 3, 3, 1); });
}

Scenario plain_deployments() {
  const auto seen = std::make_shared<Problems>();
  return {.name = "plain_deployments_sleep_by_a_policy_and_wake_with_what_they_had",
          .prepare =
              [](World& world) {
                world.add_pool({.name = "own",
                                .tier = api::Tier::kReserved,
                                .max_nodes = 1,
                                .fixed = "12.00",
                                .provisioned = true});
                world.operator_options().off_switch =
                    control::OffSwitchOptions{.own = Namespace("spillway-system")};
                world.submit(nights_for_deployments());
              },
          .script = [seen](World& world) { tell(world, seen); },
          .duration = hours(3),
          .expectations =
              [seen](World& world) {
                Problems problems = *seen;
                for (const char* name : {"store", "web", "lab"}) {
                  const Object there = world.find(kube::kDeployments, name);
                  const json marks = there->at("metadata").value("annotations", json::object());
                  expect(problems, !marks.contains(std::string(control::annotation::kAsleep)),
                         std::string(name) + " is marked as asleep");
                }
                return problems;
              }};
}

// ---- a service between a data store and what asks the service

std::size_t pods_of_services(World& world) {
  const auto& pods = world.server().all(kube::kPods);
  return static_cast<std::size_t>(std::ranges::count_if(pods, [](const auto& entry) {
    const json labels = entry.second->at("metadata").value("labels", json::object());
    return labels.contains(std::string(control::label::kInferencePool)) &&
           !is_deleting(*entry.second);
  }));
}

bool is_recorded_as_asleep(const json& status) {
  const json conditions = status.value("conditions", json::array());
  return std::ranges::any_of(conditions, [](const json& each) {
    return each.value("type", "") == "Placed" && each.value("reason", "") == "Asleep";
  });
}

// Every second of the morning. Of the service the record counts, which is before any pod: an
// operator that is told of the past goes on with what it reads there until it is told better.
void watch_all_three(World& world, const Seen& seen, Instant until) {
  const json status =
      world.find(control::kInferencePools, "serve")->value("status", json::object());
  const bool asleep = is_recorded_as_asleep(status);
  if (seen->empty()) {
    expect(*seen, asleep || pods_of(world, "store", true) >= 3, "the service was before the store");
    expect(*seen, serving(world).size() >= 2 || pods_of(world, "web", false) == 0,
           "web was woken before the service was ready");
    const std::string said = status.value("awakeReason", "");
    expect(*seen,
           !asleep || !status.value("awake", true) || said.find("waits for") != std::string::npos,
           "the service is awake and does not begin, and says: " + said);
  }
  if (world.time().now() >= until) return;
  world.time().after(seconds(1), [&world, seen, until] { watch_all_three(world, seen, until); });
}

Scenario store_then_service_then_web() {
  const auto seen = std::make_shared<Problems>();
  Scenario story = plain_deployments();
  story.name = "a_store_is_ready_before_a_service_begins_and_that_before_what_asks_it";
  story.script = [seen](World& world) {
    seen->clear();
    world.submit(deployment("store", 3, "-10"));
    world.submit(deployment("web", 2, "10"));
    world.submit(inference_pool({.replicas = 2}));
    world.time().after(minutes(15), [&world, seen] {
      expect(*seen, serving(world).size() == 2, "the service is not up in the evening");
    });
    world.time().after(minutes(49), [&world, seen] {
      expect(*seen, pods_of_services(world) == 0, "the service is up at night");
    });
    world.time().after(minutes(59), [&world, seen] {
      watch_all_three(world, seen, world.time().now() + minutes(15));
    });
  };
  story.expectations = [seen](World& world) {
    Problems problems = *seen;
    expect(problems, pods_of(world, "store", true) == 3, "the store is not up");
    expect(problems, serving(world).size() == 2, "the service is not up");
    expect(problems, pods_of(world, "web", true) == 2, "web is not up");
    return problems;
  };
  return story;
}

}  // namespace

std::vector<Scenario> off_switch_scenarios() {
  return {plain_deployments(), store_then_service_then_web()};
}

}  // namespace spillway::sim
