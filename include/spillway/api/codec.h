#pragma once
// JSON in and out, defaults and validation of the resources, all from the same field tables as the
// CRDs.

#include <cstddef>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/capacity_pool.h>
#include <spillway/api/cost_policy.h>
#include <spillway/api/inference_pool.h>
#include <spillway/api/training_job.h>
#include <spillway/core/result.h>

namespace spillway::api {

inline constexpr std::string_view kGroup = "spillway.dev";
inline constexpr std::string_view kVersion = "v1alpha1";
inline constexpr std::string_view kApiVersion = "spillway.dev/v1alpha1";
// Children are named after their workload: room is left for "-<attempt>-<index>" and hashes.
inline constexpr std::size_t kMaxWorkloadName = 40;

enum class Scope { kCluster, kNamespaced };

struct ResourceInfo {
  std::string_view kind;
  std::string_view plural;
  std::string_view singular;
  std::string_view short_name;
  Scope scope = Scope::kNamespaced;
};

template <class Kind>
inline constexpr ResourceInfo kResource{};
template <>
inline constexpr ResourceInfo kResource<TrainingJob>{"TrainingJob", "trainingjobs", "trainingjob",
                                                     "tj", Scope::kNamespaced};
template <>
inline constexpr ResourceInfo kResource<InferencePool>{
    "InferencePool", "inferencepools", "inferencepool", "ipool", Scope::kNamespaced};
template <>
inline constexpr ResourceInfo kResource<CapacityPool>{"CapacityPool", "capacitypools",
                                                      "capacitypool", "cpool", Scope::kCluster};
template <>
inline constexpr ResourceInfo kResource<CostPolicy>{"CostPolicy", "costpolicies", "costpolicy",
                                                    "cpolicy", Scope::kCluster};

// What to do with a field that is not in the schema. The API server has pruned or refused them
// already (kIgnore); in a file that a person wrote it is a spelling mistake (kRefuse). Inside
// spec.template fields are never checked here.
enum class UnknownFields { kIgnore, kRefuse };

// Reads an object (apiVersion, kind, metadata, spec, status), with defaults filled in. An error
// names every field that breaks the schema and what to write instead: "spec.capacity.spotPercent:
// 120 is above 100: write a number from 0 to 100". Anything the API server admitted can be read.
// Declared for TrainingJob, InferencePool, CapacityPool and CostPolicy.
template <class Kind>
Result<Kind> read(const nlohmann::json& object, UnknownFields unknown = UnknownFields::kIgnore);

// The rules that relate fields to each other and to the template: those of the CRD's CEL, with the
// same sentences, and those that the API server cannot check (quantities inside the template),
// which an operator reports in a condition.
template <class Kind>
Result<void> validate(const Kind& object);
// An update: fields that cannot be changed.
template <class Kind>
Result<void> validate_update(const Kind& before, const Kind& after);

// The whole object; defaults are written out, what is absent or empty is left out.
template <class Kind>
nlohmann::json write(const Kind& object);
// Only the status, as a status apply sends it under "status".
nlohmann::json write(const TrainingJobStatus& status);
nlohmann::json write(const InferencePoolStatus& status);
nlohmann::json write(const CapacityPoolStatus& status);
nlohmann::json write(const CostPolicyStatus& status);

// ObjectMeta of any Kubernetes object: the part of metadata that Spillway uses.
Result<ObjectMeta> read_metadata(const nlohmann::json& metadata);

template <>
Result<TrainingJob> read<TrainingJob>(const nlohmann::json& object, UnknownFields unknown);
template <>
Result<InferencePool> read<InferencePool>(const nlohmann::json& object, UnknownFields unknown);
template <>
Result<CapacityPool> read<CapacityPool>(const nlohmann::json& object, UnknownFields unknown);
template <>
Result<CostPolicy> read<CostPolicy>(const nlohmann::json& object, UnknownFields unknown);
template <>
Result<void> validate<TrainingJob>(const TrainingJob& object);
template <>
Result<void> validate<InferencePool>(const InferencePool& object);
template <>
Result<void> validate<CapacityPool>(const CapacityPool& object);
template <>
Result<void> validate<CostPolicy>(const CostPolicy& object);
template <>
Result<void> validate_update<TrainingJob>(const TrainingJob& before, const TrainingJob& after);
template <>
Result<void> validate_update<InferencePool>(const InferencePool& before,
                                            const InferencePool& after);
template <>
Result<void> validate_update<CapacityPool>(const CapacityPool& before, const CapacityPool& after);
template <>
Result<void> validate_update<CostPolicy>(const CostPolicy& before, const CostPolicy& after);
template <>
nlohmann::json write<TrainingJob>(const TrainingJob& object);
template <>
nlohmann::json write<InferencePool>(const InferencePool& object);
template <>
nlohmann::json write<CapacityPool>(const CapacityPool& object);
template <>
nlohmann::json write<CostPolicy>(const CostPolicy& object);

}  // namespace spillway::api
