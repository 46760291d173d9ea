#pragma once
// The pod template of a workload. The operator hands it on unread, so it is kept as compact JSON
// text (thousands of jobs are held in memory), together with the little of it that planning needs:
// what one replica asks of a node.

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/api/enums.h>
#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::api {

// A toleration in the form of a pod. An empty effect matches every effect; an empty key with Exists
// matches every taint.
struct Toleration {
  std::string key;
  TolerationOperator op = TolerationOperator::kEqual;
  std::string value;
  std::optional<TaintEffect> effect;
  std::optional<std::int64_t> toleration_seconds;

  friend bool operator==(const Toleration&, const Toleration&) = default;
};

struct NodeRequirement {
  std::string key;
  NodeSelectorOperator op = NodeSelectorOperator::kIn;
  std::vector<std::string> values;

  friend bool operator==(const NodeRequirement&, const NodeRequirement&) = default;
};

// All requirements of a term must hold (matchExpressions on labels, matchFields on metadata.name).
struct NodeSelectorTerm {
  std::vector<NodeRequirement> labels;
  std::vector<NodeRequirement> fields;

  friend bool operator==(const NodeSelectorTerm&, const NodeSelectorTerm&) = default;
};

// What one replica asks of a node, computed as the scheduler does (init containers, sidecars,
// overhead, pod-level resources; a missing request is the limit). Accelerators are not in it:
// spec.accelerator.perReplica says them.
struct PodShape {
  MilliCpu cpu;
  Bytes memory;
  Labels node_selector;
  std::vector<Toleration> tolerations;
  // requiredDuringSchedulingIgnoredDuringExecution: one of the terms must match. nullopt = no such
  // affinity; an empty list matches no node, as in the scheduler.
  std::optional<std::vector<NodeSelectorTerm>> node_affinity;
  // Extended resources ("nvidia.com/gpu") that the template itself asks for: checked against
  // spec.accelerator.
  std::map<ResourceName, AcceleratorCount> extended;
  // From SIGTERM to SIGKILL: terminationGracePeriodSeconds, 30 s where the template says nothing.
  Duration termination_grace = std::chrono::seconds(30);

  friend bool operator==(const PodShape&, const PodShape&) = default;
};

// Immutable and shared: copies are cheap and safe across threads.
class PodTemplate {
 public:
  PodTemplate();  // "{}"
  // Never fails: what planning could not understand (a quantity such as "5x") is in problem().
  static PodTemplate from_json(const nlohmann::json& pod_template);

  // Compact JSON with sorted keys: a PodTemplateSpec (metadata.labels, metadata.annotations, spec).
  [[nodiscard]] const std::string& json() const { return content_->json; }
  [[nodiscard]] const PodShape& shape() const { return content_->shape; }
  // Why the template cannot be used, as "spec.containers[0].resources.requests.cpu: ...".
  // validate() reports it.
  [[nodiscard]] const std::optional<std::string>& problem() const { return content_->problem; }

  friend bool operator==(const PodTemplate& a, const PodTemplate& b) {
    return a.content_ == b.content_ || a.json() == b.json();
  }

 private:
  struct Content {
    std::string json;
    PodShape shape;
    std::optional<std::string> problem;
  };
  explicit PodTemplate(std::shared_ptr<const Content> content) : content_(std::move(content)) {}
  std::shared_ptr<const Content> content_;
};

struct Taint {
  std::string key;
  std::string value;
  TaintEffect effect = TaintEffect::kNoSchedule;

  friend bool operator==(const Taint&, const Taint&) = default;
};

// The scheduler's rules (k8s.io/component-helpers): may a pod of this shape go to a node with these
// labels, and does one of the tolerations cover the taint? PreferNoSchedule never keeps a pod away;
// callers skip it.
bool selects(const PodShape& shape, const NodeName& node, const Labels& node_labels);
bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint);

}  // namespace spillway::api
