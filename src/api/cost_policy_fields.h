#pragma once
// Field tables of CostPolicy.

#include <spillway/api/cost_policy.h>

#include "field.h"
#include "schedule_fields.h"
#include "workload_fields.h"

namespace spillway::api {

template <>
struct Described<LabelRequirement> {
  static constexpr auto fields =
      std::tuple(field("key", &LabelRequirement::key, "Label of the Namespace.",
                       {.required = true, .max_length = 317}),
                 field("operator", &LabelRequirement::op,
                       "How values and label are compared: In, NotIn, Exists, DoesNotExist.",
                       {.required = true}),
                 field("values", &LabelRequirement::values,
                       "Values for In and NotIn; none for Exists and DoesNotExist.",
                       {.max_items = 64, .max_length = 63}));
  static constexpr std::array rules{Rule<LabelRequirement>{
      "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
      "write values with the operators In and NotIn, and none with Exists and DoesNotExist",
      [](const LabelRequirement& r) {
        const bool compares =
            r.op == LabelSelectorOperator::kIn || r.op == LabelSelectorOperator::kNotIn;
        return compares == !r.values.empty();
      }}};
};

template <>
struct Described<LabelSelector> {
  static constexpr auto fields = std::tuple(
      field("matchLabels", &LabelSelector::match_labels, "Labels that the Namespace carries.",
            {.max_items = 16, .max_length = 63}),
      field("matchExpressions", &LabelSelector::match_expressions,
            "Requirements that all hold for the labels of the Namespace.", {.max_items = 16}));
  static constexpr std::array<Rule<LabelSelector>, 0> rules{};
};

template <>
struct Described<PolicySelector> {
  static constexpr auto fields = std::tuple(
      field("namespaces", &PolicySelector::namespaces,
            "Namespaces by their labels; {} selects all of them. Kubernetes labels each Namespace "
            "with its name as kubernetes.io/metadata.name."),
      field("environments", &PolicySelector::environments,
            "Workloads of these environments only: spec.attribution.environment, or else the "
            "label spillway.dev/environment of the object or its Namespace. Absent: of any.",
            {.max_items = 16, .format = &kLabelValue}));
  static constexpr std::array rules{Rule<PolicySelector>{
      "has(self.namespaces) || (has(self.environments) && self.environments.size() > 0)",
      "write namespaces, environments or both: a policy for everything says namespaces: {}",
      [](const PolicySelector& s) { return s.namespaces || !s.environments.empty(); }}};
};

template <>
struct Described<OffHours> {
  static constexpr auto fields = std::tuple(
      field("timeZone", &OffHours::time_zone, kTimeZoneDoc,
            {.required = true, .format = &kTimeZone}),
      field("awake", &OffHours::awake, kAwakeDoc,
            {.required = true, .min_items = 1, .max_items = kMaxWindows}),
      field("holidays", &OffHours::holidays, kHolidaysDoc,
            {.max_items = kMaxHolidays, .list_key = "date"}),
      field("exceptUntil", &OffHours::except_until, kExceptUntilDoc, {.format = &kInstant}),
      field("training", &OffHours::training,
            "What off-hours do to TrainingJobs. Suspend: they are saved and suspended. HoldStarts: "
            "an attempt that runs goes on, none begins. Finish: a job that has begun is left to "
            "finish, others wait. Ignore: nothing.",
            {.defaulted = true}),
      field("workloads", &OffHours::workloads,
            "Plain kinds that sleep as well: Deployment, StatefulSet, CronJob. Their replicas are "
            "remembered and restored.",
            {.max_items = 3}));
  static constexpr std::array rules{zone_is_known<OffHours>, windows_do_not_overlap<OffHours>};
};

template <>
struct Described<CostPolicySpec> {
  static constexpr auto fields = std::tuple(
      field("selector", &CostPolicySpec::selector, "What the policy holds for.",
            {.required = true}),
      field("mode", &CostPolicySpec::mode,
            "Audit: shows in its status what would happen. Enforce: does it.", {.defaulted = true}),
      field("offHours", &CostPolicySpec::off_hours,
            "When the workloads may run. A schedule of an InferencePool goes before it."));
  static constexpr std::array<Rule<CostPolicySpec>, 0> rules{};
};

template <>
struct Described<PolicyCounts> {
  static constexpr Limits kCount{.minimum = 0};
  static constexpr auto fields =
      std::tuple(field("namespaces", &PolicyCounts::namespaces, "Namespaces.", kCount),
                 field("inferencePools", &PolicyCounts::inference_pools, "InferencePools.", kCount),
                 field("trainingJobs", &PolicyCounts::training_jobs,
                       "TrainingJobs that have not finished.", kCount),
                 field("workloads", &PolicyCounts::workloads,
                       "Deployments, StatefulSets and CronJobs.", kCount));
  static constexpr std::array<Rule<PolicyCounts>, 0> rules{};
};

template <>
struct Described<CostPolicyStatus> {
  static constexpr auto fields = std::tuple(
      field("observedGeneration", &CostPolicyStatus::observed_generation,
            "The metadata.generation that this status was computed for.", {.minimum = 0}),
      field("awake", &CostPolicyStatus::awake,
            "Whether the off-hours let things run now; absent without off-hours."),
      field("nextTransition", &CostPolicyStatus::next_transition,
            "When that changes; absent when it never does.", {.format = &kInstant}),
      field("selected", &CostPolicyStatus::selected, "What the policy holds for."),
      field("asleep", &CostPolicyStatus::asleep,
            "What of it sleeps; in mode Audit, what would sleep."),
      field("conditions", &CostPolicyStatus::conditions,
            "Ready: the policy is understood and in force. Agrees: no other policy keeps awake "
            "what this one puts to sleep. Contested: somebody else starts what this policy stops.",
            {.max_items = kMaxConditions, .list_key = "type"}));
  static constexpr std::array<Rule<CostPolicyStatus>, 0> rules{};
};

template <>
struct Described<CostPolicy> {
  static constexpr std::string_view doc =
      "CostPolicy says for the workloads of some namespaces or environments when they may run. "
      "Outside of these hours they sleep: no replicas, no pods, no cost.";
  static constexpr auto fields = std::tuple(
      field("spec", &CostPolicy::spec, "What holds, and for whom.", {.required = true}),
      field("status", &CostPolicy::status, "What the operator observed; written by it alone."));
  static constexpr const TextFormat& name = kPoolName;
  static constexpr std::array columns{
      PrinterColumn{"Mode", "string", ".spec.mode", "Audit shows, Enforce acts"},
      PrinterColumn{"Awake", "boolean", ".status.awake", "Whether things may run now"},
      PrinterColumn{"Next", "string", ".status.nextTransition", "When that changes"},
      PrinterColumn{"Zone", "string", ".spec.offHours.timeZone", "Time zone of the hours"},
      PrinterColumn{"Training", "string", ".spec.offHours.training",
                    "What off-hours do to TrainingJobs"},
      PrinterColumn{"Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status",
                    "Whether the policy is understood and in force"},
      PrinterColumn{"Namespaces", "integer", ".status.selected.namespaces", "Namespaces selected",
                    true},
      PrinterColumn{"Pools", "integer", ".status.selected.inferencePools",
                    "InferencePools selected", true},
      PrinterColumn{"Jobs", "integer", ".status.selected.trainingJobs", "TrainingJobs selected",
                    true},
      PrinterColumn{"Age", "date", ".metadata.creationTimestamp",
                    "Time since the policy was created"}};
};

}  // namespace spillway::api
