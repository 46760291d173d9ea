#pragma once
// The text of every enum value: for JSON and for the schema's `enum`.

#include <array>
#include <string_view>

#include <spillway/api/enums.h>

namespace spillway::api {

template <class Enum>
struct EnumName {
  Enum value;
  std::string_view text;
};

template <class Enum>
inline constexpr std::array<EnumName<Enum>, 0> kEnumNames{};

template <>
inline constexpr std::array kEnumNames<Tier>{EnumName{Tier::kReserved, "Reserved"},
                                             EnumName{Tier::kSpot, "Spot"},
                                             EnumName{Tier::kOnDemand, "OnDemand"}};
template <>
inline constexpr std::array kEnumNames<PriceQuality>{
    EnumName{PriceQuality::kLive, "Live"}, EnumName{PriceQuality::kStale, "Stale"},
    EnumName{PriceQuality::kFallback, "Fallback"}, EnumName{PriceQuality::kUnknown, "Unknown"}};
template <>
inline constexpr std::array kEnumNames<Availability>{
    EnumName{Availability::kAvailable, "Available"},
    EnumName{Availability::kConstrained, "Constrained"},
    EnumName{Availability::kStockedOut, "StockedOut"}};
template <>
inline constexpr std::array kEnumNames<TrainingJobPhase>{
    EnumName{TrainingJobPhase::kPending, "Pending"},
    EnumName{TrainingJobPhase::kPlaced, "Placed"},
    EnumName{TrainingJobPhase::kStarting, "Starting"},
    EnumName{TrainingJobPhase::kRunning, "Running"},
    EnumName{TrainingJobPhase::kSaving, "Saving"},
    EnumName{TrainingJobPhase::kEnding, "Ending"},
    EnumName{TrainingJobPhase::kSuspended, "Suspended"},
    EnumName{TrainingJobPhase::kSucceeded, "Succeeded"},
    EnumName{TrainingJobPhase::kFailed, "Failed"}};
template <>
inline constexpr std::array kEnumNames<ConditionStatus>{
    EnumName{ConditionStatus::kTrue, "True"}, EnumName{ConditionStatus::kFalse, "False"},
    EnumName{ConditionStatus::kUnknown, "Unknown"}};
template <>
inline constexpr std::array kEnumNames<PolicyMode>{EnumName{PolicyMode::kAudit, "Audit"},
                                                   EnumName{PolicyMode::kEnforce, "Enforce"}};
template <>
inline constexpr std::array kEnumNames<TrainingOffHours>{
    EnumName{TrainingOffHours::kSuspend, "Suspend"},
    EnumName{TrainingOffHours::kHoldStarts, "HoldStarts"},
    EnumName{TrainingOffHours::kFinish, "Finish"}, EnumName{TrainingOffHours::kIgnore, "Ignore"}};
template <>
inline constexpr std::array kEnumNames<PlainWorkloadKind>{
    EnumName{PlainWorkloadKind::kDeployment, "Deployment"},
    EnumName{PlainWorkloadKind::kStatefulSet, "StatefulSet"},
    EnumName{PlainWorkloadKind::kCronJob, "CronJob"}};
template <>
inline constexpr std::array kEnumNames<LabelSelectorOperator>{
    EnumName{LabelSelectorOperator::kIn, "In"}, EnumName{LabelSelectorOperator::kNotIn, "NotIn"},
    EnumName{LabelSelectorOperator::kExists, "Exists"},
    EnumName{LabelSelectorOperator::kDoesNotExist, "DoesNotExist"}};
template <>
inline constexpr std::array kEnumNames<TaintEffect>{
    EnumName{TaintEffect::kNoSchedule, "NoSchedule"},
    EnumName{TaintEffect::kPreferNoSchedule, "PreferNoSchedule"},
    EnumName{TaintEffect::kNoExecute, "NoExecute"}};
template <>
inline constexpr std::array kEnumNames<TolerationOperator>{
    EnumName{TolerationOperator::kEqual, "Equal"}, EnumName{TolerationOperator::kExists, "Exists"}};
template <>
inline constexpr std::array kEnumNames<NodeSelectorOperator>{
    EnumName{NodeSelectorOperator::kIn, "In"},
    EnumName{NodeSelectorOperator::kNotIn, "NotIn"},
    EnumName{NodeSelectorOperator::kExists, "Exists"},
    EnumName{NodeSelectorOperator::kDoesNotExist, "DoesNotExist"},
    EnumName{NodeSelectorOperator::kGt, "Gt"},
    EnumName{NodeSelectorOperator::kLt, "Lt"}};

}  // namespace spillway::api
