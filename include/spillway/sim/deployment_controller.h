#pragma once
// Deployments and their ReplicaSets: one ReplicaSet per template, rolled over within maxSurge and
// maxUnavailable.

#include <spillway/sim/model.h>

namespace spillway::sim {

class DeploymentController final : public Model {
 public:
  DeploymentController(VirtualTime& time, ApiServer& server, const OwnerIndex& owners);

 private:
  void note(const Change& change);
  void sync(const ObjectKey& key) override;
  Object current_set(const ObjectKey& key, const nlohmann::json& deployment);
  void roll(const nlohmann::json& deployment, const Object& current,
            const std::vector<Object>& sets);
  void scale(const nlohmann::json& set, int replicas);
  const OwnerIndex& owners_;
};

class ReplicaSetController final : public Model {
 public:
  ReplicaSetController(VirtualTime& time, ApiServer& server, const OwnerIndex& owners);

 private:
  void note(const Change& change);
  void sync(const ObjectKey& key) override;
  void start(const ObjectKey& key, const nlohmann::json& set, int number);
  const OwnerIndex& owners_;
  std::uint64_t made_ = 0;
};

}  // namespace spillway::sim
