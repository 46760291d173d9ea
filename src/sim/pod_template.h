#pragma once
// Kubernetes' own PodTemplateSpec, as the CRDs embed it.

#include <string_view>

#include <nlohmann/json.hpp>

namespace spillway::sim {

std::string_view embedded_pod_template();

// What the API server fills in (pkg/apis/core/v1/defaults.go). `of_pod`: for a Pod itself, which
// gets more than a template.
void default_pod_spec(nlohmann::json& spec, bool of_pod);

}  // namespace spillway::sim
