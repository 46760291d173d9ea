#include <spillway/sim/deployment_controller.h>

#include <algorithm>
#include <charconv>

#include <spillway/core/text.h>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(20);
constexpr const char* kHash = "pod-template-hash";

ObjectKey key_of(const json& object) {
  return {.ns = Namespace(object.at("metadata").at("namespace").get<std::string>()),
          .name = ObjectName(object.at("metadata").at("name").get<std::string>())};
}

int wanted_of(const json& object) {
  return static_cast<int>(number_in(object, 1, "spec", "replicas"));
}
int status_of(const json& object, const char* field) {
  return static_cast<int>(number_in(object, 0, "status", field));
}

// What ending it costs (KEP-2255).
int deletion_cost(const json& pod) {
  const std::string_view cost =
      text_in(pod, "metadata", "annotations", "controller.kubernetes.io/pod-deletion-cost");
  int value = 0;
  std::from_chars(cost.data(), cost.data() + cost.size(), value);
  return value;
}

// "25%" or 2, of `total`.
int share(const json* amount, int total, bool up) {
  if (amount == nullptr) return 0;
  if (amount->is_number_integer()) return amount->get<int>();
  const int percent = std::stoi(amount->get<std::string>());
  return (total * percent + (up ? 99 : 0)) / 100;
}

void owners_looked_at(const Change& change, const std::string& kind,
                      const std::function<void(const ObjectKey&)>& look) {
  for (const json& owner : list_in(*change.object, "metadata", "ownerReferences")) {
    if (text_in(owner, "kind") == kind)
      look({.ns = change.key.ns, .name = ObjectName(string_in(owner, "name"))});
  }
}

void number(json& status, const char* field, int value) {
  status.erase(field);
  if (value != 0) status[field] = value;
}

}  // namespace

DeploymentController::DeploymentController(VirtualTime& time, ApiServer& server,
                                           const OwnerIndex& owners)
    : Model(time, server, "kube-controller-manager", kLatency), owners_(owners) {
  server.listen([this](const Change& change) { note(change); });
}

void DeploymentController::note(const Change& change) {
  if (change.type == kube::kDeployments) look_at(change.key);
  if (change.type == kReplicaSets)
    owners_looked_at(change, "Deployment", [this](const ObjectKey& key) { look_at(key); });
}

Object DeploymentController::current_set(const ObjectKey& key, const json& deployment) {
  const json& pods = deployment.at("spec").at("template");
  const std::string hash = name_suffix(pods.dump());
  const ObjectKey set_key{.ns = key.ns, .name = ObjectName(key.name.str() + "-" + hash)};
  if (Object there = server_.find(kReplicaSets, set_key)) return there;
  json set = {
      {"metadata",
       {{"name", set_key.name.str()},
        {"namespace", key.ns.str()},
        {"labels", map_in(pods, "metadata", "labels")},
        {"ownerReferences", json::array({controller_reference(deployment, kube::kDeployments)})}}},
      {"spec",
       {{"replicas", 0}, {"selector", deployment.at("spec").at("selector")}, {"template", pods}}}};
  set["metadata"]["labels"][kHash] = hash;
  set["spec"]["selector"]["matchLabels"][kHash] = hash;
  set["spec"]["template"]["metadata"]["labels"][kHash] = hash;
  create(kReplicaSets, std::move(set));
  return server_.find(kReplicaSets, set_key);
}

void DeploymentController::sync(const ObjectKey& key) {
  const Object deployment = server_.find(kube::kDeployments, key);
  if (!deployment || is_deleting(*deployment)) return;
  const Object current = current_set(key, *deployment);
  if (!current || !controlled_by(*current, deployment->at("metadata").at("uid"))) return;
  const auto sets =
      owners_.children(deployment->at("metadata").at("uid").get<std::string>(), kReplicaSets);
  roll(*deployment, current, sets);
  int replicas = 0;
  int ready = 0;
  for (const Object& set : sets) {
    replicas += status_of(*set, "replicas");
    ready += status_of(*set, "readyReplicas");
  }
  edit_status(kube::kDeployments, key, [&](const json& live, json& status) {
    const int wanted = wanted_of(live);
    status["observedGeneration"] = live.at("metadata").at("generation");
    number(status, "replicas", replicas);
    number(status, "readyReplicas", ready);
    number(status, "availableReplicas", ready);
    number(status, "updatedReplicas", status_of(*current, "replicas"));
    number(status, "unavailableReplicas", std::max(0, wanted - ready));
    const json* may_miss = find_in(live, "spec", "strategy", "rollingUpdate", "maxUnavailable");
    const bool available = ready >= wanted - share(may_miss, wanted, false);
    set_condition(status, "Available", available,
                  available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                  available ? "Deployment has minimum availability."
                            : "Deployment does not have minimum availability.",
                  stamp());
  });
}

void DeploymentController::roll(const json& deployment, const Object& current,
                                const std::vector<Object>& sets) {
  const int wanted = wanted_of(deployment);
  const json& strategy = deployment.at("spec").at("strategy");
  const bool at_once = strategy.at("type") == "Recreate";
  const int surge =
      at_once ? 0 : share(find_in(strategy, "rollingUpdate", "maxSurge"), wanted, true);
  const int unavailable =
      at_once ? wanted : share(find_in(strategy, "rollingUpdate", "maxUnavailable"), wanted, false);
  int others = 0;
  int available = 0;
  for (const Object& set : sets) {
    if (set != current) others += std::max(wanted_of(*set), status_of(*set, "replicas"));
    available += status_of(*set, "readyReplicas");
  }
  const int room = std::max(0, wanted + surge - others);
  const int now = wanted_of(*current);
  // Down to what is asked at once; up as far as the old ones leave room.
  const int next = now > wanted ? wanted : std::max(now, std::min(wanted, room));
  scale(*current, next);
  const int least = wanted - unavailable;
  // What was told to end may still count as ready: no more goes than those that were not told
  // leave.
  int told_to_stay = next;
  for (const Object& set : sets)
    if (set != current) told_to_stay += wanted_of(*set);
  int at_most = told_to_stay - least - std::max(0, next - status_of(*current, "readyReplicas"));
  int may_go = std::max(0, available - least);
  for (const Object& set : sets) {
    if (set == current || wanted_of(*set) == 0) continue;
    const int unready = std::max(0, wanted_of(*set) - status_of(*set, "readyReplicas"));
    const int go = std::min({wanted_of(*set), unready + may_go, std::max(0, at_most)});
    at_most -= go;
    may_go -= std::max(0, go - unready);
    scale(*set, wanted_of(*set) - go);
  }
}

void DeploymentController::scale(const json& set, int replicas) {
  if (wanted_of(set) == replicas) return;
  edit(kReplicaSets, key_of(set), "", [&](json& next) { next["spec"]["replicas"] = replicas; });
}

// ---- ReplicaSets

ReplicaSetController::ReplicaSetController(VirtualTime& time, ApiServer& server,
                                           const OwnerIndex& owners)
    : Model(time, server, "kube-controller-manager", kLatency), owners_(owners) {
  server.listen([this](const Change& change) { note(change); });
}

void ReplicaSetController::note(const Change& change) {
  if (change.type == kReplicaSets) look_at(change.key);
  if (change.type == kube::kPods)
    owners_looked_at(change, "ReplicaSet", [this](const ObjectKey& key) { look_at(key); });
}

void ReplicaSetController::start(const ObjectKey& key, const json& set, int count) {
  for (int i = 0; i < count; ++i) {
    json pod = set.at("spec").at("template");
    pod["metadata"]["name"] =
        key.name.str() + "-" +
        name_suffix(key.to_string() + "/" + std::to_string(++made_) + stamp());
    pod["metadata"]["namespace"] = key.ns.str();
    pod["metadata"]["ownerReferences"] = json::array({controller_reference(set, kReplicaSets)});
    create(kube::kPods, std::move(pod));
  }
}

void ReplicaSetController::sync(const ObjectKey& key) {
  const Object set = server_.find(kReplicaSets, key);
  if (!set || is_deleting(*set)) return;
  std::vector<Object> active;
  for (const Object& pod :
       owners_.children(set->at("metadata").at("uid").get<std::string>(), kube::kPods)) {
    if (!is_deleting(*pod) && !has_ended(*pod)) active.push_back(pod);
  }
  const int wanted = wanted_of(*set);
  const int there = static_cast<int>(active.size());
  if (there < wanted) start(key, *set, wanted - there);
  // The unbound go first, then those that are not ready, then what costs less (KEP-2255), then the
  // youngest.
  std::ranges::sort(active, [](const Object& a, const Object& b) {
    const auto rank = [](const json& pod) {
      return std::tuple(!text_in(pod, "spec", "nodeName").empty(), condition_holds(pod, "Ready"),
                        deletion_cost(pod));
    };
    if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
    return std::tie(b->at("metadata").at("creationTimestamp").get_ref<const std::string&>(),
                    b->at("metadata").at("name").get_ref<const std::string&>()) <
           std::tie(a->at("metadata").at("creationTimestamp").get_ref<const std::string&>(),
                    a->at("metadata").at("name").get_ref<const std::string&>());
  });
  for (int i = 0; i < there - wanted; ++i)
    remove(kube::kPods, key_of(*active[static_cast<std::size_t>(i)]),
           *active[static_cast<std::size_t>(i)]);
  const auto ready = std::ranges::count_if(
      active, [](const Object& pod) { return condition_holds(*pod, "Ready"); });
  edit_status(kReplicaSets, key, [&](const json& live, json& status) {
    status["replicas"] = there;
    number(status, "readyReplicas", static_cast<int>(ready));
    number(status, "availableReplicas", static_cast<int>(ready));
    status["observedGeneration"] = live.at("metadata").at("generation");
  });
}

}  // namespace spillway::sim
