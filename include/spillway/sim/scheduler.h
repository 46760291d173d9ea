#pragma once
// The scheduler: binds pending pods to nodes with room, by node selector, required node affinity,
// taints and resources (extended ones included); by priority, then age. Of the nodes that fit the
// emptiest is taken, as LeastAllocated does.

#include <optional>

#include <spillway/api/pod_template.h>
#include <spillway/kube/types.h>
#include <spillway/sim/model.h>

namespace spillway::sim {

// Cpu in millis, everything else in whole units, by resource name; "pods" counts pods.
using Amounts = std::map<std::string, std::int64_t>;
Amounts requested_by(const kube::Pod& pod);
bool fits(const Amounts& wanted, const Amounts& allocatable, const Amounts& used);
void add(Amounts& to, const Amounts& what, int sign = 1);

// The constraints of a pod as the scheduler reads them.
api::PodShape shape_of(const nlohmann::json& pod);
Labels labels_of_node(const nlohmann::json& node);
std::vector<api::Taint> taints_of(const nlohmann::json& node);
Amounts allocatable_of(const nlohmann::json& node);
// nullopt when a pod of this shape may go to such a node, else why not, in the scheduler's words.
std::optional<std::string_view> keeps_away(const api::PodShape& shape, const std::string& node_name,
                                           const Labels& labels,
                                           const std::vector<api::Taint>& taints);

class Scheduler final : public Model {
 public:
  Scheduler(VirtualTime& time, ApiServer& server);

 private:
  struct NodeView {
    Labels labels;
    std::vector<api::Taint> taints;
    Amounts allocatable;
    Amounts used;
    bool unschedulable = false;
  };
  struct Waiting {
    api::PodShape shape;
    Amounts wanted;
  };
  using Turn = std::tuple<std::int64_t, std::string, ObjectKey>;  // less priority, creation, name

  void note(const Change& change);
  void note_pod(const Change& change);
  void note_node(const Change& change);
  void sync(const ObjectKey& key) override;
  [[nodiscard]] std::optional<std::string> node_for(const Waiting& waiting,
                                                    std::string& why_not) const;
  void bind(const ObjectKey& pod, const std::string& node);
  void refuse(const ObjectKey& pod, const std::string& message);
  static Turn turn_of(const ObjectKey& key, const nlohmann::json& pod);

  std::map<std::string, NodeView> nodes_;
  std::map<ObjectKey, std::pair<std::string, Amounts>> bound_;
  std::map<Turn, Waiting> queue_;
};

}  // namespace spillway::sim
