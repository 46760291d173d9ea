#pragma once
// The smallest objects that are accepted.

#include <nlohmann/json.hpp>

namespace spillway::api::testing {

inline nlohmann::json training_job() {
  return nlohmann::json::parse(R"({
    "apiVersion": "spillway.dev/v1alpha1", "kind": "TrainingJob", "metadata": {"name": "llama", "namespace": "team-a"},
    "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "trainer:1"}]}},
             "accelerator": {"models": [{"name": "H100"}], "perReplica": 8}}})");
}

inline nlohmann::json inference_pool() {
  return nlohmann::json::parse(R"({
    "apiVersion": "spillway.dev/v1alpha1", "kind": "InferencePool", "metadata": {"name": "chat", "namespace": "team-a"},
    "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "server:1"}]}},
             "accelerator": {"models": [{"name": "H100"}], "perReplica": 1}}})");
}

inline nlohmann::json capacity_pool() {
  return nlohmann::json::parse(R"({
    "apiVersion": "spillway.dev/v1alpha1", "kind": "CapacityPool", "metadata": {"name": "spot-a"},
    "spec": {"tier": "Spot", "accelerator": {"model": "H100", "perNode": 8}, "instanceType": "p5.48xlarge",
             "location": {"provider": "aws", "region": "us-east-1", "zone": "us-east-1a"},
             "nodes": {"selector": {"pool": "spot-a"}, "max": 4}, "price": {"feed": "aws", "onDemand": "98.32"}}})");
}

inline nlohmann::json cost_policy() {
  return nlohmann::json::parse(R"({
    "apiVersion": "spillway.dev/v1alpha1", "kind": "CostPolicy", "metadata": {"name": "nights"},
    "spec": {"selector": {"environments": ["dev"]},
             "offHours": {"timeZone": "Europe/Berlin", "awake": [{"from": "08:00", "to": "18:00"}]}}})");
}

}  // namespace spillway::api::testing
