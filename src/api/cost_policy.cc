#include <spillway/api/cost_policy.h>

#include <algorithm>

namespace spillway::api {
namespace {

bool holds(const LabelRequirement& requirement, const Labels& labels) {
  const auto label = labels.find(requirement.key);
  const bool there = label != labels.end();
  const bool listed = there && std::find(requirement.values.begin(), requirement.values.end(),
                                         label->second) != requirement.values.end();
  switch (requirement.op) {
    case LabelSelectorOperator::kIn: return listed;
    case LabelSelectorOperator::kNotIn: return !listed;  // also without the label, as in Kubernetes
    case LabelSelectorOperator::kExists: return there;
    case LabelSelectorOperator::kDoesNotExist: return !there;
  }
  return false;
}

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  for (const auto& [key, value] : match_labels) {
    const auto label = labels.find(key);
    if (label == labels.end() || label->second != value) return false;
  }
  return std::all_of(match_expressions.begin(), match_expressions.end(),
                     [&](const LabelRequirement& each) { return holds(each, labels); });
}

ScheduleSpec OffHours::schedule() const {
  return {
      .time_zone = time_zone, .awake = awake, .holidays = holidays, .except_until = except_until};
}

}  // namespace spillway::api
