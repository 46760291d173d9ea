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

// Every node of a group carries it, with the group's name.
inline constexpr const char* kGroupLabel = "simulate.spillway.dev/group";

struct NodeGroup {
  std::string name;
  NodeShape shape;
  int max = 0;
  Duration provisioning = std::chrono::seconds(90);
  // How many nodes the cloud would let the group have now; nullopt = as many as it likes.
  std::optional<std::int64_t> obtainable;
  Duration retry = std::chrono::minutes(1);  // after a launch that the cloud refused
  std::optional<Duration> idle_removal;      // an empty node goes after this
};

class Autoscaler final : public Model {
 public:
  Autoscaler(VirtualTime& time, ApiServer& server, NodeController& nodes);
  void add_group(NodeGroup group);
  // From now on; nodes that are there stay (NodeController::remove_node takes them).
  void set_obtainable(const std::string& group, std::optional<std::int64_t> nodes);
  void set_stocked_out(const std::string& group, bool stocked_out) {
    set_obtainable(group, stocked_out ? std::optional<std::int64_t>(0) : std::nullopt);
  }
  // The nodes that there are, by name.
  [[nodiscard]] const std::set<std::string>& nodes_of(const std::string& group) const;
  // Launches that the cloud refused so far.
  [[nodiscard]] std::int64_t refused(const std::string& group) const;

 private:
  struct GroupState {
    NodeGroup group;
    Amounts allocatable;
    std::set<std::string> nodes;
    int launching = 0;
    int made = 0;
    std::int64_t refused = 0;
  };
  struct Waiting {
    Amounts needed;
    api::PodShape shape;
  };
  void note(const Change& change);
  void note_node(const Change& change);
  void note_pod(const Change& change);
  void sync(const ObjectKey& key) override;
  void launch(GroupState& state);
  void arrive(const std::string& group);
  void look_at_idleness(const std::string& node);

  NodeController& nodes_;
  std::map<std::string, GroupState> groups_;
  std::map<ObjectKey, Waiting> waiting_;             // pods that no node has room for
  std::map<std::string, std::set<ObjectKey>> pods_;  // not ended, by node
  std::map<std::string, std::string> group_of_;      // by node
  std::map<std::string, MonotonicTime> idle_since_;  // by node
};

}  // namespace spillway::sim
