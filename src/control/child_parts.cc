#include "child_parts.h"

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/control/children.h>
#include <spillway/control/keys.h>
#include <spillway/core/check.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

using nlohmann::json;

json owner_reference(const ObjectMeta& owner, std::string_view kind) {
  return {{"apiVersion", api::kApiVersion},
          {"kind", kind},
          {"name", owner.key.name.str()},
          {"uid", owner.uid.str()},
          {"controller", true}};
}

json toleration_json(const api::Toleration& toleration) {
  json out = {{"operator", api::to_string(toleration.op)}};
  if (!toleration.key.empty()) out["key"] = toleration.key;
  if (!toleration.value.empty()) out["value"] = toleration.value;
  if (toleration.effect) out["effect"] = api::to_string(*toleration.effect);
  if (toleration.toleration_seconds) out["tolerationSeconds"] = *toleration.toleration_seconds;
  return out;
}

}  // namespace

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

json parsed_template(const api::PodTemplate& pod_template) {
  json parsed = json::parse(pod_template.json(), nullptr, false);
  SPILLWAY_CHECK(!parsed.is_discarded());  // PodTemplate writes its own JSON
  return parsed;
}

HourlyRate workload_rate(HourlyRate per_node, std::int64_t replicas, AcceleratorCount per_replica,
                         AcceleratorCount per_node_accelerators) {
  return per_node.scaled(replicas * per_replica.value(), per_node_accelerators.value());
}

std::string applied_hash(const json& object) {
  return hex(stable_hash(object.dump(-1, ' ', false, json::error_handler_t::replace)));
}

}  // namespace spillway::control
