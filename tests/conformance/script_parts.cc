#include "script_parts.h"

namespace spillway::conformance {

json object(const std::string& api_version, const std::string& kind, const std::string& name,
            json spec, bool namespaced) {
  json made = {{"apiVersion", api_version},
               {"kind", kind},
               {"metadata", {{"name", name}}},
               {"spec", std::move(spec)}};
  if (namespaced) made["metadata"]["namespace"] = "default";
  return made;
}
json containers() {
  return json::array(
      {{{"name", "main"},
        {"image", "program:1"},
        {"ports", json::array({{{"containerPort", 80}}})},
        {"resources",
         {{"limits", {{"nvidia.com/gpu", "1"}}},
          {"requests", {{"cpu", "1"}, {"nvidia.com/gpu", "1"}}}}},
        {"env",
         json::array({{{"name", "RANK"},
                       {"valueFrom", {{"fieldRef", {{"fieldPath", "metadata.name"}}}}}}})}}});
}
json training_job(const std::string& name) {
  return object(
      "spillway.dev/v1alpha1", "TrainingJob", name,
      {{"template", {{"spec", {{"containers", containers()}}}}},
       {"accelerator", {{"models", json::array({{{"name", "H100"}}})}, {"perReplica", 1}}}});
}
json with(json base, const char* path, json value) {
  base[json::json_pointer(path)] = std::move(value);
  return base;
}
json without(json base, const char* path) {
  const json::json_pointer whole(path);
  base[whole.parent_pointer()].erase(whole.back());
  return base;
}
json status_of(const std::string& name, json status) {
  json made = object("spillway.dev/v1alpha1", "TrainingJob", name, json());
  made.erase("spec");
  made["status"] = std::move(status);
  return made;
}
json status_for(json object, json status) {
  object.erase("spec");
  object["status"] = std::move(status);
  return object;
}
json inference_pool(const std::string& name) {
  json pool = training_job(name);
  pool["kind"] = "InferencePool";
  pool["spec"]["replicas"] = 2;
  return pool;
}
json capacity_pool(const std::string& name) {
  return object(
      "spillway.dev/v1alpha1", "CapacityPool", name,
      {{"tier", "Spot"},
       {"accelerator", {{"model", "H100"}, {"perNode", 8}, {"resource", "nvidia.com/gpu"}}},
       {"instanceType", "p5.48xlarge"},
       {"location", {{"provider", "aws"}, {"region", "us-east-1"}, {"zone", "us-east-1a"}}},
       {"nodes", {{"selector", {{"pool", "p"}}}, {"max", 2}}},
       {"price", {{"fixed", "8.00"}}}},
      false);
}
json cost_policy(const std::string& name) {
  return object(
      "spillway.dev/v1alpha1", "CostPolicy", name,
      {{"selector", {{"namespaces", json::object()}}},
       {"mode", "Enforce"},
       {"offHours",
        {{"timeZone", "UTC"},
         {"awake", json::array({{{"days", {"Fri"}}, {"from", "08:00"}, {"to", "20:00"}}})},
         {"workloads", {"Deployment", "StatefulSet", "CronJob"}}}}},
      false);
}
json stateful_set(const std::string& name, int replicas) {
  json set = deployment(name, replicas);
  set["kind"] = "StatefulSet";
  set["spec"]["serviceName"] = name;
  return set;
}
json cron_job(const std::string& name) {
  return object("batch/v1", "CronJob", name,
                {{"schedule", "0 4 * * *"},
                 {"jobTemplate",
                  {{"spec",
                    {{"template",
                      {{"spec", {{"restartPolicy", "Never"}, {"containers", containers()}}}}}}}}}});
}
json budget(const std::string& name, json spec) {
  spec["selector"]["matchLabels"]["app"] = "a";
  return object("policy/v1", "PodDisruptionBudget", name, std::move(spec));
}
// Admission takes new nodes for not ready; this one says so itself.
json node(const std::string& name) {
  return object(
      "v1", "Node", name,
      {{"providerID", "aws:///zone-a/i-1"},
       {"taints",
        json::array({{{"key", "node.kubernetes.io/not-ready"}, {"effect", "NoSchedule"}}})}},
      false);
}
json service(const std::string& name, int port) {
  return object("v1", "Service", name,
                {{"selector", {{"app", "a"}}},
                 {"ports", json::array({{{"name", "http"}, {"port", port}, {"targetPort", 80}}})}});
}
json deployment(const std::string& name, int replicas) {
  return object(
      "apps/v1", "Deployment", name,
      {{"replicas", replicas},
       {"selector", {{"matchLabels", {{"app", "a"}}}}},
       {"template",
        {{"metadata", {{"labels", {{"app", "a"}}}}}, {"spec", {{"containers", containers()}}}}}});
}
json batch_job(const std::string& name) {
  return object(
      "batch/v1", "Job", name,
      {{"completionMode", "Indexed"},
       {"completions", 2},
       {"parallelism", 2},
       {"backoffLimit", 0},
       {"suspend", true},
       {"podReplacementPolicy", "Failed"},
       {"podFailurePolicy",
        {{"rules", json::array({{{"action", "FailJob"},
                                 {"onPodConditions", json::array({{{"type", "DisruptionTarget"},
                                                                   {"status", "True"}}})}}})}}},
       {"template",
        {{"metadata", {{"labels", {{"spillway.dev/pool", "a"}}}}},
         {"spec", {{"restartPolicy", "Never"}, {"containers", containers()}}}}}});
}

// On a node or waiting for one; no ServiceAccount's token is mounted, which admission would add.
json pod(const std::string& name, const std::string& node) {
  json made = object("v1", "Pod", name,
                     {{"automountServiceAccountToken", false}, {"containers", containers()}});
  made["metadata"]["labels"] = {{"spillway.dev/training-job", "a"}};
  if (!node.empty()) made["spec"]["nodeName"] = node;
  return made;
}

}  // namespace spillway::conformance
