#pragma once
// From the decision on an InferencePool to the requests that make it so: status, Service, one
// Deployment for each pool in use, PodDisruptionBudget. Pure; used within one pass.

#include <cstdint>
#include <functional>
#include <set>
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
  InferenceReconciler(Context context, AppliedObjects& applied);

  // Chains that do not wait for each other: the pool's own, and that of the gateway's object.
  std::vector<Work> work_for(const plan::InferenceDecision& decision);

 private:
  struct DeploymentTarget {
    std::size_t pool = 0;
    std::int64_t wanted = 0;    // by the plan
    std::int64_t replicas = 0;  // with those that serve until others do
    Shared<kube::Deployment> existing;
  };

  Work own_work(const plan::InferenceDecision& decision, const api::Condition* gateway);
  Work gateway_work(const api::InferencePool& object);
  [[nodiscard]] std::optional<api::Condition> gateway_condition(const api::InferencePool& object,
                                                                const Work& outstanding) const;
  void inference_children(Work& work, const plan::InferenceDecision& decision,
                          const api::InferencePool& object);
  [[nodiscard]] std::vector<Shared<kube::Pod>> lost_replicas(std::size_t workload) const;
  [[nodiscard]] const InferenceShareChildren* children_on(std::size_t workload,
                                                          std::size_t pool) const;
  void drain(std::vector<Write>& writes, const plan::InferenceDecision& decision,
             const DeploymentTarget& target, const std::function<void()>& apply_deployment) const;
  void end_replicas(std::vector<Write>& deletions, std::set<Uid>& ending,
                    const InferenceShareChildren& children, std::size_t workload,
                    const plan::Drain& drain) const;
  void confirm_waiting(std::vector<Write>& writes, std::size_t workload,
                       const DeploymentTarget& target) const;
  static void mark_leaving(std::vector<Write>& writes, const InferenceShareChildren& children,
                           std::multiset<std::size_t> leave);
  [[nodiscard]] std::int64_t staying_for_now(const plan::InferenceDecision& decision,
                                             std::size_t pool) const;
  [[nodiscard]] std::vector<DeploymentTarget> targets(
      const plan::InferenceDecision& decision) const;
  void deployment(Work& work, const api::InferencePool& object, const DeploymentTarget& target);
  template <class Existing, class Make>
  void apply(Work& work, const Origin& origin, kube::ResourceType type, const Existing& existing,
             const ObjectKey& key, const Make& make, bool force);

  Context context_;
  AppliedObjects& applied_;
  std::set<std::size_t> goes_;  // nodes whose pods are to leave
};

}  // namespace spillway::control
