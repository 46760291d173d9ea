#include <nlohmann/json.hpp>

#include <spillway/control/children.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>

#include "child_parts.h"

namespace spillway::control {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxName = 63;  // a DNS label: pods and host names are made from it

json match_labels(std::string_view key, const ObjectName& name) {
  return {{"matchLabels", {{std::string(key), name.str()}}}};
}

constexpr const char* kGracePeriod = "terminationGracePeriodSeconds";

// A new template is rolled out pool by pool, each for itself: a tier keeps its share, and where the
// new pods do not become ready only that pool stands still. Bought capacity comes when asked for,
// so nothing is ended before its successor serves. Reserved capacity may be full: there one at a
// time makes room for its successor, but never the only one.
json rolling_update(api::Tier tier, std::int64_t replicas) {
  const bool makes_room = tier == api::Tier::kReserved && replicas > 1;
  return {{"type", "RollingUpdate"},
          {"rollingUpdate", {{"maxSurge", "25%"}, {"maxUnavailable", makes_room ? 1 : 0}}}};
}

}  // namespace

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

json gateway_pool(const api::InferencePool& inference) {
  SPILLWAY_CHECK(inference.spec.gateway.has_value());
  const api::InferenceGateway& gateway = *inference.spec.gateway;
  json labels = common_labels(inference.spec.attribution);
  labels[std::string(label::kInferencePool)] = inference.meta.key.name.str();
  json pool = {{"metadata", metadata(inference.meta, "InferencePool", inference.meta.key.name,
                                     std::move(labels))}};
  std::int32_t port = inference.spec.service.port;
  if (const auto& target = inference.spec.service.target_port) {
    if (const auto* number = std::get_if<std::int32_t>(&*target)) port = *number;
  }
  json& spec = pool["spec"];
  spec["selector"] = match_labels(label::kInferencePool, inference.meta.key.name);
  spec["targetPorts"] = json::array({{{"number", gateway.target_port.value_or(port)}}});
  if (const auto& picker = gateway.endpoint_picker) {
    spec["endpointPickerRef"] = {{"name", picker->name},
                                 {"port", {{"number", picker->port}}},
                                 {"failureMode", api::to_string(picker->failure_mode)}};
  }
  pool["metadata"]["annotations"][std::string(annotation::kAppliedHash)] = applied_hash(pool);
  return pool;
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
  if (inference.spec.disruption.drain_seconds && !pods["spec"].contains(kGracePeriod))
    pods["spec"][kGracePeriod] = *inference.spec.disruption.drain_seconds;
  place_on_pool(pods["spec"], pool, inference.spec.accelerator.per_replica);

  json object = {
      {"metadata",
       metadata(inference.meta, "InferencePool",
                deployment_name(inference.meta.key.name, PoolName(pool_name)), std::move(labels))}};
  object["spec"] = {{"replicas", share.replicas},
                    {"strategy", rolling_update(pool.spec.tier, share.replicas)},
                    {"selector", {{"matchLabels", selector}}},
                    {"template", std::move(pods)}};
  const std::string hash = applied_hash(object);
  json& annotations = object["metadata"]["annotations"];
  annotations[std::string(annotation::kAppliedHash)] = hash;
  annotations[std::string(annotation::kRate)] = share.rate.to_string();
  return object;
}

}  // namespace spillway::control
