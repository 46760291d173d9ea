#pragma once
// Which collection of the API a request is for, and the request targets that follow from it.

#include <string>
#include <string_view>

#include <spillway/core/object.h>

namespace spillway::kube {

// The views refer to storage that lives as long as the program (string literals).
struct ResourceType {
  std::string_view group;    // "" for the core group
  std::string_view version;  // "v1"
  std::string_view plural;   // "pods"
  std::string_view kind;     // "Pod"
  bool namespaced = true;

  [[nodiscard]] std::string api_version() const;  // "v1", "batch/v1"
  // "/apis/batch/v1/namespaces/team-a/jobs"; an empty namespace addresses all namespaces.
  [[nodiscard]] std::string collection_target(const Namespace& ns) const;
  // "/apis/batch/v1/namespaces/team-a/jobs/llama-1", with "/status" behind it for a subresource.
  [[nodiscard]] std::string object_target(const ObjectKey& key,
                                          std::string_view subresource = "") const;
  // "jobs.batch", "pods": how people and metrics name it.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const ResourceType&, const ResourceType&) = default;
};

inline constexpr ResourceType kPods{"", "v1", "pods", "Pod"};
inline constexpr ResourceType kNodes{"", "v1", "nodes", "Node", false};
inline constexpr ResourceType kServices{"", "v1", "services", "Service"};
inline constexpr ResourceType kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr ResourceType kJobs{"batch", "v1", "jobs", "Job"};
inline constexpr ResourceType kDeployments{"apps", "v1", "deployments", "Deployment"};
inline constexpr ResourceType kPodDisruptionBudgets{"policy", "v1", "poddisruptionbudgets",
                                                    "PodDisruptionBudget"};
inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline constexpr ResourceType kEvents{"events.k8s.io", "v1", "events", "Event"};

// Percent-encodes one path segment or query value (RFC 3986 unreserved characters stay).
std::string percent_encode(std::string_view text);

}  // namespace spillway::kube
