#include <spillway/sim/label_selector.h>

#include <algorithm>

#include <spillway/core/text.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

// Splits at commas that are not inside parentheses.
std::vector<std::string_view> requirements_in(std::string_view query) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i < query.size(); ++i) {
    if (query[i] == '(') ++depth;
    if (query[i] == ')') --depth;
    if (query[i] != ',' || depth > 0) continue;
    parts.push_back(trim(query.substr(start, i - start)));
    start = i + 1;
  }
  parts.push_back(trim(query.substr(start)));
  return parts;
}

}  // namespace

Result<LabelSelector> LabelSelector::parse(std::string_view query) {
  LabelSelector selector;
  if (trim(query).empty()) return selector;
  for (const std::string_view part : requirements_in(query)) {
    TRY(requirement, parse_one(part));
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

Result<LabelSelector::Requirement> LabelSelector::parse_one(std::string_view text) {
  if (text.empty()) return invalid("a label selector has an empty requirement");
  if (const auto at = text.find('('); at != std::string_view::npos) {
    const auto words = split(trim(text.substr(0, at)), ' ');
    if (words.size() != 2 || (words[1] != "in" && words[1] != "notin") || !text.ends_with(')')) {
      return invalid("a label selector says \"" + std::string(text) +
                     "\": write key in (a,b) or key notin (a,b)");
    }
    Requirement requirement{.key = std::string(words[0]),
                            .op = words[1] == "in" ? Operator::kIn : Operator::kNotIn};
    for (const auto value : split(text.substr(at + 1, text.size() - at - 2), ','))
      requirement.values.emplace_back(trim(value));
    return requirement;
  }
  if (const auto at = text.find("!="); at != std::string_view::npos) {
    return Requirement{.key = std::string(trim(text.substr(0, at))),
                       .op = Operator::kNotIn,
                       .values = {std::string(trim(text.substr(at + 2)))}};
  }
  if (const auto at = text.find('='); at != std::string_view::npos) {
    const std::size_t width = text.substr(at).starts_with("==") ? 2 : 1;
    if (text.substr(at + width).starts_with('=')) return invalid("found '=', expected: identifier");
    return Requirement{.key = std::string(trim(text.substr(0, at))),
                       .values = {std::string(trim(text.substr(at + width)))}};
  }
  if (text.starts_with('!'))
    return Requirement{.key = std::string(trim(text.substr(1))), .op = Operator::kDoesNotExist};
  return Requirement{.key = std::string(text), .op = Operator::kExists};
}

LabelSelector LabelSelector::from_object(const json& object) {
  LabelSelector selector;
  if (!object.is_object()) {
    selector.nothing_ = true;
    return selector;
  }
  const json labels = object.value("matchLabels", json::object());
  for (const auto& [key, value] : labels.items()) {
    selector.requirements_.push_back({.key = key, .values = {value.get<std::string>()}});
  }
  for (const json& expression : object.value("matchExpressions", json::array())) {
    const std::string name = expression.value("operator", "");
    Requirement requirement{.key = expression.value("key", ""),
                            .values = expression.value("values", std::vector<std::string>())};
    if (name == "NotIn") requirement.op = Operator::kNotIn;
    if (name == "Exists") requirement.op = Operator::kExists;
    if (name == "DoesNotExist") requirement.op = Operator::kDoesNotExist;
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool LabelSelector::matches(const json& labels) const {
  if (nothing_) return false;
  return std::ranges::all_of(requirements_, [&](const Requirement& requirement) {
    const bool there = labels.is_object() && labels.contains(requirement.key);
    if (requirement.op == Operator::kExists) return there;
    if (requirement.op == Operator::kDoesNotExist) return !there;
    const bool listed =
        there && std::ranges::find(requirement.values,
                                   labels.at(requirement.key).get_ref<const std::string&>()) !=
                     requirement.values.end();
    return requirement.op == Operator::kIn ? listed : !listed;
  });
}

}  // namespace spillway::sim
