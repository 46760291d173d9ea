#pragma once
// A node autoscaler: makes nodes of the groups that pending pods would fit on, after the time that
// a cloud takes, as long as the cloud has any; takes idle nodes away.

#include <optional>

#include <spillway/sim/node_controller.h>
#include <spillway/sim/scheduler.h>

namespace spillway::sim {

struct NodeShape {
  Labels labels;
  std::vector<api::Taint> taints;
  std::map<std::string, std::string> allocatable;  // as quantities: {"nvidia.com/gpu", "8"}
};
// A ready Node.
nlohmann::json make_node(const std::string& name, const NodeShape& shape, const std::string& now);

struct NodeGroup {
  std::string name;
  NodeShape shape;
  int max = 0;
  Duration provisioning = std::chrono::seconds(90);
  bool stocked_out = false;
  Duration retry = std::chrono::minutes(1);  // after a launch that the cloud refused
  std::optional<Duration> idle_removal;      // an empty node goes after this
};

class Autoscaler final : public Model {
 public:
  Autoscaler(VirtualTime& time, ApiServer& server, NodeController& nodes);
  void add_group(NodeGroup group);
  void set_stocked_out(const std::string& group, bool stocked_out);

 private:
  struct GroupState {
    NodeGroup group;
    int launching = 0;
    int made = 0;
  };
  void note(const Change& change);
  void sync(const ObjectKey& key) override;
  int nodes_of(const GroupState& state) const;
  void launch(GroupState& state);
  void arrive(const std::string& group);
  void remove_idle();

  NodeController& nodes_;
  std::map<std::string, GroupState> groups_;
  std::map<std::string, MonotonicTime> idle_since_;  // by node
  bool watching_ = false;
};

}  // namespace spillway::sim
