#pragma once
// Deployments, StatefulSets and CronJobs of users, as the off switch sees them: identity, whether
// they are to run, and who said so last. The objects are watched whole and kept in this form, some
// hundred bytes each.

#include <cstdint>
#include <optional>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/enums.h>
#include <spillway/kube/meta.h>
#include <spillway/kube/resource_type.h>

namespace spillway::control {

inline constexpr kube::ResourceType kStatefulSets{"apps", "v1", "statefulsets", "StatefulSet"};
inline constexpr kube::ResourceType kCronJobs{"batch", "v1", "cronjobs", "CronJob"};

using PlainKind = api::PlainWorkloadKind;
kube::ResourceType type_of(PlainKind kind);

// How a field manager came to own a field (metadata.managedFields).
struct FieldOwner {
  kube::Interned manager;     // "kubectl-client-side-apply", "argocd-controller"; empty: not known
  bool applies = false;       // by server-side apply
  std::optional<Instant> at;  // when it last changed one of its fields
  friend bool operator==(const FieldOwner&, const FieldOwner&) = default;
};

struct PlainWorkload {
  PlainKind kind = PlainKind::kDeployment;
  kube::Meta meta;
  // spec.replicas. Of a CronJob: 0 when it is suspended, else 1.
  std::int32_t replicas = 1;
  // As many serve as are asked for, by a status of this generation. Of a CronJob: always.
  bool ready = false;
  FieldOwner set_by;  // the latest owner of spec.replicas or spec.suspend

  friend bool operator==(const PlainWorkload&, const PlainWorkload&) = default;
  // kInvalidArgument names the field that is missing or malformed.
  static Result<PlainWorkload> from_json(PlainKind kind, const nlohmann::json& object);
};

}  // namespace spillway::control
