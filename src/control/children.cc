#include <spillway/control/children.h>

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>

#include <spillway/api/codec.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>

#include "child_parts.h"

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr int kMasterPort = 29500;  // torchrun's default rendezvous port
constexpr std::string_view kIndexAnnotation = "batch.kubernetes.io/job-completion-index";

// Against consolidation by the node autoscalers (Karpenter, Cluster Autoscaler): at a notice
// Spillway ends training itself.
void forbid_voluntary_eviction(json& pod_metadata) {
  json& annotations = pod_metadata["annotations"];
  annotations["karpenter.sh/do-not-disrupt"] = "true";
  annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] = "false";
}

void add_environment(json& pod_spec, const std::vector<json>& variables) {
  for (const char* kind : {"initContainers", "containers"}) {
    if (!pod_spec.contains(kind)) continue;
    for (json& container : pod_spec[kind]) {
      json& environment = container["env"];
      if (!environment.is_array()) environment = json::array();
      for (const json& variable : variables) {
        bool there = false;
        for (const json& existing : environment)
          there = there ||
                  existing.value("name", "") == variable.at("name").get_ref<const std::string&>();
        if (!there) environment.push_back(variable);
      }
    }
  }
}

json variable(std::string_view name, std::string value) {
  return {{"name", name}, {"value", std::move(value)}};
}
json rank_variable(std::string_view name) {
  return {{"name", name},
          {"valueFrom",
           {{"fieldRef",
             {{"fieldPath", "metadata.annotations['" + std::string(kIndexAnnotation) + "']"}}}}}};
}

std::vector<json> torchrun_environment(const api::TrainingJob& job,
                                       const api::TrainingPlacement& placement) {
  const std::string master = attempt_job_name(job.meta.key.name, placement.attempt).str() + "-0." +
                             ranks_service_name(job.meta.key.name).str();
  const std::string world = std::to_string(job.spec.replicas);
  const std::string port = std::to_string(kMasterPort);
  return {variable("MASTER_ADDR", master),
          variable("MASTER_PORT", port),
          variable("WORLD_SIZE", world),
          rank_variable("RANK"),
          variable("PET_MASTER_ADDR", master),
          variable("PET_MASTER_PORT", port),
          variable("PET_NNODES", world),
          rank_variable("PET_NODE_RANK"),
          variable("SPILLWAY_ATTEMPT", std::to_string(placement.attempt.value()))};
}

// A gang stands and falls together: one failed rank fails the Job, and a disruption fails it with
// another reason
// ("PodFailurePolicy"), so that it is never taken for the program's fault. Without a gang each
// index retries alone.
void add_failure_rules(json& spec, const api::TrainingJob& job) {
  const json disrupted = json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}});
  if (job.spec.gang) {
    spec["backoffLimit"] = 0;
    spec["podFailurePolicy"]["rules"] =
        json::array({{{"action", "FailJob"}, {"onPodConditions", disrupted}}});
  } else {
    spec["backoffLimitPerIndex"] = job.spec.max_restarts;
    spec["podFailurePolicy"]["rules"] =
        json::array({{{"action", "Ignore"}, {"onPodConditions", disrupted}}});
  }
  spec["podReplacementPolicy"] = "Failed";
}

}  // namespace

ObjectName ranks_service_name(const ObjectName& training_job) {
  return ObjectName(training_job.str() + "-ranks");
}

ObjectName attempt_job_name(const ObjectName& training_job, AttemptNumber attempt) {
  return ObjectName(training_job.str() + "-" + std::to_string(attempt.value()));
}

json ranks_service(const api::TrainingJob& job) {
  json labels = common_labels(job.spec.attribution);
  labels[std::string(label::kTrainingJob)] = job.meta.key.name.str();
  json service = {{"metadata", metadata(job.meta, "TrainingJob",
                                        ranks_service_name(job.meta.key.name), std::move(labels))}};
  service["spec"] = {
      {"clusterIP", "None"},
      {"publishNotReadyAddresses", true},  // ranks find each other before they are ready
      {"selector", {{std::string(label::kTrainingJob), job.meta.key.name.str()}}},
      {"ports", json::array({{{"name", "rendezvous"}, {"port", kMasterPort}}})}};
  return service;
}

json attempt_job(const api::TrainingJob& job, const api::TrainingPlacement& placement,
                 const api::CapacityPool& pool, const CheckpointWiring* wiring) {
  json labels = common_labels(job.spec.attribution);
  labels[std::string(label::kTrainingJob)] = job.meta.key.name.str();
  labels[std::string(label::kAttempt)] = std::to_string(placement.attempt.value());
  add_pool_labels(labels, pool);

  json pods = parsed_template(job.spec.pod_template);
  for (const auto& [key, value] : labels.items())
    pods["metadata"]["labels"][key] = value;
  forbid_voluntary_eviction(pods["metadata"]);
  json& pod_spec = pods["spec"];
  pod_spec["restartPolicy"] = "Never";  // podFailurePolicy requires it; an attempt ends as a whole
  pod_spec["subdomain"] = ranks_service_name(job.meta.key.name).str();
  place_on_pool(pod_spec, pool, job.spec.accelerator.per_replica);
  add_environment(pod_spec, torchrun_environment(job, placement));
  if (wiring != nullptr) wire_checkpoints(pods, job, placement, *wiring);

  json object = {{"metadata", metadata(job.meta, "TrainingJob",
                                       attempt_job_name(job.meta.key.name, placement.attempt),
                                       std::move(labels))}};
  json& annotations = object["metadata"]["annotations"];
  annotations[std::string(annotation::kPlacedAt)] = format_instant(placement.since);
  if (placement.rate) annotations[std::string(annotation::kRate)] = placement.rate->to_string();
  if (placement.resume_from && job.status.checkpoint && job.status.checkpoint->compute_time) {
    annotations[std::string(annotation::kResumedWork)] =
        format_duration(*job.status.checkpoint->compute_time);
  }
  json& spec = object["spec"];
  spec["completionMode"] = "Indexed";
  spec["completions"] = job.spec.replicas;
  spec["parallelism"] = job.spec.replicas;
  add_failure_rules(spec, job);
  spec["template"] = std::move(pods);
  return object;
}

}  // namespace spillway::control
