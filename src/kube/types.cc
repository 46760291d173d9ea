#include <spillway/kube/types.h>

#include <algorithm>
#include <array>

#include <spillway/core/quantity.h>
#include <spillway/core/text.h>

#include "condition_reader.h"

namespace spillway::kube {
namespace {

// The last ones are how AKS (node problem detector) and the Azure provider of Karpenter pass on
// Scheduled Events.
constexpr std::array<std::string_view, 12> kNodeConditions = {"Ready",
                                                              "MemoryPressure",
                                                              "DiskPressure",
                                                              "PIDPressure",
                                                              "NetworkUnavailable",
                                                              "TerminationNotice",
                                                              "VMEventScheduled",
                                                              "PreemptScheduled",
                                                              "PreemptionScheduled",
                                                              "TerminateScheduled",
                                                              "RebootScheduled",
                                                              "RedeployScheduled"};
// What the kubelet says while it ends its pods in order (graceful node shutdown).
constexpr std::string_view kShuttingDown = "node is shutting down";
constexpr std::array<std::string_view, 5> kJobConditions = {"Complete", "Failed", "Suspended",
                                                            "FailureTarget", "SuccessCriteriaMet"};
constexpr std::array<std::string_view, 3> kDeploymentConditions = {"Available", "Progressing",
                                                                   "ReplicaFailure"};

std::int64_t quantity(const JsonReader& parent, std::string_view field, std::string_view text,
                      bool milli) {
  const auto parsed = milli ? parse_quantity_milli(text) : parse_quantity(text);
  if (!parsed) parent.complain(field, "a map of Kubernetes quantities");
  return parsed.value_or(0);
}

bool true_condition(const Conditions& conditions, std::string_view type) {
  const Condition* found = find_condition(conditions, type);
  return found != nullptr && found->is_true();
}

template <class T>
Result<T> metadata_only(const nlohmann::json& object) {
  TRY(meta, read_meta(object, {}));
  return T{.meta = std::move(meta)};
}

}  // namespace

const Condition* find_condition(const Conditions& conditions, std::string_view type) {
  const auto at =
      std::ranges::find_if(conditions, [&](const Condition& c) { return c.type == type; });
  return at == conditions.end() ? nullptr : &*at;
}

std::int64_t Resources::count(const ResourceName& name) const {
  const auto at =
      std::ranges::find_if(extended, [&](const auto& entry) { return entry.first == name.str(); });
  return at == extended.end() ? 0 : at->second;
}

Resources read_resources(const JsonReader& parent, std::string_view field) {
  Resources resources;
  parent.each_text(field, [&](const std::string& name, std::string_view text) {
    if (name == "cpu") {
      resources.cpu = MilliCpu(quantity(parent, field, text, true));
    } else if (name == "memory") {
      resources.memory = Bytes(quantity(parent, field, text, false));
    } else if (name.find('/') != std::string::npos) {  // an extended resource has a domain
      resources.extended.emplace_back(Interned(name), quantity(parent, field, text, false));
    }
  });
  std::ranges::sort(resources.extended);
  return resources;
}

void combine(Resources& total, const Resources& other, Combine how) {
  const auto join = [how](std::int64_t a, std::int64_t b) {
    return how == Combine::kAdd ? a + b : std::max(a, b);
  };
  total.cpu = MilliCpu(join(total.cpu.value(), other.cpu.value()));
  total.memory = Bytes(join(total.memory.value(), other.memory.value()));
  for (const auto& [name, count] : other.extended) {
    const auto at =
        std::ranges::lower_bound(total.extended, name, {}, [](const auto& e) { return e.first; });
    if (at != total.extended.end() && at->first == name) {
      at->second = join(at->second, count);
    } else {
      total.extended.emplace(at, name, count);
    }
  }
}

Conditions read_conditions(const JsonReader& status, std::span<const std::string_view> types,
                           bool with_message) {
  Conditions conditions;
  status.each("conditions", [&](const JsonReader& entry) {
    const std::string_view type = entry.text("type");
    if (std::ranges::find(types, type) == types.end()) return;
    Condition condition{.type = Interned(type),
                        .status = Interned(entry.text("status")),
                        .reason = Interned(entry.text("reason")),
                        .since = entry.instant("lastTransitionTime").value_or(Instant{})};
    if (with_message) condition.message = Interned(shorten(entry.text("message"), kMaxKeptMessage));
    conditions.push_back(std::move(condition));
  });
  conditions.shrink_to_fit();
  return conditions;
}

Result<Node> Node::from_json(const nlohmann::json& object) {
  TRY(meta, read_meta(object, {.all_labels = true}));
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader spec = root.at("spec");
  const JsonReader status = root.at("status");
  Node node{.meta = std::move(meta)};
  spec.each("taints", [&](const JsonReader& taint) {
    node.taints.push_back({.key = Interned(taint.text("key")),
                           .value = Interned(taint.text("value")),
                           .effect = Interned(taint.text("effect")),
                           .added_at = taint.instant("timeAdded")});
  });
  node.unschedulable = spec.flag("unschedulable");
  node.provider_id = spec.text("providerID");
  node.allocatable = read_resources(status, "allocatable");
  const JsonReader allocatable = status.at("allocatable");
  if (const std::string_view pods = allocatable.text("pods"); !pods.empty()) {
    node.allocatable_pods = quantity(status, "allocatable", pods, false);
  }
  node.conditions = read_conditions(status, kNodeConditions, false);
  if (const Condition* ready = find_condition(node.conditions, "Ready")) {
    node.ready = ready->is_true();
    node.ready_changed_at = ready->since;
  }
  status.each("conditions", [&](const JsonReader& condition) {
    node.shutting_down = node.shutting_down ||
                         (!node.ready && condition.text("type") == "Ready" &&
                          condition.text("message").find(kShuttingDown) != std::string_view::npos);
  });
  if (error) return fail(*std::move(error));
  return node;
}

bool Job::complete() const {
  return true_condition(conditions, "Complete");
}
bool Job::has_failed() const {
  return true_condition(conditions, "Failed");
}

Result<Job> Job::from_json(const nlohmann::json& object) {
  TRY(meta, read_meta(object, {}));
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader spec = root.at("spec");
  const JsonReader status = root.at("status");
  Job job{.meta = std::move(meta)};
  job.suspended = spec.flag("suspend");
  job.parallelism = spec.integer32("parallelism", 1);
  if (spec.member("completions") != nullptr) job.completions = spec.integer32("completions");
  job.active = status.integer32("active");
  job.ready = status.integer32("ready");
  job.succeeded = status.integer32("succeeded");
  job.failed = status.integer32("failed");
  job.terminating = status.integer32("terminating");
  job.conditions = read_conditions(status, kJobConditions, true);
  job.started_at = status.instant("startTime");
  job.completed_at = status.instant("completionTime");
  if (error) return fail(*std::move(error));
  return job;
}

Result<Deployment> Deployment::from_json(const nlohmann::json& object) {
  TRY(meta, read_meta(object, {}));
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader status = root.at("status");
  Deployment deployment{.meta = std::move(meta)};
  deployment.replicas = root.at("spec").integer32("replicas", 1);
  deployment.status_replicas = status.integer32("replicas");
  deployment.ready = status.integer32("readyReplicas");
  deployment.updated = status.integer32("updatedReplicas");
  deployment.available = status.integer32("availableReplicas");
  deployment.observed_generation = status.integer("observedGeneration");
  deployment.conditions = read_conditions(status, kDeploymentConditions, true);
  if (error) return fail(*std::move(error));
  return deployment;
}

Result<Service> Service::from_json(const nlohmann::json& object) {
  return metadata_only<Service>(object);
}

Result<PodDisruptionBudget> PodDisruptionBudget::from_json(const nlohmann::json& object) {
  return metadata_only<PodDisruptionBudget>(object);
}

}  // namespace spillway::kube
