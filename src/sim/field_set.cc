#include <spillway/sim/field_set.h>

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

namespace spillway::sim {
namespace {

using nlohmann::json;

// "k:{"port":80}" -> "[port=80]", "v:"a"" -> "[="a"]", "f:name" -> ".name": as the API server
// writes conflicts.
std::string readable(const std::string& element) {
  const std::string rest = element.substr(2);
  if (element.starts_with("f:")) return "." + rest;
  if (element.starts_with("v:")) return "[=" + rest + "]";
  const json keys = json::parse(rest, nullptr, false);
  std::string text;
  for (const auto& [key, value] : keys.items())
    text += (text.empty() ? "" : ",") + key + "=" + value.dump();
  return "[" + text + "]";
}

}  // namespace

FieldSet FieldSet::parse(const json& fields_v1) {
  FieldSet set;
  if (!fields_v1.is_object()) return set;
  for (const auto& [element, below] : fields_v1.items()) {
    if (element == ".") {
      set.member_ = true;
      continue;
    }
    FieldSet child = parse(below);
    if (below.empty()) child.member_ = true;  // a leaf is written without its "."
    set.children_.emplace(element, std::move(child));
  }
  return set;
}

json FieldSet::to_json() const {
  json out = json::object();
  if (member_ && !children_.empty()) out["."] = json::object();
  for (const auto& [element, child] : children_)
    out[element] = child.to_json();
  return out;
}

const FieldSet* FieldSet::find(const std::string& element) const {
  const auto at = children_.find(element);
  return at == children_.end() ? nullptr : &at->second;
}

void FieldSet::add(const FieldSet& other) {
  member_ = member_ || other.member_;
  for (const auto& [element, child] : other.children_)
    children_[element].add(child);
}

void FieldSet::drop_empty_children() {
  for (auto at = children_.begin(); at != children_.end();)
    at = at->second.empty() ? children_.erase(at) : std::next(at);
}

void FieldSet::subtract(const FieldSet& other) {
  if (other.member_) member_ = false;
  for (const auto& [element, child] : other.children_) {
    const auto at = children_.find(element);
    if (at != children_.end()) at->second.subtract(child);
  }
  drop_empty_children();
}

void FieldSet::subtract_below(const FieldSet& other) {
  if (other.member_) {
    member_ = false;
    children_.clear();
    return;
  }
  for (const auto& [element, child] : other.children_) {
    const auto at = children_.find(element);
    if (at != children_.end()) at->second.subtract_below(child);
  }
  drop_empty_children();
}

FieldSet FieldSet::intersection(const FieldSet& other) const {
  FieldSet both;
  both.member_ = member_ && other.member_;
  for (const auto& [element, child] : children_) {
    const FieldSet* there = other.find(element);
    if (there == nullptr) continue;
    FieldSet common = child.intersection(*there);
    if (!common.empty()) both.children_.emplace(element, std::move(common));
  }
  return both;
}

namespace {
// A leaf is written without its ".".
bool written_member(const json& fields_v1) {
  return fields_v1.empty() || fields_v1.contains(".");
}
}  // namespace

bool FieldSet::any_of(const FieldSet& set, const json& fields_v1) {
  return std::ranges::any_of(set.children_, [&](const auto& entry) {
    const auto there = fields_v1.find(entry.first);
    return there != fields_v1.end() &&
           ((entry.second.member_ && written_member(*there)) || any_of(entry.second, *there));
  });
}

bool FieldSet::any_below(const FieldSet& set, const json& fields_v1) {
  return std::ranges::any_of(set.children_, [&](const auto& entry) {
    const auto there = fields_v1.find(entry.first);
    return there != fields_v1.end() && (entry.second.member_ || any_below(entry.second, *there));
  });
}

bool FieldSet::all_of(const FieldSet& set, const json& fields_v1) {
  return std::ranges::all_of(set.children_, [&](const auto& entry) {
    const auto there = fields_v1.find(entry.first);
    return there != fields_v1.end() && (!entry.second.member_ || written_member(*there)) &&
           all_of(entry.second, *there);
  });
}

void FieldSet::collect(const std::string& prefix, std::vector<std::string>& paths) const {
  if (member_) paths.push_back(prefix);
  for (const auto& [element, child] : children_)
    child.collect(prefix + readable(element), paths);
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> all;
  collect("", all);
  return all;
}

}  // namespace spillway::sim
