#include "node_marks.h"

#include <algorithm>

#include <spillway/api/agent_protocol.h>
#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

using nlohmann::json;
namespace mark = api::agent::node_mark;

std::string_view kind_name(EndKind kind) {
  switch (kind) {
    case EndKind::kMaintenance: return mark::kKindMaintenance;
    case EndKind::kRebalance: return mark::kKindRebalance;
    case EndKind::kInterruption: break;
  }
  return mark::kKindInterruption;
}

json taints_of(const json& node) {
  const json::json_pointer where("/spec/taints");
  return node.contains(where) && node[where].is_array() ? node[where] : json::array();
}

std::string annotation_of(const json& node, std::string_view name) {
  const auto metadata = node.find("metadata");
  if (metadata == node.end() || !metadata->contains("annotations")) return {};
  const json& annotations = (*metadata)["annotations"];
  const auto found = annotations.find(std::string(name));
  const bool text = found != annotations.end() && found->is_string();
  return text ? found->get<std::string>() : std::string();
}

bool ours(const json& taint) {
  return taint.is_object() && taint.value("key", "") == mark::kTaint;
}

json annotation(const std::string& value) {
  return value.empty() ? json() : json(value);
}

}  // namespace

NodeMark mark_of(const MachineNotice& notice, Instant first_seen) {
  NodeMark result{.kind = notice.kind, .deadline = notice.deadline};
  if (!result.deadline && notice.within) result.deadline = first_seen + *notice.within;
  return result;
}

std::optional<json> patch_for(const json& node, const std::optional<NodeMark>& wanted,
                              const std::string& source) {
  const json before = taints_of(node);
  json after = json::array();
  bool same_kind = false;
  for (const json& taint : before) {
    if (!ours(taint)) {
      after.push_back(taint);
    } else if (wanted) {
      same_kind = same_kind || taint.value("value", "") == kind_name(wanted->kind);
    }
  }
  const std::string deadline_before = annotation_of(node, mark::kDeadline);
  std::string deadline;
  if (wanted) {
    after.push_back(
        {{"key", mark::kTaint}, {"value", kind_name(wanted->kind)}, {"effect", mark::kEffect}});
    if (wanted->deadline) deadline = format_instant(*wanted->deadline);
    const auto known = parse_instant(deadline_before);
    const bool earlier = same_kind && known && (!wanted->deadline || *known < *wanted->deadline);
    if (earlier) deadline = deadline_before;
  }
  const std::string source_after = wanted ? source : std::string();
  // A taint that the server completed with a time stays the same taint.
  const auto ours_before = std::count_if(before.begin(), before.end(), ours);
  const bool taints_stand = wanted ? same_kind && ours_before == 1 : ours_before == 0;
  const bool stands = taints_stand && deadline == deadline_before &&
                      source_after == annotation_of(node, mark::kSource);
  if (stands) return std::nullopt;
  json patch{{"metadata",
              {{"annotations",
                {{std::string(mark::kDeadline), annotation(deadline)},
                 {std::string(mark::kSource), annotation(source_after)}}}}}};
  if (!taints_stand) patch["spec"]["taints"] = after.empty() ? json() : after;
  return patch;
}

}  // namespace spillway::agent
