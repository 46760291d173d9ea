#pragma once
// Namespaces and CostPolicies as the operator watches them.

#include <nlohmann/json_fwd.hpp>

#include <spillway/kube/meta.h>
#include <spillway/kube/resource_type.h>

namespace spillway::control {

inline constexpr kube::ResourceType kCostPolicies{"spillway.dev", "v1alpha1", "costpolicies",
                                                  "CostPolicy", false};
inline constexpr kube::ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};

// A Namespace: its labels, and our annotations.
struct NamespaceView {
  kube::Meta meta;
  friend bool operator==(const NamespaceView&, const NamespaceView&) = default;
  static Result<NamespaceView> from_json(const nlohmann::json& object);
};

}  // namespace spillway::control
