#include <spillway/api/pod_template.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

#include "pod_shape.h"

namespace spillway::api {
namespace {

// Gt and Lt compare as integers; a label that is not one never matches.
std::optional<std::int64_t> integer(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool compares(const NodeRequirement& requirement, const std::string& label) {
  if (requirement.values.size() != 1) return false;
  const auto have = integer(label);
  const auto bound = integer(requirement.values.front());
  if (!have || !bound) return false;
  return requirement.op == NodeSelectorOperator::kGt ? *have > *bound : *have < *bound;
}

bool holds(const NodeRequirement& requirement, const std::string* label) {
  const auto listed = [&] {
    return label != nullptr && std::find(requirement.values.begin(), requirement.values.end(),
                                         *label) != requirement.values.end();
  };
  switch (requirement.op) {
    case NodeSelectorOperator::kIn: return listed();
    case NodeSelectorOperator::kNotIn: return !listed();
    case NodeSelectorOperator::kExists: return label != nullptr;
    case NodeSelectorOperator::kDoesNotExist: return label == nullptr;
    case NodeSelectorOperator::kGt:
    case NodeSelectorOperator::kLt: return label != nullptr && compares(requirement, *label);
  }
  return false;
}

const std::string* find_label(const Labels& labels, const std::string& key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// An empty term matches nothing.
bool matches(const NodeSelectorTerm& term, const NodeName& node, const Labels& labels) {
  if (term.labels.empty() && term.fields.empty()) return false;
  return std::all_of(
             term.labels.begin(), term.labels.end(),
             [&](const NodeRequirement& r) { return holds(r, find_label(labels, r.key)); }) &&
         std::all_of(term.fields.begin(), term.fields.end(), [&](const NodeRequirement& r) {
           return holds(r, r.key == "metadata.name" ? &node.str() : nullptr);
         });
}

}  // namespace

PodTemplate::PodTemplate() {
  static const auto empty =
      std::make_shared<const Content>(Content{.json = "{}", .shape = {}, .problem = {}});
  content_ = empty;
}

PodTemplate PodTemplate::from_json(const nlohmann::json& pod_template) {
  Content content;
  content.json = pod_template.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  auto shape = pod_shape(pod_template);
  if (shape) {
    content.shape = std::move(*shape);
  } else {
    content.problem = shape.error().message;
  }
  return PodTemplate(std::make_shared<const Content>(std::move(content)));
}

bool selects(const PodShape& shape, const NodeName& node, const Labels& node_labels) {
  for (const auto& [key, value] : shape.node_selector) {
    const std::string* label = find_label(node_labels, key);
    if (label == nullptr || *label != value) return false;
  }
  if (!shape.node_affinity) return true;
  return std::any_of(
      shape.node_affinity->begin(), shape.node_affinity->end(),
      [&](const NodeSelectorTerm& term) { return matches(term, node, node_labels); });
}

bool tolerates(const std::vector<Toleration>& tolerations, const Taint& taint) {
  return std::any_of(tolerations.begin(), tolerations.end(), [&](const Toleration& toleration) {
    if (toleration.effect && *toleration.effect != taint.effect) return false;
    if (!toleration.key.empty() && toleration.key != taint.key) return false;
    if (toleration.op == TolerationOperator::kExists) return true;
    return !toleration.key.empty() && toleration.value == taint.value;
  });
}

}  // namespace spillway::api
