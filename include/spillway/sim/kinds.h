#pragma once
// The kinds that the model API server serves: how each is defaulted, checked and changed.
// Spillway's own come from the same descriptions that make their CRDs; the others are described as
// far as Spillway and the models beside it use them.

#include <functional>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/kube/resource_type.h>
#include <spillway/sim/schema.h>

namespace spillway::sim {

inline constexpr kube::ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr kube::ResourceType kReplicaSets{"apps", "v1", "replicasets", "ReplicaSet"};

struct Kind {
  kube::ResourceType type;
  SchemaPointer schema;
  bool own = false;     // one of Spillway's: pruned and checked against the schema
  bool status = false;  // has the status subresource
  bool scale = false;
  bool generation = false;       // metadata.generation counts changes of what is desired
  bool keeps_fields = false;     // metadata.managedFields are kept, so apply is served
  bool returns_deleted = false;  // DELETE answers with the object, not with a Status
  bool unconditional = false;    // PUT without resourceVersion is taken
  nlohmann::json skeleton =
      nlohmann::json::object();  // structs that the server's types always have
  std::function<void(nlohmann::json& object)> on_create;  // values that are given once
  std::function<void(nlohmann::json& object)>
      allocate;  // values that the storage gives: nobody owns them
  std::function<void(nlohmann::json& object)> set_defaults;
  // `before` is null for a creation.
  std::function<void(const nlohmann::json& object, const nlohmann::json* before,
                     std::vector<Cause>& causes)>
      validate;
};

// Every kind, in a fixed order.
const std::vector<Kind>& all_kinds();
const Kind* find_kind(std::string_view group, std::string_view version, std::string_view plural);
const Kind& kind_of(const kube::ResourceType& type);  // of a type that is served

}  // namespace spillway::sim
