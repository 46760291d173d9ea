#pragma once
// What one replica of a pod template asks of a node. Internal to api.

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/pod_template.h>
#include <spillway/core/result.h>

namespace spillway::api {

// The effective request as the scheduler computes it (k8s.io/component-helpers/resource:
// PodRequests):
//   the larger of  (containers + sidecars)  and  (each init container + the sidecars before it),
//   pod-level cpu and memory in place of that sum when they are set (KEP-2837), plus the overhead.
// A request that is missing is the limit, as the API server defaults it when pods are made.
Result<PodShape> pod_shape(const nlohmann::json& pod_template);

}  // namespace spillway::api
