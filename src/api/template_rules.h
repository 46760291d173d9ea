#pragma once
// Rules that both workload kinds have: the template against itself and the rest of the spec.

#include <string>

#include <spillway/api/pod_template.h>
#include <spillway/api/workload.h>

#include "field.h"

namespace spillway::api {

// Device plugins' resources for the accelerators that CapacityPools are made of. Other extended
// resources of a template (RDMA devices, for one) are left alone.
bool is_accelerator_resource(const ResourceName& resource);
// The accelerator resource that the template asks for in another number than perReplica.
std::optional<ResourceName> contradicting_resource(const PodShape& shape,
                                                   AcceleratorCount per_replica);
std::string explain_contradiction(const PodShape& shape, AcceleratorCount per_replica);

// Quantities inside the template: the API server checks them only when pods are made of it.
template <class Spec>
inline constexpr Rule<Spec> template_is_understood{
    "", "write a pod template that the scheduler can read",
    [](const Spec& spec) { return !spec.pod_template.problem(); },
    [](const Spec& spec) { return "template." + *spec.pod_template.problem(); }};

// Containers are not bounded in number by Kubernetes' schema, so CEL's cost budget does not allow a
// sum over them.
template <class Spec>
inline constexpr Rule<Spec> accelerators_agree{
    "", "ask for the same accelerators in template and accelerator.perReplica",
    [](const Spec& spec) {
      return !contradicting_resource(spec.pod_template.shape(), spec.accelerator.per_replica)
                  .has_value();
    },
    [](const Spec& spec) {
      return explain_contradiction(spec.pod_template.shape(), spec.accelerator.per_replica);
    }};

}  // namespace spillway::api
