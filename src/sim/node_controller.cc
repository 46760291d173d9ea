#include <spillway/sim/node_controller.h>

#include <algorithm>

#include <spillway/sim/scheduler.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(20);
constexpr Duration kCollectionPeriod = std::chrono::seconds(20);
constexpr const char* kUnreachable = "node.kubernetes.io/unreachable";

// How long a pod stays on an unreachable node: nullopt = for ever.
std::optional<Duration> patience_of(const json& pod) {
  for (const json& toleration : list_in(pod, "spec", "tolerations")) {
    const std::string_view key = text_in(toleration, "key");
    const std::string_view effect = text_in(toleration, "effect");
    if ((!key.empty() && key != kUnreachable) || (!effect.empty() && effect != "NoExecute"))
      continue;
    if (!toleration.contains("tolerationSeconds")) return std::nullopt;
    return std::chrono::seconds(toleration["tolerationSeconds"].get<std::int64_t>());
  }
  return Duration(0);
}

}  // namespace

NodeController::NodeController(VirtualTime& time, ApiServer& server, Kubelets& kubelets,
                               NodeTimes times)
    : Model(time, server, "kube-controller-manager", kLatency), kubelets_(kubelets), times_(times) {
  server.listen([this](const Change& change) { note(change); });
}

void NodeController::note(const Change& change) {
  if (change.type == kube::kNodes && change.kind == ChangeKind::kDeleted) {
    time_.after(times_.orphan_quarantine,
                [this, node = change.key.name.str()] { end_orphans(node); });
  }
  if (change.type == kube::kPods) note_pod(change);
}

void NodeController::note_pod(const Change& change) {
  const std::string node = string_in(*change.object, "spec", "nodeName");
  if (change.kind == ChangeKind::kDeleted) {
    const auto there = pods_.find(node);
    if (there == pods_.end()) return;
    there->second.erase(change.key);
    if (there->second.empty()) pods_.erase(there);
  } else if (!node.empty()) {
    pods_[node].insert(change.key);
  } else if (is_deleting(*change.object)) {
    look_at_later(change.key, kCollectionPeriod);
  }
}

std::vector<std::pair<ObjectKey, Object>> NodeController::pods_on(const std::string& node) const {
  std::vector<std::pair<ObjectKey, Object>> pods;
  const auto there = pods_.find(node);
  if (there == pods_.end()) return pods;
  for (const ObjectKey& key : there->second) {
    if (Object pod = server_.find(kube::kPods, key)) pods.emplace_back(key, std::move(pod));
  }
  return pods;
}

// A deleted pod that no kubelet ever had.
void NodeController::sync(const ObjectKey& key) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || !is_deleting(*pod) || !text_in(*pod, "spec", "nodeName").empty()) return;
  if (text_in(*pod, "status", "phase") == "Failed") return;
  edit(kube::kPods, key, "status", [](json& next) { next["status"]["phase"] = "Failed"; });
}

void NodeController::lose(const std::string& node) {
  kubelets_.silence(node);
  time_.after(times_.monitor_grace, [this, node] {
    if (kubelets_.runs(node)) return;
    set_ready(node, false);
    evict_intolerant(node);
  });
}

void NodeController::bring_back(const std::string& node) {
  kubelets_.bring_back(node);
  set_ready(node, true);
}

void NodeController::set_ready(const std::string& node, bool ready) {
  const ObjectKey key{.name = ObjectName(node)};
  edit(kube::kNodes, key, "status", [&](json& next) {
    set_condition(next["status"], "Ready", ready, ready ? "KubeletReady" : "NodeStatusUnknown",
                  ready ? "" : "Kubelet stopped posting node status.", stamp());
    if (ready) return;
    for (json& condition : next["status"]["conditions"]) {
      if (condition["type"] == "Ready") condition["status"] = "Unknown";
    }
  });
  edit(kube::kNodes, key, "", [&](json& next) {
    json& taints = next["spec"]["taints"];
    if (!taints.is_array()) taints = json::array();
    std::erase_if(taints.get_ref<json::array_t&>(),
                  [](const json& taint) { return text_in(taint, "key") == kUnreachable; });
    if (!ready) {
      for (const char* effect : {"NoSchedule", "NoExecute"})
        taints.push_back({{"key", kUnreachable}, {"effect", effect}, {"timeAdded", stamp()}});
    }
    if (taints.empty()) next["spec"].erase("taints");
  });
}

void NodeController::evict_intolerant(const std::string& node) {
  for (const auto& [key, pod] : pods_on(node)) {
    if (is_deleting(*pod)) continue;
    const auto patience = patience_of(*pod);
    if (!patience) continue;
    const std::string uid = pod->at("metadata").at("uid");
    time_.after(*patience, [this, node, uid, pod_key = key] {
      const Object there = server_.find(kube::kPods, pod_key);
      if (kubelets_.runs(node) || !there || there->at("metadata").at("uid") != uid ||
          is_deleting(*there))
        return;
      disrupt(pod_key, *there, "DeletionByTaintManager",
              "Taint manager: deleting due to NoExecute taint", false);
    });
  }
}

void NodeController::remove_node(const std::string& node) {
  const ObjectKey key{.name = ObjectName(node)};
  kubelets_.silence(node);
  if (const Object there = server_.find(kube::kNodes, key)) remove(kube::kNodes, key, *there);
}

void NodeController::end_orphans(const std::string& node) {
  if (server_.find(kube::kNodes, {.name = ObjectName(node)})) return;
  for (const auto& [key, pod] : pods_on(node))
    disrupt(key, *pod, "DeletionByPodGC", "PodGC: node no longer exists", true);
}

void NodeController::disrupt(const ObjectKey& pod, const json& object, const std::string& reason,
                             const std::string& message, bool by_force) {
  edit(kube::kPods, pod, "status", [&](json& next) {
    json& status = next["status"];
    if (has_ended(next)) return;
    set_condition(status, "DisruptionTarget", true, reason, message, stamp());
    if (by_force) status["phase"] = "Failed";
  });
  kube::DeleteOptions options;
  if (by_force) options.grace = std::chrono::seconds(0);
  remove(kube::kPods, pod, object, options);
}

}  // namespace spillway::sim
