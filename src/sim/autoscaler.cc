#include <spillway/sim/autoscaler.h>

#include <algorithm>

#include <spillway/core/quantity.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::seconds(1);
constexpr Duration kIdleCheck = std::chrono::seconds(30);
constexpr const char* kGroupLabel = "simulate.spillway.dev/group";

Amounts amounts_of(const std::map<std::string, std::string>& quantities) {
  Amounts amounts;
  for (const auto& [name, text] : quantities) {
    amounts[name] = (name == "cpu" ? parse_quantity_milli(text) : parse_quantity(text)).value_or(0);
  }
  return amounts;
}

bool waits(const json& pod) {
  const json* scheduled = condition_of(pod, "PodScheduled");
  return scheduled != nullptr && scheduled->value("reason", "") == "Unschedulable" &&
         pod.value("/spec/nodeName"_json_pointer, "").empty() && !is_deleting(pod);
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
  if (group.idle_removal && !std::exchange(watching_, true))
    time_.after(kIdleCheck, [this] { remove_idle(); });
  const std::string name = group.name;
  groups_[name] = {.group = std::move(group)};
  look_at({});
}

void Autoscaler::set_stocked_out(const std::string& group, bool stocked_out) {
  groups_.at(group).group.stocked_out = stocked_out;
  look_at({});
}

void Autoscaler::note(const Change& change) {
  if (change.type == kube::kPods && change.kind != ChangeKind::kDeleted && waits(*change.object))
    look_at({});
}

int Autoscaler::nodes_of(const GroupState& state) const {
  int count = state.launching;
  for (const auto& [key, node] : server_.all(kube::kNodes)) {
    if (labels_of_node(*node)[kGroupLabel] == state.group.name) ++count;
  }
  return count;
}

// First fit over the nodes that are on their way, then over new ones.
void Autoscaler::sync(const ObjectKey&) {
  std::map<std::string, std::vector<Amounts>> coming;  // what is used of each, by group
  std::map<std::string, int> wanted;
  for (const auto& [name, state] : groups_)
    coming[name].resize(static_cast<std::size_t>(state.launching));
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    if (!waits(*pod)) continue;
    const auto typed = kube::Pod::from_json(*pod);
    if (!typed) continue;
    const Amounts needed = requested_by(*typed);
    const api::PodShape shape = shape_of(*pod);
    for (auto& [name, state] : groups_) {
      const Amounts all = amounts_of(state.group.shape.allocatable);
      if (keeps_away(shape, name, state.group.shape.labels, state.group.shape.taints) ||
          !fits(needed, all, {}))
        continue;
      auto& nodes = coming[name];
      auto place =
          std::ranges::find_if(nodes, [&](const Amounts& used) { return fits(needed, all, used); });
      if (place == nodes.end()) {
        if (nodes_of(state) + wanted[name] >= state.group.max) continue;
        ++wanted[name];
        nodes.emplace_back();
        place = std::prev(nodes.end());
      }
      add(*place, needed);
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
  const Duration delay = state.group.stocked_out ? state.group.retry : state.group.provisioning;
  time_.after(delay, [this, name = state.group.name] { arrive(name); });
}

void Autoscaler::arrive(const std::string& group) {
  GroupState& state = groups_.at(group);
  --state.launching;
  if (!state.group.stocked_out)
    create(kube::kNodes,
           make_node(group + "-" + std::to_string(++state.made), state.group.shape, stamp()));
  look_at({});
}

void Autoscaler::remove_idle() {
  std::set<std::string> busy;
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    const std::string phase = pod->value("/status/phase"_json_pointer, "");
    if (phase != "Succeeded" && phase != "Failed")
      busy.insert(pod->value("/spec/nodeName"_json_pointer, ""));
  }
  const Collection nodes = server_.all(kube::kNodes);
  for (const auto& [key, node] : nodes) {
    const std::string name = key.name.str();
    const auto group = groups_.find(labels_of_node(*node)[kGroupLabel]);
    if (group == groups_.end() || !group->second.group.idle_removal || busy.contains(name)) {
      idle_since_.erase(name);
      continue;
    }
    const auto since = idle_since_.emplace(name, time_.monotonic()).first->second;
    if (time_.monotonic() - since < *group->second.group.idle_removal) continue;
    idle_since_.erase(name);
    nodes_.remove_node(name);
  }
  time_.after(kIdleCheck, [this] { remove_idle(); });
}

}  // namespace spillway::sim
