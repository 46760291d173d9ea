#include <spillway/sim/scheduler.h>

#include <algorithm>

#include <spillway/api/enums.h>
#include <spillway/core/quantity.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(10);

api::TaintEffect effect_of(const std::string& text) {
  if (text == "NoExecute") return api::TaintEffect::kNoExecute;
  return text == "PreferNoSchedule" ? api::TaintEffect::kPreferNoSchedule
                                    : api::TaintEffect::kNoSchedule;
}

// How full a node would be, in thousandths of the resource that is fullest.
std::int64_t fullness(const Amounts& wanted, const Amounts& allocatable, const Amounts& used) {
  std::int64_t fullest = 0;
  for (const auto& [name, amount] : wanted) {
    const auto all = allocatable.find(name);
    const auto now = used.find(name);
    if (all == allocatable.end() || all->second == 0 || name == "pods") continue;
    fullest =
        std::max(fullest, ((now == used.end() ? 0 : now->second) + amount) * 1000 / all->second);
  }
  return fullest;
}

}  // namespace

Amounts requested_by(const kube::Pod& pod) {
  Amounts amounts{{"pods", 1}};
  if (pod.requests.cpu.value() > 0) amounts["cpu"] = pod.requests.cpu.value();
  if (pod.requests.memory.value() > 0) amounts["memory"] = pod.requests.memory.value();
  for (const auto& [name, count] : pod.requests.extended)
    amounts[name.str()] = count;
  return amounts;
}

void add(Amounts& to, const Amounts& what, int sign) {
  for (const auto& [name, amount] : what)
    to[name] += sign * amount;
}

bool fits(const Amounts& wanted, const Amounts& allocatable, const Amounts& used) {
  return std::ranges::all_of(wanted, [&](const auto& entry) {
    const auto all = allocatable.find(entry.first);
    const auto now = used.find(entry.first);
    return all != allocatable.end() &&
           (now == used.end() ? 0 : now->second) + entry.second <= all->second;
  });
}

api::PodShape shape_of(const json& pod) {
  return api::PodTemplate::from_json({{"spec", pod.at("spec")}}).shape();
}

Labels labels_of_node(const json& node) {
  return node.at("metadata").value("labels", Labels());
}

std::vector<api::Taint> taints_of(const json& node) {
  std::vector<api::Taint> taints;
  for (const json& taint : list_in(node, "spec", "taints")) {
    taints.push_back({.key = taint.value("key", ""),
                      .value = taint.value("value", ""),
                      .effect = effect_of(taint.value("effect", ""))});
  }
  return taints;
}

Amounts allocatable_of(const json& node) {
  Amounts amounts;
  const json& allocatable = map_in(node, "status", "allocatable");
  for (const auto& [name, text] : allocatable.items()) {
    const auto value = text.get<std::string>();
    const auto parsed = name == "cpu" ? parse_quantity_milli(value) : parse_quantity(value);
    amounts[name] = parsed.value_or(0);
  }
  return amounts;
}

std::optional<std::string_view> keeps_away(const api::PodShape& shape, const std::string& node_name,
                                           const Labels& labels,
                                           const std::vector<api::Taint>& taints) {
  for (const api::Taint& taint : taints) {
    if (taint.effect == api::TaintEffect::kPreferNoSchedule ||
        api::tolerates(shape.tolerations, taint))
      continue;
    return "node(s) had untolerated taint(s)";
  }
  if (!api::selects(shape, NodeName(node_name), labels))
    return "node(s) didn't match Pod's node affinity/selector";
  return std::nullopt;
}

Scheduler::Scheduler(VirtualTime& time, ApiServer& server)
    : Model(time, server, "kube-scheduler", kLatency) {
  server.listen([this](const Change& change) { note(change); });
}

Scheduler::Turn Scheduler::turn_of(const ObjectKey& key, const json& pod) {
  return {-number_in(pod, 0, "spec", "priority"), pod.at("metadata").at("creationTimestamp"), key};
}

void Scheduler::note(const Change& change) {
  if (change.type == kube::kPods) note_pod(change);
  if (change.type == kube::kNodes) note_node(change);
}

void Scheduler::note_node(const Change& change) {
  const std::string name = change.key.name.str();
  if (change.kind == ChangeKind::kDeleted) {
    nodes_.erase(name);
    return;
  }
  NodeView& view = nodes_[name];
  const json& node = *change.object;
  view.labels = labels_of_node(node);
  view.taints = taints_of(node);
  view.allocatable = allocatable_of(node);
  view.unschedulable = is_set(node, "spec", "unschedulable") || !condition_holds(node, "Ready");
  if (!queue_.empty()) look_at({});
}

void Scheduler::note_pod(const Change& change) {
  const json& pod = *change.object;
  const bool gone = change.kind == ChangeKind::kDeleted || has_ended(pod);
  const std::string node = string_in(pod, "spec", "nodeName");
  const bool waits =
      !gone && node.empty() && !is_deleting(pod) && list_in(pod, "spec", "schedulingGates").empty();
  const Turn turn = turn_of(change.key, pod);
  if (!waits) queue_.erase(turn);
  if (waits && !queue_.contains(turn)) {
    const auto typed = kube::Pod::from_json(pod);
    if (!typed) return;  // the API server took it; the scheduler cannot
    queue_.emplace(turn, Waiting{.shape = shape_of(pod), .wanted = requested_by(*typed)});
    look_at({});
  }
  const auto before = bound_.find(change.key);
  const bool holds = !gone && !node.empty();
  if (before != bound_.end() && !holds) {
    add(nodes_[before->second.first].used, before->second.second, -1);
    bound_.erase(before);
    if (!queue_.empty()) look_at({});
  } else if (before == bound_.end() && holds) {
    const auto typed = kube::Pod::from_json(pod);
    if (!typed) return;
    const auto& entry =
        bound_.emplace(change.key, std::pair(node, requested_by(*typed))).first->second;
    add(nodes_[node].used, entry.second);
  }
}

void Scheduler::sync(const ObjectKey&) {
  std::vector<Turn> turns;  // binding changes the queue
  turns.reserve(queue_.size());
  for (const auto& [turn, waiting] : queue_)
    turns.push_back(turn);
  const Waiting* refused = nullptr;
  std::string why_not;
  for (const Turn& turn : turns) {
    const auto found = queue_.find(turn);
    if (found == queue_.end()) continue;
    const Waiting& waiting = found->second;
    const ObjectKey& pod = std::get<2>(turn);
    // The ranks of a job ask for the same, one after the other.
    const bool the_same =
        refused != nullptr && refused->wanted == waiting.wanted && refused->shape == waiting.shape;
    if (!the_same) {
      const auto node = node_for(waiting, why_not);
      if (node) {
        refused = nullptr;
        bind(pod, *node);
        continue;
      }
    }
    refused = &waiting;
    refuse(pod, why_not);
  }
}

// The emptiest of those that it fits on; else why there is none.
std::optional<std::string> Scheduler::node_for(const Waiting& waiting, std::string& why_not) const {
  const std::string* best = nullptr;
  std::int64_t emptiest = 0;
  std::map<std::string_view, int> reasons;
  int nodes = 0;
  for (const auto& [name, view] : nodes_) {
    if (view.allocatable.empty()) continue;  // pods are bound to it, but it is no node any more
    ++nodes;
    std::optional<std::string_view> why;
    if (view.unschedulable) why = "node(s) were unschedulable";
    if (!why) why = keeps_away(waiting.shape, name, view.labels, view.taints);
    if (!why && !fits(waiting.wanted, view.allocatable, view.used)) why = "Insufficient resources";
    if (why) {
      ++reasons[*why];
      continue;
    }
    const std::int64_t full = fullness(waiting.wanted, view.allocatable, view.used);
    if (best == nullptr || full < emptiest) {
      best = &name;
      emptiest = full;
    }
  }
  if (best != nullptr) return *best;
  why_not = "0/" + std::to_string(nodes) + " nodes are available";
  const char* separator = ": ";
  for (const auto& [reason, count] : reasons) {
    why_not += separator + std::to_string(count) + " " + std::string(reason);
    separator = ", ";
  }
  why_not += ".";
  return std::nullopt;
}

void Scheduler::bind(const ObjectKey& pod, const std::string& node) {
  edit(kube::kPods, pod, "binding", [&](json& next) {
    next["spec"]["nodeName"] = node;
    set_condition(next["status"], "PodScheduled", true, "", "", stamp());
  });
}

void Scheduler::refuse(const ObjectKey& pod, const std::string& message) {
  const Object there = server_.find(kube::kPods, pod);
  const json* said = there ? condition_of(*there, "PodScheduled") : nullptr;
  if (said != nullptr && text_in(*said, "reason") == "Unschedulable" &&
      text_in(*said, "message") == message)
    return;
  edit(kube::kPods, pod, "status", [&](json& next) {
    set_condition(next["status"], "PodScheduled", false, "Unschedulable", message, stamp());
  });
}

}  // namespace spillway::sim
