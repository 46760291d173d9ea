#pragma once
// What the parts of the script are written with: the collections, valid objects of each kind, and
// one function for each way to ask.

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "script.h"

namespace spillway::conformance {

inline const std::string kJobs = "/apis/spillway.dev/v1alpha1/namespaces/default/trainingjobs";
inline const std::string kInference =
    "/apis/spillway.dev/v1alpha1/namespaces/default/inferencepools";
inline const std::string kPools = "/apis/spillway.dev/v1alpha1/capacitypools";
inline const std::string kServices = "/api/v1/namespaces/default/services";
inline const std::string kBatch = "/apis/batch/v1/namespaces/default/jobs";
inline const std::string kDeployments = "/apis/apps/v1/namespaces/default/deployments";
inline const std::string kBudgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
inline const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
inline const std::string kPods = "/api/v1/namespaces/default/pods";
inline const std::string kNodes = "/api/v1/nodes";
inline const std::string kSecrets = "/api/v1/namespaces/default/secrets";
inline const std::string kEvents = "/apis/events.k8s.io/v1/namespaces/default/events";
inline const std::string kNamespaces = "/api/v1/namespaces";
inline const std::string kPolicies = "/apis/spillway.dev/v1alpha1/costpolicies";
inline const std::string kStatefulSets = "/apis/apps/v1/namespaces/default/statefulsets";
inline const std::string kCronJobs = "/apis/batch/v1/namespaces/default/cronjobs";

using nlohmann::json;

json object(const std::string& api_version, const std::string& kind, const std::string& name,
            json spec, bool namespaced = true);
json containers();
json training_job(const std::string& name);
json inference_pool(const std::string& name);
json capacity_pool(const std::string& name);
json cost_policy(const std::string& name);
// `base` with `value` at a JSON pointer.
json with(json base, const char* path, json value);
json without(json base, const char* path);
// What is applied to a status endpoint: no spec. The first is a TrainingJob's.
json status_of(const std::string& name, json status);
json status_for(json object, json status);
json service(const std::string& name, int port);
json deployment(const std::string& name, int replicas);
json stateful_set(const std::string& name, int replicas);
json cron_job(const std::string& name);
json batch_job(const std::string& name);
json budget(const std::string& name, json spec);
// On a node or waiting for one; no ServiceAccount's token is mounted, which admission would add.
json pod(const std::string& name, const std::string& node = "");
json node(const std::string& name);

class Script {
 public:
  void get(std::string name, std::string target) {
    steps.push_back({.name = std::move(name), .target = std::move(target)});
  }
  void watch(std::string name, std::string target) {
    steps.push_back({.name = std::move(name), .target = std::move(target), .watch = true});
  }
  // Of collections of the whole cluster, in which there may be more.
  void list_ours(std::string name, std::string target) {
    steps.push_back({.name = std::move(name), .target = std::move(target), .among_others = true});
  }
  void watch_ours(std::string name, std::string target) {
    steps.push_back({.name = std::move(name),
                     .target = std::move(target),
                     .watch = true,
                     .among_others = true});
  }
  void post(std::string name, const std::string& target, json body,
            const std::string& manager = "spillway") {
    steps.push_back({std::move(name), kube::Method::kPost, target + "?fieldManager=" + manager,
                     "application/json", std::move(body)});
  }
  void put(std::string name, const std::string& target, json body) {
    steps.push_back({std::move(name), kube::Method::kPut, target + "?fieldManager=spillway",
                     "application/json", std::move(body)});
  }
  void merge(std::string name, const std::string& target, json body,
             const std::string& manager = "spillway") {
    steps.push_back({std::move(name), kube::Method::kPatch, target + "?fieldManager=" + manager,
                     "application/merge-patch+json", std::move(body)});
  }
  void apply(std::string name, const std::string& target, json body, const std::string& manager,
             bool force = true) {
    steps.push_back({std::move(name), kube::Method::kPatch,
                     target + "?fieldManager=" + manager + (force ? "&force=true" : ""),
                     "application/apply-patch+yaml", std::move(body)});
  }
  void remove(std::string name, const std::string& target, json options = json::object()) {
    options["kind"] = "DeleteOptions";
    options["apiVersion"] = "v1";
    if (!options.contains("propagationPolicy")) options["propagationPolicy"] = "Background";
    steps.push_back(
        {std::move(name), kube::Method::kDelete, target, "application/json", std::move(options)});
  }
  std::vector<Step> steps;
};

// In their own files; they come after the others.
void children(Script& s);
void off_switch(Script& s);
void what_people_ask_for(Script& s);
void reflected_kinds(Script& s);

}  // namespace spillway::conformance
