#pragma once
// The caches that the loop reads: one store per kind, filled by reflectors and by the answers to
// our own writes.

#include <spillway/api/capacity_pool.h>
#include <spillway/api/cost_policy.h>
#include <spillway/api/inference_pool.h>
#include <spillway/api/training_job.h>
#include <spillway/control/namespaces.h>
#include <spillway/kube/store.h>
#include <spillway/kube/types.h>

namespace spillway::control {

inline constexpr kube::ResourceType kTrainingJobs{"spillway.dev", "v1alpha1", "trainingjobs",
                                                  "TrainingJob"};
inline constexpr kube::ResourceType kInferencePools{"spillway.dev", "v1alpha1", "inferencepools",
                                                    "InferencePool"};
inline constexpr kube::ResourceType kCapacityPools{"spillway.dev", "v1alpha1", "capacitypools",
                                                   "CapacityPool", false};

// The Gateway API's kind of the same name; of these only what is written there by us is read.
inline constexpr kube::ResourceType kGatewayPools{"inference.networking.k8s.io", "v1",
                                                  "inferencepools", "InferencePool"};

// The group of what every pass looks at, whatever workload it belongs to.
inline const ObjectKey kAttended;

// Control thread only. Objects are immutable and shared. What is over stays in the API server for
// its logs and results, and is no input of a pass: the stores that it gathers in are grouped.
struct World {
  World();

  // kAttended: not over yet, or still to be let go or deleted.
  kube::Store<api::TrainingJob> training_jobs;
  kube::Store<api::InferencePool> inference_pools;
  kube::Store<api::CapacityPool> capacity_pools;
  kube::Store<api::CostPolicy> cost_policies;
  kube::Store<NamespaceView> namespaces;
  kube::Store<kube::Node> nodes;
  // kAttended: not ended yet. Those that have ended by the TrainingJob of their attempt.
  kube::Store<kube::Pod> pods;
  kube::Store<kube::Job> jobs;  // by their TrainingJob
  kube::Store<kube::Deployment> deployments;
  kube::Store<kube::Service> services;
  kube::Store<kube::PodDisruptionBudget> budgets;
  // Metadata only, and followed only where somebody asks for one: its CRD may not be there.
  kube::Store<kube::Service> gateway_pools;

  // Nothing is decided before every input is known once: absence means nothing until then.
  [[nodiscard]] bool synced() const {
    return training_jobs.synced() && inference_pools.synced() && capacity_pools.synced() &&
           cost_policies.synced() && namespaces.synced() && nodes.synced() && pods.synced() &&
           jobs.synced() && deployments.synced() && services.synced() && budgets.synced();
  }
};

}  // namespace spillway::control
