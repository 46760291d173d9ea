#pragma once
// Kubernetes' PodTemplateSpec as a schema that a CustomResourceDefinition may contain.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/result.h>

namespace spillway::crdgen {

// `openapi` is an API server's answer to GET /openapi/v3/apis/batch/v1. References are inlined;
// what a structural schema may not have is dropped (patch strategies, unions, defaults that only
// say zero, descriptions); quantities and ports become int-or-string; the keys of map lists are
// required unless they have a default; metadata keeps labels and annotations.
Result<nlohmann::json> convert_pod_template(const nlohmann::json& openapi);

// The schema that src/api/pod_template_schema.json holds, compiled in.
std::string_view embedded_pod_template();

}  // namespace spillway::crdgen
