#include <spillway/api/condition.h>

#include <algorithm>

namespace spillway::api {
namespace {

template <class List>
auto lower_bound(List& conditions, std::string_view type) {
  return std::lower_bound(
      conditions.begin(), conditions.end(), type,
      [](const Condition& condition, std::string_view wanted) { return condition.type < wanted; });
}

}  // namespace

// The list is searched from end to end: what another writer left need not be sorted.
const Condition* find_condition(const Conditions& conditions, std::string_view type) {
  const auto found =
      std::find_if(conditions.begin(), conditions.end(),
                   [type](const Condition& condition) { return condition.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

bool is_true(const Conditions& conditions, std::string_view type) {
  const Condition* condition = find_condition(conditions, type);
  return condition != nullptr && condition->status == ConditionStatus::kTrue;
}

bool set_condition(Conditions& conditions, Condition condition) {
  const auto found =
      std::find_if(conditions.begin(), conditions.end(),
                   [&](const Condition& other) { return other.type == condition.type; });
  if (found == conditions.end()) {
    conditions.insert(lower_bound(conditions, condition.type), std::move(condition));
    return true;
  }
  if (found->status == condition.status)
    condition.last_transition_time = found->last_transition_time;
  if (*found == condition) return false;
  *found = std::move(condition);
  return true;
}

}  // namespace spillway::api
