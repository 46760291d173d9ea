#pragma once
// What the API server is told about the kinds. For `crdgen` and its tests: the operator links none
// of it.

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/codec.h>

namespace spillway::api {

// The CustomResourceDefinition (apiextensions.k8s.io/v1) of a kind, fields in the order in which
// people read them: structural schema, CEL rules, printer columns, subresources. `pod_template` is
// the schema of spec.template, Kubernetes' own PodTemplateSpec as `crdgen pod-template` prints it;
// kinds without a template ignore it.
template <class Kind>
nlohmann::ordered_json custom_resource_definition(const nlohmann::ordered_json& pod_template);
template <>
nlohmann::ordered_json custom_resource_definition<TrainingJob>(
    const nlohmann::ordered_json& pod_template);
template <>
nlohmann::ordered_json custom_resource_definition<InferencePool>(
    const nlohmann::ordered_json& pod_template);
template <>
nlohmann::ordered_json custom_resource_definition<CapacityPool>(
    const nlohmann::ordered_json& pod_template);
template <>
nlohmann::ordered_json custom_resource_definition<CostPolicy>(
    const nlohmann::ordered_json& pod_template);

}  // namespace spillway::api
