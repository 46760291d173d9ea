#include <spillway/control/children.h>

#include <nlohmann/json.hpp>

#include <array>
#include <string_view>

#include <spillway/api/codec.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxName = 63;  // a DNS label: pods and host names are made from it
constexpr int kMasterPort = 29500;    // torchrun's default rendezvous port
constexpr std::string_view kIndexAnnotation = "batch.kubernetes.io/job-completion-index";

json owner_reference(const ObjectMeta& owner, std::string_view kind) {
  return {{"apiVersion", api::kApiVersion},
          {"kind", kind},
          {"name", owner.key.name.str()},
          {"uid", owner.uid.str()},
          {"controller", true}};
}

// Who pays, and who made it: on every object and pod.
json common_labels(const api::Attribution& attribution) {
  json labels = json::object();
  for (const auto& [key, value] : api::attribution_labels(attribution))
    labels[key] = value;
  labels[std::string(label::kManagedBy)] = label::kManagedByValue;
  return labels;
}

void add_pool_labels(json& labels, const api::CapacityPool& pool) {
  labels[std::string(label::kPool)] = pool.meta.key.name.str();
  labels[std::string(label::kTier)] = api::to_string(pool.spec.tier);
}

json metadata(const ObjectMeta& owner, std::string_view kind, const ObjectName& name, json labels) {
  return {{"name", name.str()},
          {"namespace", owner.key.ns.str()},
          {"labels", std::move(labels)},
          {"ownerReferences", json::array({owner_reference(owner, kind)})}};
}

json toleration_json(const api::Toleration& toleration) {
  json out = {{"operator", api::to_string(toleration.op)}};
  if (!toleration.key.empty()) out["key"] = toleration.key;
  if (!toleration.value.empty()) out["value"] = toleration.value;
  if (toleration.effect) out["effect"] = api::to_string(*toleration.effect);
  if (toleration.toleration_seconds) out["tolerationSeconds"] = *toleration.toleration_seconds;
  return out;
}

// Pins the pods of a template to a pool: selector, tolerations and the accelerators themselves.
void place_on_pool(json& pod_spec, const api::CapacityPool& pool, AcceleratorCount per_replica) {
  for (const auto& [key, value] : pool.spec.nodes.selector)
    pod_spec["nodeSelector"][key] = value;
  for (const api::Toleration& toleration : pool.spec.nodes.tolerations) {
    const json wanted = toleration_json(toleration);
    json& list = pod_spec["tolerations"];
    bool there = false;
    for (const json& existing : list)
      there = there || existing == wanted;
    if (!there) list.push_back(wanted);
  }
  json& containers = pod_spec["containers"];
  if (!containers.is_array() || containers.empty())
    return;  // the API server refused such an object; it will again
  const std::string resource = pool.spec.accelerator.resource.str();
  for (const json& container : containers) {
    const json limits = container.value("/resources/limits"_json_pointer, json::object());
    if (limits.contains(resource))
      return;  // the template says itself which container gets them (validated against perReplica)
  }
  json& resources = containers.front()["resources"];
  resources["limits"][resource] = std::to_string(per_replica.value());
  resources["requests"][resource] = std::to_string(per_replica.value());
}

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

json parsed_template(const api::PodTemplate& pod_template) {
  json parsed = json::parse(pod_template.json(), nullptr, false);
  SPILLWAY_CHECK(!parsed.is_discarded());  // PodTemplate writes its own JSON
  return parsed;
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

json match_labels(std::string_view key, const ObjectName& name) {
  return {{"matchLabels", {{std::string(key), name.str()}}}};
}

}  // namespace

ObjectName ranks_service_name(const ObjectName& training_job) {
  return ObjectName(training_job.str() + "-ranks");
}

ObjectName attempt_job_name(const ObjectName& training_job, AttemptNumber attempt) {
  return ObjectName(training_job.str() + "-" + std::to_string(attempt.value()));
}

ObjectName deployment_name(const ObjectName& inference_pool, const PoolName& pool) {
  std::string pool_part = pool.str();
  for (char& c : pool_part) {
    if (c == '.') c = '-';
  }
  const std::string name = inference_pool.str() + "-" + pool_part;
  if (name.size() <= kMaxName && pool_part == pool.str()) return ObjectName(name);
  const std::string hash = hex(stable_hash(pool.str())).substr(0, 8);
  return ObjectName(name.substr(0, kMaxName - hash.size() - 1) + "-" + hash);
}

std::string inference_selector(const ObjectName& inference_pool) {
  return std::string(label::kInferencePool) + "=" + inference_pool.str();
}

HourlyRate workload_rate(HourlyRate per_node, std::int64_t replicas, AcceleratorCount per_replica,
                         AcceleratorCount per_node_accelerators) {
  return per_node.scaled(replicas * per_replica.value(), per_node_accelerators.value());
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

json inference_service(const api::InferencePool& inference) {
  json labels = common_labels(inference.spec.attribution);
  labels[std::string(label::kInferencePool)] = inference.meta.key.name.str();
  json port = {{"name", "http"},
               {"port", inference.spec.service.port},
               {"targetPort", inference.spec.service.port}};
  if (const auto& target = inference.spec.service.target_port) {
    std::visit([&](const auto& value) { port["targetPort"] = value; }, *target);
  }
  json service = {{"metadata", metadata(inference.meta, "InferencePool", inference.meta.key.name,
                                        std::move(labels))}};
  service["spec"] = {
      {"selector", {{std::string(label::kInferencePool), inference.meta.key.name.str()}}},
      {"ports", json::array({std::move(port)})}};
  service["metadata"]["annotations"][std::string(annotation::kAppliedHash)] = applied_hash(service);
  return service;
}

json inference_budget(const api::InferencePool& inference) {
  json labels = common_labels(inference.spec.attribution);
  labels[std::string(label::kInferencePool)] = inference.meta.key.name.str();
  json budget = {{"metadata", metadata(inference.meta, "InferencePool", inference.meta.key.name,
                                       std::move(labels))}};
  budget["spec"]["selector"] = match_labels(label::kInferencePool, inference.meta.key.name);
  if (const auto& minimum = inference.spec.disruption.min_available) {
    if (minimum->percent) {
      budget["spec"]["minAvailable"] = std::to_string(minimum->value) + "%";
    } else {
      budget["spec"]["minAvailable"] = minimum->value;
    }
  } else {
    budget["spec"]["maxUnavailable"] =
        1;  // one voluntary move at a time, also with a single replica
  }
  budget["metadata"]["annotations"][std::string(annotation::kAppliedHash)] = applied_hash(budget);
  return budget;
}

json inference_deployment(const api::InferencePool& inference, const api::CapacityPool& pool,
                          DeploymentShare share) {
  const std::string pool_name = pool.meta.key.name.str();
  const json selector = {{std::string(label::kInferencePool), inference.meta.key.name.str()},
                         {std::string(label::kPool), pool_name}};
  json labels = common_labels(inference.spec.attribution);
  labels[std::string(label::kInferencePool)] = inference.meta.key.name.str();
  add_pool_labels(labels, pool);

  json pods = parsed_template(inference.spec.pod_template);
  for (const auto& [key, value] : labels.items())
    pods["metadata"]["labels"][key] = value;
  place_on_pool(pods["spec"], pool, inference.spec.accelerator.per_replica);

  json object = {
      {"metadata",
       metadata(inference.meta, "InferencePool",
                deployment_name(inference.meta.key.name, PoolName(pool_name)), std::move(labels))}};
  object["spec"] = {{"replicas", share.replicas},
                    {"selector", {{"matchLabels", selector}}},
                    {"template", std::move(pods)}};
  const std::string hash = applied_hash(object);
  json& annotations = object["metadata"]["annotations"];
  annotations[std::string(annotation::kAppliedHash)] = hash;
  annotations[std::string(annotation::kRate)] = share.rate.to_string();
  return object;
}

std::string applied_hash(const json& object) {
  return hex(stable_hash(object.dump(-1, ' ', false, json::error_handler_t::replace)));
}

}  // namespace spillway::control
