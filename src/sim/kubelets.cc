#include <spillway/sim/kubelets.h>

#include <algorithm>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(5);

std::string uid_of(const json& pod) {
  return pod.at("metadata").at("uid");
}
std::string node_of(const json& pod) {
  return string_in(pod, "spec", "nodeName");
}

std::optional<int> told(const json& pod, const char* what) {
  const std::string text =
      string_in(pod, "metadata", "annotations", std::string("simulate.spillway.dev/") + what);
  if (text.empty()) return std::nullopt;
  return std::stoi(text);
}

Instant since(const json& pod, const char* condition, Instant otherwise) {
  const json* found = condition_of(pod, condition);
  if (found == nullptr) return otherwise;
  return parse_instant(text_in(*found, "lastTransitionTime")).value_or(otherwise);
}

json container_statuses(const json& pod, const json& state, bool ready) {
  json list = json::array();
  for (const json& container : pod.at("spec").at("containers")) {
    list.push_back({{"name", container.at("name")},
                    {"image", container.value("image", "")},
                    {"imageID", ""},
                    {"ready", ready},
                    {"restartCount", 0},
                    {"state", state}});
  }
  return list;
}

}  // namespace

Kubelets::Kubelets(VirtualTime& time, ApiServer& server)
    : Model(time, server, "kubelet", kLatency) {
  server.listen([this](const Change& change) { note(change); });
}

void Kubelets::note(const Change& change) {
  if (!(change.type == kube::kPods)) return;
  if (change.kind == ChangeKind::kDeleted) {
    return forget(uid_of(*change.object));
  }
  if (!node_of(*change.object).empty()) look_at(change.key);
}

void Kubelets::forget(const std::string& uid) {
  auto step = planned_.lower_bound({uid, ""});
  while (step != planned_.end() && step->first == uid)
    step = planned_.erase(step);
}

void Kubelets::silence(const std::string& node) {
  silent_.insert(node);
}

void Kubelets::bring_back(const std::string& node) {
  silent_.erase(node);
  for (const auto& [key, pod] : server_.all(kube::kPods)) {
    if (text_in(*pod, "spec", "nodeName") != node) continue;
    forget(uid_of(*pod));
    look_at(key);
  }
}

void Kubelets::sync(const ObjectKey& key) {
  const Object pod = server_.find(kube::kPods, key);
  if (!pod || !runs(node_of(*pod)) ||
      !server_.find(kube::kNodes, {.name = ObjectName(node_of(*pod))}))
    return;
  if (is_deleting(*pod)) {
    stop(key, *pod);
  } else if (phase_in(*pod) == "Pending") {
    start(key, *pod);
  } else if (phase_in(*pod) == "Running" && told(*pod, "run-seconds")) {
    const Instant started =
        parse_instant(text_in(*pod, "status", "startTime")).value_or(time_.now());
    const Duration start_time = std::chrono::seconds(told(*pod, "start-seconds").value_or(2));
    plan(key, *pod, started + start_time + std::chrono::seconds(*told(*pod, "run-seconds")),
         [this, key](const json& now) {
           if (phase_in(now) == "Running" && !is_deleting(now))
             report_end(key, told(now, "exit-code").value_or(0));
         });
  }
}

void Kubelets::plan(const ObjectKey& key, const json& pod, Instant when,
                    std::function<void(const json&)> act) {
  const std::string step = std::string(phase_in(pod)) + (is_deleting(pod) ? " ending" : "");
  const std::string uid = uid_of(pod);
  if (!planned_.insert({uid, step}).second) return;
  const Duration delay = std::max(when - time_.now(), Duration(0));
  time_.after(delay, [this, key, uid, step, act = std::move(act)] {
    const Object now = server_.find(kube::kPods, key);
    if (!now || uid_of(*now) != uid || !runs(node_of(*now)) || !planned_.contains({uid, step}))
      return;
    act(*now);
  });
}

void Kubelets::start(const ObjectKey& key, const json& pod) {
  const Instant bound = since(pod, "PodScheduled", time_.now());
  plan(key, pod, bound + std::chrono::seconds(told(pod, "start-seconds").value_or(2)),
       [this, key, bound](const json& now) {
         if (is_deleting(now) || phase_in(now) != "Pending") return;
         const std::uint32_t number = ++addresses_;
         edit(kube::kPods, key, "status", [&](json& next) {
           json& status = next["status"];
           status["phase"] = "Running";
           status["podIP"] = "10." + std::to_string(number >> 16U & 255U) + "." +
                             std::to_string(number >> 8U & 255U) + "." +
                             std::to_string(number & 255U);
           status["startTime"] = format_instant(bound);
           for (const char* type : {"Initialized", "ContainersReady", "Ready"})
             set_condition(status, type, true, "", "", stamp());
           status["containerStatuses"] =
               container_statuses(next, {{"running", {{"startedAt", stamp()}}}}, true);
         });
       });
}

void Kubelets::stop(const ObjectKey& key, const json& pod) {
  const auto grace = pod.at("metadata").value("deletionGracePeriodSeconds", std::int64_t{0});
  if (grace == 0) return;  // it is only held by finalizers
  const auto ending = std::min<std::int64_t>(told(pod, "stop-seconds").value_or(1), grace);
  const Instant told_at =
      parse_instant(pod.at("metadata").at("deletionTimestamp").get<std::string>())
          .value_or(time_.now()) -
      std::chrono::seconds(grace);
  plan(key, pod, told_at + std::chrono::seconds(ending), [this, key](const json& now) {
    if (phase_in(now) != "Failed" && phase_in(now) != "Succeeded") report_end(key, 143);
    if (const Object ended = server_.find(kube::kPods, key))
      remove(kube::kPods, key, *ended, {.grace = std::chrono::seconds(0)});
  });
}

void Kubelets::report_end(const ObjectKey& key, int exit_code) {
  edit(kube::kPods, key, "status", [&](json& next) {
    json& status = next["status"];
    status["phase"] = exit_code == 0 ? "Succeeded" : "Failed";
    const std::string reason = exit_code == 0 ? "PodCompleted" : "PodFailed";
    for (const char* type : {"ContainersReady", "Ready"})
      set_condition(status, type, false, reason, "", stamp());
    json terminated = {{"exitCode", exit_code},
                       {"reason", exit_code == 0 ? "Completed" : "Error"},
                       {"finishedAt", stamp()}};
    status["containerStatuses"] =
        container_statuses(next, {{"terminated", std::move(terminated)}}, false);
  });
}

void Kubelets::end_program(const ObjectKey& pod, int exit_code) {
  const Object there = server_.find(kube::kPods, pod);
  if (there && phase_in(*there) == "Running" && runs(node_of(*there))) report_end(pod, exit_code);
}

}  // namespace spillway::sim
