#pragma once
// Typed views of the built-in kinds, holding only the fields that Spillway uses. They are read,
// never written back: writes go through server-side apply or patches of owned fields (nlohmann
// drops what a view does not know). from_json fails with kInvalidArgument, naming the field, on an
// object that cannot be understood.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/ids.h>
#include <spillway/kube/meta.h>
#include <spillway/kube/resource_type.h>

namespace spillway::kube {

// CPU, memory and extended resources ("nvidia.com/gpu"), as the scheduler counts them.
struct Resources {
  MilliCpu cpu;
  Bytes memory;
  std::vector<std::pair<Interned, std::int64_t>>
      extended;  // sorted by name; accelerators and the like

  [[nodiscard]] std::int64_t count(const ResourceName& name) const;
  friend bool operator==(const Resources&, const Resources&) = default;
};

// status.conditions[] of any kind, without the message of conditions that do not need it.
struct Condition {
  Interned type;
  Interned status;  // "True", "False", "Unknown"
  Interned reason;
  Interned message;  // cut to 256 bytes
  Instant since{};   // lastTransitionTime
  [[nodiscard]] bool is_true() const { return status == "True"; }
  friend bool operator==(const Condition&, const Condition&) = default;
};
using Conditions = std::vector<Condition>;
// The condition of that type, or nullptr.
const Condition* find_condition(const Conditions& conditions, std::string_view type);

enum class PodPhase : std::uint8_t { kPending, kRunning, kSucceeded, kFailed, kUnknown };
std::string_view to_string(PodPhase phase);

struct Pod {
  // Labels also: batch.kubernetes.io/job-name, batch.kubernetes.io/job-completion-index;
  // annotations also: its -failure-counts of the index, controller.kubernetes.io/pod-deletion-cost.
  Meta meta;
  Interned node;   // spec.nodeName; empty while not bound
  std::string ip;  // status.podIP; empty before it has one
  PodPhase phase = PodPhase::kPending;
  bool ready = false;             // condition Ready is True
  bool scheduling_gated = false;  // PodScheduled=False with reason SchedulingGated
  bool unschedulable = false;     // PodScheduled=False with reason Unschedulable
  std::optional<std::int32_t>
      exit_code;  // of the first container that ended with a code other than 0
  // Effective request: max(sum of containers + sidecars, each init container + the sidecars started
  // before it), per resource, plus spec.overhead (KEP-753). A resource without a request but with a
  // limit requests its limit.
  Resources requests;
  std::optional<Instant> bound_at;     // PodScheduled became True
  std::optional<Instant> ready_since;  // Ready became True; set only while ready
  std::optional<Instant> started_at;   // the last container's start; till told, the kubelet's word
  std::optional<Instant> finished_at;  // the last container's end, once the phase is terminal
  Interned scheduling_message;         // PodScheduled=False: the scheduler's sentence
  bool forced = false;  // being deleted with a grace of zero: only finalizers hold it
  Interned disruption;  // reason of condition DisruptionTarget=True ("PreemptionByScheduler"), else
                        // empty
  Interned end_reason;  // reason of the container of exit_code ("OOMKilled"), else status.reason
                        // ("Evicted")
  Interned waiting_reason;   // first container waiting for another reason than starting
                             // ("ImagePullBackOff")
  Interned waiting_message;  // cut to 256 bytes

  [[nodiscard]] bool terminal() const {
    return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed;
  }
  [[nodiscard]] bool deleting() const { return meta.deleted_at.has_value(); }
  friend bool operator==(const Pod&, const Pod&) = default;
  static Result<Pod> from_json(const nlohmann::json& object);
};

struct Taint {
  Interned key;
  Interned value;
  Interned effect;                  // "NoSchedule", "PreferNoSchedule", "NoExecute"
  std::optional<Instant> added_at;  // timeAdded; most of those who taint leave it out
  friend bool operator==(const Taint&, const Taint&) = default;
};

struct Node {
  Meta meta;  // all labels
  std::vector<Taint> taints;
  bool unschedulable = false;  // spec.unschedulable: cordoned
  bool ready = false;
  std::optional<Instant> ready_changed_at;
  bool shutting_down = false;  // not ready because the kubelet shuts the machine down in order
  Resources allocatable;
  std::int64_t allocatable_pods = 0;
  Conditions
      conditions;  // without heartbeat times: two Nodes that differ only in a heartbeat are equal
  std::string provider_id;
  friend bool operator==(const Node&, const Node&) = default;
  static Result<Node> from_json(const nlohmann::json& object);
};

struct Job {
  Meta meta;
  bool suspended = false;  // spec.suspend
  std::int32_t parallelism = 1;
  std::optional<std::int32_t> completions;
  std::int32_t active = 0, ready = 0, succeeded = 0, failed = 0, terminating = 0;
  Conditions conditions;  // Complete, Failed, Suspended, FailureTarget, SuccessCriteriaMet
  std::optional<Instant> started_at, completed_at;

  [[nodiscard]] bool complete() const;    // condition Complete is True
  [[nodiscard]] bool has_failed() const;  // condition Failed is True
  [[nodiscard]] bool terminal() const { return complete() || has_failed(); }
  friend bool operator==(const Job&, const Job&) = default;
  static Result<Job> from_json(const nlohmann::json& object);
};

struct Deployment {
  Meta meta;
  std::int32_t replicas = 1;  // spec.replicas
  std::int32_t status_replicas = 0, ready = 0, updated = 0, available = 0;
  std::int64_t observed_generation = 0;
  Conditions conditions;  // Available, Progressing, ReplicaFailure
  friend bool operator==(const Deployment&, const Deployment&) = default;
  static Result<Deployment> from_json(const nlohmann::json& object);
};

struct Service {
  Meta meta;
  friend bool operator==(const Service&, const Service&) = default;
  static Result<Service> from_json(const nlohmann::json& object);
};

struct PodDisruptionBudget {
  Meta meta;
  friend bool operator==(const PodDisruptionBudget&, const PodDisruptionBudget&) = default;
  static Result<PodDisruptionBudget> from_json(const nlohmann::json& object);
};

}  // namespace spillway::kube
