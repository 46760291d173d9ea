#pragma once
// Objects as a user or Kubernetes would write them, read through the same readers as in production.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include <spillway/api/codec.h>
#include <spillway/control/world.h>
#include <spillway/market/offering.h>

namespace spillway::control::testing {

using nlohmann::json;

inline Instant at(std::string_view text) {
  return parse_instant(text).value();
}
inline const Instant kNow = at("2026-11-21T12:00:00Z");

template <class T>
T must(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(result).value();
}

inline json metadata(const std::string& ns, const std::string& name, const std::string& uid,
                     const std::string& version = "10") {
  json meta = {{"name", name},
               {"uid", uid},
               {"resourceVersion", version},
               {"generation", 1},
               {"creationTimestamp", "2026-11-21T11:00:00Z"}};
  if (!ns.empty()) meta["namespace"] = ns;
  return meta;
}

inline json pool_json(const std::string& name, const std::string& tier, int max,
                      const std::string& price) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "CapacityPool"},
          {"metadata", metadata("", name, "uid-" + name)},
          {"spec",
           {{"tier", tier},
            {"accelerator", {{"model", "V100"}, {"perNode", 4}}},
            {"instanceType", "p3.8xlarge"},
            {"location", {{"provider", "aws"}, {"region", "us-east-1"}, {"zone", "us-east-1a"}}},
            {"nodes",
             {{"selector", {{"pool", name}}},
              {"tolerations", json::array({{{"key", "nvidia.com/gpu"}, {"operator", "Exists"}}})},
              {"max", max}}},
            {"price", {{"fixed", price}, {"onDemand", "12.24"}}}}}};
}

inline json template_json() {
  return {
      {"spec", {{"containers", json::array({{{"name", "main"}, {"image", "example/train:1"}}})}}}};
}

inline json training_json(const std::string& name, int replicas = 1) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "TrainingJob"},
          {"metadata", metadata("team-a", name, "uid-" + name)},
          {"spec",
           {{"template", template_json()},
            {"replicas", replicas},
            {"accelerator", {{"models", json::array({{{"name", "V100"}}})}, {"perReplica", 2}}},
            {"attribution", {{"team", "a"}, {"costCenter", "cc-1"}}}}}};
}

// The same with a placement in its status.
inline json placed_json(const std::string& name, int attempt, int replicas = 1) {
  json object = training_json(name, replicas);
  object["status"] = {{"attempt", attempt},
                      {"placement",
                       {{"pool", "spot-a"},
                        {"tier", "Spot"},
                        {"attempt", attempt},
                        {"since", "2026-11-21T11:10:00Z"},
                        {"reason", "x"}}}};
  return object;
}

inline json inference_json(const std::string& name, int replicas = 2) {
  return {{"apiVersion", "spillway.dev/v1alpha1"},
          {"kind", "InferencePool"},
          {"metadata", metadata("team-a", name, "uid-" + name)},
          {"spec",
           {{"template", template_json()},
            {"replicas", replicas},
            {"accelerator", {{"models", json::array({{{"name", "V100"}}})}, {"perReplica", 1}}},
            {"attribution", {{"team", "a"}}}}}};
}

inline json node_json(const std::string& name, const std::string& pool) {
  json meta = metadata("", name, "uid-" + name);
  meta["labels"] = {{"pool", pool}, {"kubernetes.io/hostname", name}};
  return {{"metadata", meta},
          {"spec", json::object()},
          {"status",
           {{"allocatable",
             {{"cpu", "32"}, {"memory", "240Gi"}, {"pods", "110"}, {"nvidia.com/gpu", "4"}}},
            {"conditions", json::array({{{"type", "Ready"},
                                         {"status", "True"},
                                         {"lastTransitionTime", "2026-11-21T11:00:00Z"}}})}}}};
}

inline json owner(const std::string& kind, const std::string& name) {
  return json::array({{{"apiVersion", "x"},
                       {"kind", kind},
                       {"name", name},
                       {"uid", "uid-" + name},
                       {"controller", true}}});
}

inline json job_json(const std::string& training, int attempt, const std::string& pool) {
  json meta = metadata("team-a", training + "-" + std::to_string(attempt),
                       "uid-" + training + "-" + std::to_string(attempt));
  meta["labels"] = {{"spillway.dev/training-job", training},
                    {"spillway.dev/attempt", std::to_string(attempt)},
                    {"spillway.dev/pool", pool},
                    {"app.kubernetes.io/managed-by", "spillway"}};
  meta["annotations"] = {{"spillway.dev/placed-at", "2026-11-21T11:10:00Z"}};
  meta["ownerReferences"] = owner("TrainingJob", training);
  return {{"metadata", meta},
          {"spec", {{"parallelism", 1}, {"completions", 1}}},
          {"status", json::object()}};
}

inline json pod_json(const std::string& training, int attempt, int index, const std::string& node,
                     const std::string& phase) {
  const std::string job = training + "-" + std::to_string(attempt);
  const std::string name = job + "-" + std::to_string(index);
  json meta = metadata("team-a", name, "uid-" + name);
  meta["labels"] = {{"spillway.dev/training-job", training},
                    {"spillway.dev/attempt", std::to_string(attempt)},
                    {"app.kubernetes.io/managed-by", "spillway"}};
  meta["ownerReferences"] = owner("Job", job);
  json pod = {
      {"metadata", meta},
      {"spec",
       {{"containers", json::array({{{"name", "main"},
                                     {"resources", {{"requests", {{"nvidia.com/gpu", "2"}}}}}}})}}},
      {"status", {{"phase", phase}, {"startTime", "2026-11-21T11:12:00Z"}}}};
  if (!node.empty()) pod["spec"]["nodeName"] = node;
  if (!node.empty()) {
    pod["status"]["conditions"] = json::array({{{"type", "PodScheduled"},
                                                {"status", "True"},
                                                {"lastTransitionTime", "2026-11-21T11:11:00Z"}}});
  }
  return pod;
}

inline json deployment_json(const std::string& inference, const std::string& pool, int replicas,
                            int ready) {
  json meta = metadata("team-a", inference + "-" + pool, "uid-" + inference + "-" + pool);
  meta["labels"] = {{"spillway.dev/inference-pool", inference},
                    {"spillway.dev/pool", pool},
                    {"app.kubernetes.io/managed-by", "spillway"}};
  meta["ownerReferences"] = owner("InferencePool", inference);
  return {{"metadata", meta},
          {"spec", {{"replicas", replicas}}},
          {"status", {{"replicas", replicas}, {"readyReplicas", ready}}}};
}

// A replica of an InferencePool; without a node it waits for one.
inline json replica_json(const std::string& inference, const std::string& pool, int index,
                         const std::string& node, bool ready) {
  const std::string name = inference + "-" + pool + "-" + std::to_string(index);
  json meta = metadata("team-a", name, "uid-" + name);
  meta["labels"] = {{"spillway.dev/inference-pool", inference}, {"spillway.dev/pool", pool}};
  const auto holds = [](const char* type, bool status) {
    return json({{"type", type},
                 {"status", status ? "True" : "False"},
                 {"lastTransitionTime", "2026-11-21T11:50:00Z"}});
  };
  json pod = {{"metadata", meta},
              {"spec", {{"containers", json::array({{{"name", "main"}}})}}},
              {"status",
               {{"phase", ready ? "Running" : "Pending"},
                {"conditions",
                 json::array({holds("PodScheduled", !node.empty()), holds("Ready", ready)})}}}};
  if (!node.empty()) pod["spec"]["nodeName"] = node;
  return pod;
}

// A market in which every node costs four dollars, and twelve on demand.
inline std::pair<market::NodePrice, HourlyRate> four_dollars(const PoolName&) {
  const HourlyRate rate(Money::dollars(4));
  return {
      {.likely = rate, .upper = rate, .quality = market::PriceQuality::kLive, .source = "fixed"},
      HourlyRate(Money::dollars(12))};
}

// A world that is filled object by object and counts as synced.
class WorldBuilder {
 public:
  WorldBuilder& pool(const json& object) {
    return put(world.capacity_pools, api::read<api::CapacityPool>(object));
  }
  WorldBuilder& training(const json& object) {
    return put(world.training_jobs, api::read<api::TrainingJob>(object));
  }
  WorldBuilder& inference(const json& object) {
    return put(world.inference_pools, api::read<api::InferencePool>(object));
  }
  WorldBuilder& node(const json& object) { return put(world.nodes, kube::Node::from_json(object)); }
  WorldBuilder& pod(const json& object) { return put(world.pods, kube::Pod::from_json(object)); }
  WorldBuilder& job(const json& object) { return put(world.jobs, kube::Job::from_json(object)); }
  WorldBuilder& deployment(const json& object) {
    return put(world.deployments, kube::Deployment::from_json(object));
  }
  World world;

 private:
  template <class T>
  WorldBuilder& put(kube::Store<T>& store, Result<T> object) {
    store.upsert(must(std::move(object)));
    return *this;
  }
};

}  // namespace spillway::control::testing
