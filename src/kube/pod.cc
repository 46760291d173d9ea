#include <algorithm>
#include <array>

#include <spillway/core/text.h>
#include <spillway/kube/types.h>

#include "condition_reader.h"

namespace spillway::kube {
namespace {

constexpr std::array<std::string_view, 2> kPodLabels = {"batch.kubernetes.io/job-name",
                                                        "batch.kubernetes.io/job-completion-index"};
constexpr std::array<std::string_view, 3> kPodAnnotations = {
    "controller.kubernetes.io/pod-deletion-cost", "batch.kubernetes.io/job-index-failure-count",
    "batch.kubernetes.io/job-index-ignored-failure-count"};

// A request that is not written is the limit.
Resources read_requests(const JsonReader& holder) {
  const JsonReader resources = holder.at("resources");
  Resources requests = read_resources(resources, "requests");
  const Resources limits = read_resources(resources, "limits");
  const JsonReader written = resources.at("requests");
  if (written.member("cpu") == nullptr) requests.cpu = limits.cpu;
  if (written.member("memory") == nullptr) requests.memory = limits.memory;
  for (const auto& [name, count] : limits.extended) {
    if (written.member(name.view()) != nullptr) continue;
    requests.extended.emplace_back(name, count);
  }
  std::ranges::sort(requests.extended);
  return requests;
}

bool sidecar(const JsonReader& init_container) {
  return init_container.text("restartPolicy") == "Always";
}

// KEP-753: sidecars run beside everything that starts after them; other init containers run one at
// a time.
Resources effective_requests(const JsonReader& spec) {
  Resources sidecars;
  Resources starting;
  spec.each("initContainers", [&](const JsonReader& container) {
    Resources now = read_requests(container);
    combine(now, sidecars, Combine::kAdd);
    combine(starting, now, Combine::kMax);
    if (sidecar(container)) sidecars = std::move(now);
  });
  Resources total = sidecars;
  spec.each("containers", [&](const JsonReader& container) {
    combine(total, read_requests(container), Combine::kAdd);
  });
  combine(total, starting, Combine::kMax);
  // Pod-level resources (KEP-2837) replace what the containers sum up to.
  if (const JsonReader pod_level = spec.at("resources"); pod_level.present()) {
    const Resources given = read_requests(spec);
    if (given.cpu.value() > 0) total.cpu = given.cpu;
    if (given.memory.value() > 0) total.memory = given.memory;
  }
  combine(total, read_resources(spec, "overhead"), Combine::kAdd);
  total.extended.shrink_to_fit();
  return total;
}

PodPhase read_phase(const JsonReader& status) {
  const std::string_view text = status.text("phase");
  if (text.empty() || text == "Pending") return PodPhase::kPending;
  if (text == "Running") return PodPhase::kRunning;
  if (text == "Succeeded") return PodPhase::kSucceeded;
  if (text == "Failed") return PodPhase::kFailed;
  return PodPhase::kUnknown;
}

void read_pod_conditions(const JsonReader& status, Pod& pod) {
  constexpr std::array<std::string_view, 3> kTypes = {"PodScheduled", "Ready", "DisruptionTarget"};
  const Conditions conditions = read_conditions(status, kTypes, true);
  if (const Condition* scheduled = find_condition(conditions, "PodScheduled")) {
    if (scheduled->is_true()) {
      pod.bound_at = scheduled->since;
    } else {
      pod.scheduling_gated = scheduled->reason == "SchedulingGated";
      pod.unschedulable = scheduled->reason == "Unschedulable";
      pod.scheduling_message = scheduled->message;
    }
  }
  if (const Condition* ready = find_condition(conditions, "Ready")) {
    pod.ready = ready->is_true();
    if (pod.ready) pod.ready_since = ready->since;
    // The fallback for pods that end without a container's word (evicted before start, node lost).
    if (pod.terminal()) pod.finished_at = ready->since;
  }
  if (const Condition* disrupted = find_condition(conditions, "DisruptionTarget");
      disrupted != nullptr && disrupted->is_true()) {
    pod.disruption = disrupted->reason;
  }
}

// How the containers fare, told over all of them.
class ContainerStates {
 public:
  explicit ContainerStates(Pod& pod) : pod_(pod) {}

  // One of those that do the work: neither init container nor sidecar.
  void visit_main(const JsonReader& container) {
    const JsonReader state = container.at("state");
    for (const char* since : {"running", "terminated"}) {
      const auto started = state.at(since).instant("startedAt");
      if (started) last_start_ = std::max(last_start_.value_or(*started), *started);
    }
    visit(container);
  }
  void visit(const JsonReader& container) {
    const JsonReader state = container.at("state");
    if (const JsonReader waiting = state.at("waiting"); waiting.present()) take_waiting(waiting);
    if (const JsonReader terminated = state.at("terminated"); terminated.present())
      take_terminated(terminated);
  }
  void finish() {
    if (pod_.terminal() && last_end_) pod_.finished_at = last_end_;
    // status.startTime is before images are pulled and init containers run.
    if (last_start_) pod_.started_at = last_start_;
  }

 private:
  void take_waiting(const JsonReader& waiting) {
    const std::string_view reason = waiting.text("reason");
    const bool starting =
        reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing";
    if (starting || !pod_.waiting_reason.empty()) return;
    pod_.waiting_reason = Interned(reason);
    pod_.waiting_message = Interned(shorten(waiting.text("message"), kMaxKeptMessage));
  }
  void take_terminated(const JsonReader& terminated) {
    const Instant end = terminated.instant("finishedAt").value_or(Instant{});
    last_end_ = std::max(last_end_.value_or(end), end);
    const std::int32_t code = terminated.integer32("exitCode");
    // The earliest failure is the cause; the others were stopped because of it.
    if (code == 0 || (pod_.exit_code && first_failure_ <= end)) return;
    pod_.exit_code = code;
    pod_.end_reason = Interned(terminated.text("reason"));
    first_failure_ = end;
  }

  Pod& pod_;
  Instant first_failure_{};
  std::optional<Instant> last_end_;
  std::optional<Instant> last_start_;
};

void read_containers(const JsonReader& spec, const JsonReader& status, Pod& pod) {
  std::vector<std::string_view> sidecars;  // their exit codes at termination mean nothing (KEP-753)
  spec.each("initContainers", [&](const JsonReader& container) {
    if (sidecar(container)) sidecars.push_back(container.text("name"));
  });
  ContainerStates states(pod);
  status.each("initContainerStatuses", [&](const JsonReader& container) {
    if (std::ranges::find(sidecars, container.text("name")) == sidecars.end())
      states.visit(container);
  });
  status.each("containerStatuses",
              [&](const JsonReader& container) { states.visit_main(container); });
  states.finish();
}

}  // namespace

std::string_view to_string(PodPhase phase) {
  switch (phase) {
    case PodPhase::kPending: return "Pending";
    case PodPhase::kRunning: return "Running";
    case PodPhase::kSucceeded: return "Succeeded";
    case PodPhase::kFailed: return "Failed";
    case PodPhase::kUnknown: return "Unknown";
  }
  return "Unknown";
}

Result<Pod> Pod::from_json(const nlohmann::json& object) {
  TRY(meta, read_meta(object, {.labels = kPodLabels, .annotations = kPodAnnotations}));
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader spec = root.at("spec");
  const JsonReader status = root.at("status");
  Pod pod{.meta = std::move(meta)};
  pod.node = Interned(spec.text("nodeName"));
  const JsonReader metadata = root.at("metadata");
  pod.forced = pod.deleting() && metadata.integer("deletionGracePeriodSeconds", -1) == 0;
  pod.ip = std::string(status.text("podIP"));
  pod.phase = read_phase(status);
  pod.requests = effective_requests(spec);
  pod.started_at = status.instant("startTime");
  read_pod_conditions(status, pod);
  read_containers(spec, status, pod);
  if (pod.end_reason.empty()) pod.end_reason = Interned(status.text("reason"));
  if (error) return fail(*std::move(error));
  return pod;
}

}  // namespace spillway::kube
