#pragma once
// What a placement looks like as Kubernetes objects. Pure: resource and pool in, JSON out. Names
// are deterministic, so that a repeated create meets AlreadyExists instead of making a twin; pool
// and attempt are labels, so that a lost status can be rebuilt from the children.
//
//   TrainingJob  -> Service <name>-ranks (headless) + Job <name>-<attempt> (Indexed), one Job per
//   attempt InferencePool -> Deployment <name>-<pool> for each pool in use + Service <name> +
//   PodDisruptionBudget <name>

#include <cstdint>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/capacity_pool.h>
#include <spillway/api/inference_pool.h>
#include <spillway/api/training_job.h>
#include <spillway/control/checkpoint_wiring.h>

namespace spillway::control {

ObjectName ranks_service_name(const ObjectName& training_job);
ObjectName attempt_job_name(const ObjectName& training_job, AttemptNumber attempt);
// At most 63 characters: a long pool name is cut and made unique by a hash.
ObjectName deployment_name(const ObjectName& inference_pool, const PoolName& pool);
// "spillway.dev/inference-pool=<name>": the selector that autoscalers read through the scale
// subresource.
std::string inference_selector(const ObjectName& inference_pool);

// What the whole workload costs per hour on that pool: its share of each node by accelerators.
HourlyRate workload_rate(HourlyRate per_node, std::int64_t replicas, AcceleratorCount per_replica,
                         AcceleratorCount per_node_accelerators);

nlohmann::json ranks_service(const api::TrainingJob& job);
// The Job of `placement.attempt`. Ready for torchrun: MASTER_ADDR, MASTER_PORT, WORLD_SIZE and
// RANK, and the same as PET_*, unless the template sets a variable of that name itself.
// `wiring` is null for a job without checkpoints.
nlohmann::json attempt_job(const api::TrainingJob& job, const api::TrainingPlacement& placement,
                           const api::CapacityPool& pool, const CheckpointWiring* wiring = nullptr);

nlohmann::json inference_service(const api::InferencePool& inference);
nlohmann::json inference_budget(const api::InferencePool& inference);
// The Gateway API's InferencePool for an InferencePool with spec.gateway: selects the same pods.
nlohmann::json gateway_pool(const api::InferencePool& inference);
struct DeploymentShare {
  std::int64_t replicas = 0;
  HourlyRate rate;  // of these replicas together
};
nlohmann::json inference_deployment(const api::InferencePool& inference,
                                    const api::CapacityPool& pool, DeploymentShare share);

// The hash that inference_* objects carry in annotation::kAppliedHash: equal exactly when
// everything but the rate is equal.
std::string applied_hash(const nlohmann::json& object);

}  // namespace spillway::control
