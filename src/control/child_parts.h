#pragma once
// What the children of all kinds are put together from.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/capacity_pool.h>
#include <spillway/api/pod_template.h>
#include <spillway/api/workload.h>
#include <spillway/core/object.h>

namespace spillway::control {

// Who pays, and who made it: on every object and pod.
nlohmann::json common_labels(const api::Attribution& attribution);
void add_pool_labels(nlohmann::json& labels, const api::CapacityPool& pool);

// Name, labels and the owner, an object of ours of that kind.
nlohmann::json metadata(const ObjectMeta& owner, std::string_view kind, const ObjectName& name,
                        nlohmann::json labels);

nlohmann::json parsed_template(const api::PodTemplate& pod_template);

// Pins the pods of a template to a pool: selector, tolerations and the accelerators themselves.
void place_on_pool(nlohmann::json& pod_spec, const api::CapacityPool& pool,
                   AcceleratorCount per_replica);

}  // namespace spillway::control
