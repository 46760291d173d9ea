#pragma once
// CostPolicy (cluster, `cpolicy`): what holds for all workloads of some namespaces: when they may
// run. Texts, bounds and rules of each field are in src/api/cost_policy_fields.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/api/condition.h>
#include <spillway/api/enums.h>
#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/schedule.h>
#include <spillway/core/time.h>

namespace spillway::api {

// Annotations of people on a workload or its Namespace. Each override ends by itself.
namespace annotation {
inline constexpr std::string_view kWakeUntil = "spillway.dev/wake-until";    // an instant, RFC 3339
inline constexpr std::string_view kSleepUntil = "spillway.dev/sleep-until";  // likewise
inline constexpr std::string_view kOverrideBy =
    "spillway.dev/override-by";  // who asked, for people
inline constexpr std::string_view kOverrideAt = "spillway.dev/override-at";  // when: an instant
}  // namespace annotation
// Of a Namespace, for the workloads in it that say no environment themselves.
inline constexpr std::string_view kEnvironmentLabel = "spillway.dev/environment";

// metav1.LabelSelector. Empty: every object.
struct LabelRequirement {
  std::string key;
  LabelSelectorOperator op = LabelSelectorOperator::kIn;
  std::vector<std::string> values;

  friend bool operator==(const LabelRequirement&, const LabelRequirement&) = default;
};
struct LabelSelector {
  Labels match_labels;
  std::vector<LabelRequirement> match_expressions;

  [[nodiscard]] bool matches(const Labels& labels) const;
  friend bool operator==(const LabelSelector&, const LabelSelector&) = default;
};

struct PolicySelector {
  std::optional<LabelSelector> namespaces;  // by the labels of the Namespace; nullopt: all
  std::vector<std::string> environments;    // empty: all

  friend bool operator==(const PolicySelector&, const PolicySelector&) = default;
};

struct OffHours {
  TimeZoneName time_zone;
  std::vector<AwakeWindow> awake;
  std::vector<Holiday> holidays;
  std::optional<Instant> except_until;
  TrainingOffHours training = TrainingOffHours::kFinish;
  std::vector<PlainWorkloadKind> workloads;  // plain kinds that sleep too

  [[nodiscard]] ScheduleSpec schedule() const;
  friend bool operator==(const OffHours&, const OffHours&) = default;
};

struct CostPolicySpec {
  PolicySelector selector;
  PolicyMode mode = PolicyMode::kAudit;
  std::optional<OffHours> off_hours;

  friend bool operator==(const CostPolicySpec&, const CostPolicySpec&) = default;
};

struct PolicyCounts {
  std::int32_t namespaces = 0;
  std::int32_t inference_pools = 0;
  std::int32_t training_jobs = 0;
  std::int32_t workloads = 0;  // of plain kinds

  friend bool operator==(const PolicyCounts&, const PolicyCounts&) = default;
};

struct CostPolicyStatus {
  std::int64_t observed_generation = 0;
  std::optional<bool> awake;
  std::optional<Instant> next_transition;
  std::optional<PolicyCounts> selected;
  std::optional<PolicyCounts> asleep;  // of those selected
  Conditions conditions;

  friend bool operator==(const CostPolicyStatus&, const CostPolicyStatus&) = default;
};

struct CostPolicy {
  ObjectMeta meta;
  CostPolicySpec spec;
  CostPolicyStatus status;

  friend bool operator==(const CostPolicy&, const CostPolicy&) = default;
};

}  // namespace spillway::api
