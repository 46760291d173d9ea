#include <spillway/sim/autoscaler.h>

#include <algorithm>

#include <spillway/core/quantity.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::seconds(1);

Amounts amounts_of(const std::map<std::string, std::string>& quantities) {
  Amounts amounts;
  for (const auto& [name, text] : quantities) {
    amounts[name] = (name == "cpu" ? parse_quantity_milli(text) : parse_quantity(text)).value_or(0);
  }
  return amounts;
}

bool waits(const json& pod) {
  const json* scheduled = condition_of(pod, "PodScheduled");
  return scheduled != nullptr && text_in(*scheduled, "reason") == "Unschedulable" &&
         text_in(pod, "spec", "nodeName").empty() && !is_deleting(pod);
}

}  // namespace

json make_node(const std::string& name, const NodeShape& shape, const std::string& now) {
  json node = {{"metadata", {{"name", name}, {"labels", shape.labels}}}, {"spec", json::object()}};
  node["metadata"]["labels"]["kubernetes.io/hostname"] = name;
  for (const api::Taint& taint : shape.taints) {
    node["spec"]["taints"].push_back(
        {{"key", taint.key}, {"value", taint.value}, {"effect", api::to_string(taint.effect)}});
  }
  node["status"] = {{"allocatable", shape.allocatable}, {"capacity", shape.allocatable}};
  set_condition(node["status"], "Ready", true, "KubeletReady", "kubelet is posting ready status",
                now);
  return node;
}

Autoscaler::Autoscaler(VirtualTime& time, ApiServer& server, NodeController& nodes)
    : Model(time, server, "cluster-autoscaler", kLatency), nodes_(nodes) {
  server.listen([this](const Change& change) { note(change); });
}

void Autoscaler::add_group(NodeGroup group) {
  group.shape.labels[kGroupLabel] = group.name;
  Amounts allocatable = amounts_of(group.shape.allocatable);
  const std::string name = group.name;
  groups_[name] = {.group = std::move(group), .allocatable = std::move(allocatable), .nodes = {}};
  look_at({});
}

void Autoscaler::set_obtainable(const std::string& group, std::optional<std::int64_t> nodes) {
  groups_.at(group).group.obtainable = nodes;
  look_at({});
}

const std::set<std::string>& Autoscaler::nodes_of(const std::string& group) const {
  return groups_.at(group).nodes;
}

std::int64_t Autoscaler::refused(const std::string& group) const {
  return groups_.at(group).refused;
}

// ---- what there is

void Autoscaler::note(const Change& change) {
  if (change.type == kube::kNodes) note_node(change);
  if (change.type == kube::kPods) note_pod(change);
}

void Autoscaler::note_node(const Change& change) {
  const std::string& node = change.key.name.str();
  if (change.kind == ChangeKind::kAdded) {
    const auto group = groups_.find(labels_of_node(*change.object)[kGroupLabel]);
    if (group == groups_.end()) return;
    group->second.nodes.insert(node);
    group_of_[node] = group->first;
    look_at_idleness(node);
  } else if (change.kind == ChangeKind::kDeleted) {
    const auto group = group_of_.find(node);
    if (group == group_of_.end()) return;
    groups_.at(group->second).nodes.erase(node);
    group_of_.erase(group);
    idle_since_.erase(node);
  }
}

void Autoscaler::note_pod(const Change& change) {
  const json& pod = *change.object;
  const bool over = change.kind == ChangeKind::kDeleted || has_ended(pod);
  if (const std::string node = string_in(pod, "spec", "nodeName"); !node.empty()) {
    auto& here = pods_[node];
    over ? static_cast<void>(here.erase(change.key)) : static_cast<void>(here.insert(change.key));
    if (here.empty()) pods_.erase(node);
    look_at_idleness(node);
  }
  if (over || !waits(pod)) {
    waiting_.erase(change.key);
    return;
  }
  if (!waiting_.contains(change.key)) {
    const auto typed = kube::Pod::from_json(pod);
    if (!typed) return;  // the API server took it; nobody could place it
    waiting_.emplace(change.key, Waiting{.needed = requested_by(*typed), .shape = shape_of(pod)});
  }
  look_at({});
}

// ---- making nodes

// First fit over the nodes that are on their way, then over new ones.
void Autoscaler::sync(const ObjectKey&) {
  std::map<std::string, std::vector<Amounts>> coming;  // what is used of each, by group
  std::map<std::string, int> wanted;
  for (const auto& [name, state] : groups_)
    coming[name].resize(static_cast<std::size_t>(state.launching));
  for (const auto& [key, pod] : waiting_) {
    for (const auto& [name, state] : groups_) {
      if (keeps_away(pod.shape, name, state.group.shape.labels, state.group.shape.taints) ||
          !fits(pod.needed, state.allocatable, {}))
        continue;
      auto& nodes = coming[name];
      auto place = std::ranges::find_if(
          nodes, [&](const Amounts& used) { return fits(pod.needed, state.allocatable, used); });
      if (place == nodes.end()) {
        const auto there = static_cast<int>(state.nodes.size()) + state.launching + wanted[name];
        if (there >= state.group.max) continue;
        ++wanted[name];
        nodes.emplace_back();
        place = std::prev(nodes.end());
      }
      add(*place, pod.needed);
      break;
    }
  }
  for (auto& [name, state] : groups_) {
    for (int i = 0; i < wanted[name]; ++i)
      launch(state);
  }
}

void Autoscaler::launch(GroupState& state) {
  ++state.launching;
  const auto& obtainable = state.group.obtainable;
  const auto there = static_cast<std::int64_t>(state.nodes.size()) + state.launching;
  const bool refuses = obtainable && there > *obtainable;
  time_.after(refuses ? state.group.retry : state.group.provisioning,
              [this, name = state.group.name] { arrive(name); });
}

// The cloud's word is that of the moment in which the node would be there.
void Autoscaler::arrive(const std::string& group) {
  GroupState& state = groups_.at(group);
  --state.launching;
  const auto& obtainable = state.group.obtainable;
  if (obtainable && static_cast<std::int64_t>(state.nodes.size()) >= *obtainable) {
    ++state.refused;
  } else {
    create(kube::kNodes,
           make_node(group + "-" + std::to_string(++state.made), state.group.shape, stamp()));
  }
  look_at({});
}

// ---- taking idle ones away

void Autoscaler::look_at_idleness(const std::string& node) {
  const auto group = group_of_.find(node);
  if (group == group_of_.end() || pods_.contains(node)) {
    idle_since_.erase(node);
    return;
  }
  const auto patience = groups_.at(group->second).group.idle_removal;
  if (!patience || !idle_since_.emplace(node, time_.monotonic()).second) return;
  time_.after(*patience, [this, node, since = time_.monotonic()] {
    const auto idle = idle_since_.find(node);
    if (idle != idle_since_.end() && idle->second == since) nodes_.remove_node(node);
  });
}

}  // namespace spillway::sim
