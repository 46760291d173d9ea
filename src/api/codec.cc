#include <spillway/api/codec.h>

#include <nlohmann/json.hpp>

#include "capacity_pool_fields.h"
#include "cost_policy_fields.h"
#include "inference_pool_fields.h"
#include "json_read.h"
#include "json_write.h"
#include "metadata.h"
#include "training_job_fields.h"
#include "validation.h"

namespace spillway::api {
namespace {

template <class Kind>
void check_header(Problems& problems, const Json& object) {
  const auto expect = [&](std::string_view name, std::string_view wanted) {
    const auto found = object.find(name);
    if (found == object.end()) return;  // the items of a list carry neither apiVersion nor kind
    if (found->is_string() && found->get_ref<const std::string&>() == wanted) return;
    problems.add(Path{nullptr, name}, describe(*found) + ": write " + std::string(wanted));
  };
  expect("apiVersion", kApiVersion);
  expect("kind", kResource<Kind>.kind);
}

template <class Kind>
Result<Kind> read_kind(const Json& object, UnknownFields unknown) {
  Problems problems;
  Reader reader{.problems = problems, .unknown = unknown};
  const Path root;
  Kind kind;
  if (!object.is_object()) return invalid(describe(object) + ": write an object with fields");
  check_header<Kind>(problems, object);
  const auto metadata = object.find("metadata");
  if (metadata == object.end()) {
    problems.add(Path{&root, "metadata"}, "missing: write at least metadata.name");
  } else {
    read_metadata(problems, Path{&root, "metadata"}, *metadata, kind.meta);
    if constexpr (requires { kind.holds_deletion; })
      kind.holds_deletion = has_finalizer(*metadata, kCheckpointFinalizer);
  }
  read_value(reader, root, object, {}, kind);
  TRY_VOID(problems.result());
  return kind;
}

template <class Kind>
Json write_kind(const Kind& kind) {
  Json object = to_json_value(kind);
  object["apiVersion"] = std::string(kApiVersion);
  object["kind"] = std::string(kResource<Kind>.kind);
  object["metadata"] = write_metadata(kind.meta);
  if constexpr (requires { kind.holds_deletion; }) {
    if (kind.holds_deletion)
      object["metadata"]["finalizers"] = Json::array({std::string(kCheckpointFinalizer)});
  }
  return object;
}

template <class Kind>
Result<void> validate_kind(const Kind& kind) {
  Problems problems;
  const Path root;
  if (!Described<Kind>::name.holds(kind.meta.key.name.str())) {
    problems.add(Path{nullptr, "metadata.name"}, "\"" + kind.meta.key.name.str() + "\": " +
                                                     std::string(Described<Kind>::name.message));
  }
  check_rules(problems, root, kind);
  return problems.result();
}

template <class Kind>
Result<void> validate_kind_update(const Kind& before, const Kind& after) {
  Problems problems;
  check_immutable(problems, Path{}, before, after, kResource<Kind>.kind);
  return problems.result();
}

}  // namespace

template <>
Result<TrainingJob> read<TrainingJob>(const Json& object, UnknownFields unknown) {
  return read_kind<TrainingJob>(object, unknown);
}
template <>
Result<InferencePool> read<InferencePool>(const Json& object, UnknownFields unknown) {
  return read_kind<InferencePool>(object, unknown);
}
template <>
Result<CapacityPool> read<CapacityPool>(const Json& object, UnknownFields unknown) {
  return read_kind<CapacityPool>(object, unknown);
}
template <>
Result<CostPolicy> read<CostPolicy>(const Json& object, UnknownFields unknown) {
  return read_kind<CostPolicy>(object, unknown);
}

template <>
Result<void> validate<TrainingJob>(const TrainingJob& object) {
  return validate_kind(object);
}
template <>
Result<void> validate<InferencePool>(const InferencePool& object) {
  return validate_kind(object);
}
template <>
Result<void> validate<CapacityPool>(const CapacityPool& object) {
  return validate_kind(object);
}
template <>
Result<void> validate<CostPolicy>(const CostPolicy& object) {
  return validate_kind(object);
}

template <>
Result<void> validate_update<TrainingJob>(const TrainingJob& before, const TrainingJob& after) {
  return validate_kind_update(before, after);
}
template <>
Result<void> validate_update<InferencePool>(const InferencePool& before,
                                            const InferencePool& after) {
  return validate_kind_update(before, after);
}
template <>
Result<void> validate_update<CapacityPool>(const CapacityPool& before, const CapacityPool& after) {
  return validate_kind_update(before, after);
}
template <>
Result<void> validate_update<CostPolicy>(const CostPolicy& before, const CostPolicy& after) {
  return validate_kind_update(before, after);
}

template <>
Json write<TrainingJob>(const TrainingJob& object) {
  return write_kind(object);
}
template <>
Json write<InferencePool>(const InferencePool& object) {
  return write_kind(object);
}
template <>
Json write<CapacityPool>(const CapacityPool& object) {
  return write_kind(object);
}
template <>
Json write<CostPolicy>(const CostPolicy& object) {
  return write_kind(object);
}

Json write(const TrainingJobStatus& status) {
  return to_json_value(status);
}
Json write(const InferencePoolStatus& status) {
  return to_json_value(status);
}
Json write(const CapacityPoolStatus& status) {
  return to_json_value(status);
}
Json write(const CostPolicyStatus& status) {
  return to_json_value(status);
}

}  // namespace spillway::api
