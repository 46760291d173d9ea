#pragma once
// From the decision on an InferencePool to the requests that make it so: status, Service, one
// Deployment for each pool in use, PodDisruptionBudget. Pure; used within one pass.

#include <cstdint>
#include <string>
#include <vector>

#include <spillway/control/reconcile.h>

namespace spillway::control {

class InferenceReconciler {
 public:
  struct Context {
    const World& world;
    const Picture& picture;
    const Reconciler::TroubleOf& trouble_of;
    bool observe = false;
    Instant now{};
  };
  // `applied` outlives the pass.
  InferenceReconciler(Context context, AppliedObjects& applied)
      : context_(context), applied_(applied) {}

  Work work_for(const plan::InferenceDecision& decision);

 private:
  struct DeploymentTarget {
    std::size_t pool = 0;
    std::int64_t replicas = 0;
    Shared<kube::Deployment> existing;
  };

  void inference_children(Work& work, const plan::InferenceDecision& decision,
                          const api::InferencePool& object);
  [[nodiscard]] std::vector<Shared<kube::Pod>> lost_replicas(std::size_t workload) const;
  void mark_leaving(Work& work, const plan::InferenceDecision& decision,
                    const DeploymentTarget& target) const;
  [[nodiscard]] std::vector<DeploymentTarget> targets(
      const plan::InferenceDecision& decision) const;
  void deployment(Work& work, const api::InferencePool& object, const std::string& made_from,
                  const DeploymentTarget& target);
  template <class Existing, class Make>
  void apply(Work& work, const api::InferencePool& owner, kube::ResourceType type,
             const Existing& existing, const ObjectKey& key, const std::string& fingerprint,
             const Make& make, bool force);

  Context context_;
  AppliedObjects& applied_;
};

}  // namespace spillway::control
