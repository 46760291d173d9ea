#include <spillway/api/enums.h>

#include <string>

#include <spillway/core/check.h>

#include "checkpoint_names.h"
#include "enum_names.h"
#include "inference_names.h"

namespace spillway::api {
namespace {

template <class Enum>
std::string_view text_of(Enum value) {
  for (const EnumName<Enum>& entry : kEnumNames<Enum>) {
    if (entry.value == value) return entry.text;
  }
  SPILLWAY_CHECK(false && "an enum value outside its type");
  return {};
}

template <class Enum>
Result<Enum> value_of(std::string_view text) {
  std::string known;
  for (const EnumName<Enum>& entry : kEnumNames<Enum>) {
    if (entry.text == text) return entry.value;
    known += (known.empty() ? "" : ", ") + std::string(entry.text);
  }
  return invalid("'" + std::string(text.substr(0, 40)) + "' is not known: write one of " + known);
}

}  // namespace

std::string_view to_string(Tier value) {
  return text_of(value);
}
std::string_view to_string(PriceQuality value) {
  return text_of(value);
}
std::string_view to_string(Availability value) {
  return text_of(value);
}
std::string_view to_string(TrainingJobPhase value) {
  return text_of(value);
}
std::string_view to_string(ConditionStatus value) {
  return text_of(value);
}
std::string_view to_string(PolicyMode value) {
  return text_of(value);
}
std::string_view to_string(TrainingOffHours value) {
  return text_of(value);
}
std::string_view to_string(PlainWorkloadKind value) {
  return text_of(value);
}
std::string_view to_string(LabelSelectorOperator value) {
  return text_of(value);
}
std::string_view to_string(TaintEffect value) {
  return text_of(value);
}
std::string_view to_string(TolerationOperator value) {
  return text_of(value);
}
std::string_view to_string(NodeSelectorOperator value) {
  return text_of(value);
}
std::string_view to_string(OnDemandFallback value) {
  return text_of(value);
}
std::string_view to_string(Survives value) {
  return text_of(value);
}
std::string_view to_string(PickerFailure value) {
  return text_of(value);
}
std::string_view to_string(CheckpointMode value) {
  return text_of(value);
}
std::string_view to_string(CheckpointFormat value) {
  return text_of(value);
}
std::string_view to_string(SaveSignal value) {
  return text_of(value);
}
std::string_view to_string(DeletionPolicy value) {
  return text_of(value);
}
std::string_view to_string(CheckpointState value) {
  return text_of(value);
}
std::string_view to_string(SaveReason value) {
  return text_of(value);
}
std::string_view to_string(SaveState value) {
  return text_of(value);
}

template <>
Result<Tier> parse_enum<Tier>(std::string_view text) {
  return value_of<Tier>(text);
}
template <>
Result<PriceQuality> parse_enum<PriceQuality>(std::string_view text) {
  return value_of<PriceQuality>(text);
}
template <>
Result<Availability> parse_enum<Availability>(std::string_view text) {
  return value_of<Availability>(text);
}
template <>
Result<TrainingJobPhase> parse_enum<TrainingJobPhase>(std::string_view text) {
  return value_of<TrainingJobPhase>(text);
}
template <>
Result<ConditionStatus> parse_enum<ConditionStatus>(std::string_view text) {
  return value_of<ConditionStatus>(text);
}
template <>
Result<PolicyMode> parse_enum<PolicyMode>(std::string_view text) {
  return value_of<PolicyMode>(text);
}
template <>
Result<TrainingOffHours> parse_enum<TrainingOffHours>(std::string_view text) {
  return value_of<TrainingOffHours>(text);
}
template <>
Result<PlainWorkloadKind> parse_enum<PlainWorkloadKind>(std::string_view text) {
  return value_of<PlainWorkloadKind>(text);
}
template <>
Result<LabelSelectorOperator> parse_enum<LabelSelectorOperator>(std::string_view text) {
  return value_of<LabelSelectorOperator>(text);
}
template <>
Result<TaintEffect> parse_enum<TaintEffect>(std::string_view text) {
  return value_of<TaintEffect>(text);
}
template <>
Result<TolerationOperator> parse_enum<TolerationOperator>(std::string_view text) {
  return value_of<TolerationOperator>(text);
}
template <>
Result<NodeSelectorOperator> parse_enum<NodeSelectorOperator>(std::string_view text) {
  return value_of<NodeSelectorOperator>(text);
}
template <>
Result<CheckpointMode> parse_enum<CheckpointMode>(std::string_view text) {
  return value_of<CheckpointMode>(text);
}
template <>
Result<CheckpointFormat> parse_enum<CheckpointFormat>(std::string_view text) {
  return value_of<CheckpointFormat>(text);
}
template <>
Result<OnDemandFallback> parse_enum<OnDemandFallback>(std::string_view text) {
  return value_of<OnDemandFallback>(text);
}
template <>
Result<Survives> parse_enum<Survives>(std::string_view text) {
  return value_of<Survives>(text);
}
template <>
Result<PickerFailure> parse_enum<PickerFailure>(std::string_view text) {
  return value_of<PickerFailure>(text);
}
template <>
Result<SaveSignal> parse_enum<SaveSignal>(std::string_view text) {
  return value_of<SaveSignal>(text);
}
template <>
Result<DeletionPolicy> parse_enum<DeletionPolicy>(std::string_view text) {
  return value_of<DeletionPolicy>(text);
}
template <>
Result<CheckpointState> parse_enum<CheckpointState>(std::string_view text) {
  return value_of<CheckpointState>(text);
}
template <>
Result<SaveReason> parse_enum<SaveReason>(std::string_view text) {
  return value_of<SaveReason>(text);
}
template <>
Result<SaveState> parse_enum<SaveState>(std::string_view text) {
  return value_of<SaveState>(text);
}

}  // namespace spillway::api
