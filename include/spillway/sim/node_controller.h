#pragma once
// What the controller manager does about nodes and their pods: a kubelet that is silent makes its
// node NotReady, then unreachable, then its pods are evicted when they tolerate it no longer; pods
// whose node is gone, and deleted pods that were never bound, are ended by force (pod garbage
// collection). Pods that go this way carry the condition DisruptionTarget.

#include <spillway/sim/kubelets.h>

namespace spillway::sim {

struct NodeTimes {
  Duration monitor_grace = std::chrono::seconds(50);  // silence until a node is Unknown
  Duration orphan_quarantine = std::chrono::seconds(40);
};

class NodeController final : public Model {
 public:
  NodeController(VirtualTime& time, ApiServer& server, Kubelets& kubelets, NodeTimes times = {});

  // The machine stops answering; nobody is told.
  void lose(const std::string& node);
  void bring_back(const std::string& node);
  // The Node object goes, as a cloud controller or an autoscaler removes it.
  void remove_node(const std::string& node);

 private:
  void note(const Change& change);
  void note_pod(const Change& change);
  [[nodiscard]] std::vector<std::pair<ObjectKey, Object>> pods_on(const std::string& node) const;
  void sync(const ObjectKey& key) override;
  void set_ready(const std::string& node, bool ready);
  void evict_intolerant(const std::string& node);
  void end_orphans(const std::string& node);
  void disrupt(const ObjectKey& pod, const nlohmann::json& object, const std::string& reason,
               const std::string& message, bool by_force);

  Kubelets& kubelets_;
  NodeTimes times_;
  std::map<std::string, std::set<ObjectKey>> pods_;  // bound, by node; whether they ended or not
};

}  // namespace spillway::sim
