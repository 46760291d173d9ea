#include <spillway/sim/field_management.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "list_elements.h"

// Ownership over time: structured-merge-diff's merge package and the API server's field manager
// around it.
namespace spillway::sim {
namespace {

using nlohmann::json;

struct Entry {
  Manager manager;
  bool apply = false;
  std::string time;
  FieldSet fields;
  [[nodiscard]] bool is(const Manager& other, bool applies) const {
    return apply == applies && manager.name == other.name &&
           manager.api_version == other.api_version && manager.subresource == other.subresource;
  }
};
using Entries = std::vector<Entry>;

Entries read_entries(const json& object) {
  Entries entries;
  if (!object.is_object()) return entries;
  for (const json& entry : object.value("/metadata/managedFields"_json_pointer, json::array())) {
    entries.push_back({.manager = {.name = entry.value("manager", ""),
                                   .api_version = entry.value("apiVersion", ""),
                                   .subresource = entry.value("subresource", "")},
                       .apply = entry.value("operation", "") == "Apply",
                       .time = entry.value("time", ""),
                       .fields = FieldSet::parse(entry.value("fieldsV1", json::object()))});
  }
  return entries;
}

// Applies first, then by time and name: the order of the API server.
void write_entries(Entries entries, json& object) {
  std::erase_if(entries, [](const Entry& entry) { return entry.fields.empty(); });
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    if (a.apply != b.apply) return a.apply;
    if (a.time != b.time) return a.time < b.time;
    if (a.manager.name != b.manager.name) return a.manager.name < b.manager.name;
    return std::tie(a.manager.subresource, a.manager.api_version) <
           std::tie(b.manager.subresource, b.manager.api_version);
  });
  json list = json::array();
  for (const Entry& entry : entries) {
    json written = {{"manager", entry.manager.name},
                    {"operation", entry.apply ? "Apply" : "Update"},
                    {"apiVersion", entry.manager.api_version},
                    {"fieldsType", "FieldsV1"},
                    {"fieldsV1", entry.fields.to_json()}};
    if (!entry.time.empty()) written["time"] = entry.time;
    if (!entry.manager.subresource.empty()) written["subresource"] = entry.manager.subresource;
    list.push_back(std::move(written));
  }
  if (list.empty()) {
    if (object.contains("metadata")) object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
}

// Nobody owns what only the server sets.
json owned_part(json object) {
  object.erase("apiVersion");
  object.erase("kind");
  const auto metadata = object.find("metadata");
  if (metadata == object.end()) return object;
  constexpr std::array kServerSet = {"name",
                                     "namespace",
                                     "creationTimestamp",
                                     "selfLink",
                                     "uid",
                                     "generation",
                                     "managedFields",
                                     "resourceVersion",
                                     "generateName",
                                     "deletionTimestamp",
                                     "deletionGracePeriodSeconds"};
  for (const char* field : kServerSet)
    metadata->erase(field);
  if (metadata->empty()) object.erase(metadata);
  return object;
}

// metadata is always there: a first label adds labels, not metadata.
json with_metadata(json object) {
  if (object.is_object() && !object.contains("metadata")) object["metadata"] = json::object();
  return object;
}

Difference owned_difference(const Schema& schema, const json& before, const json& after) {
  const json empty = json::object();
  return compare(schema, with_metadata(before.is_null() ? empty : owned_part(before)),
                 with_metadata(owned_part(after)));
}

Entry& entry_of(Entries& entries, const Manager& manager, bool apply) {
  const auto found =
      std::ranges::find_if(entries, [&](const Entry& entry) { return entry.is(manager, apply); });
  if (found != entries.end()) return *found;
  entries.push_back({.manager = manager, .apply = apply});
  return entries.back();
}

std::string shown(const Entry& entry) {
  std::string text = "\"" + entry.manager.name + "\"";
  if (!entry.manager.subresource.empty())
    text += " with subresource \"" + entry.manager.subresource + "\"";
  return entry.apply ? text : text + " using " + entry.manager.api_version;
}

json* step_into(json& value, const std::string& element) {
  const std::string rest = element.substr(2);
  if (element.starts_with("f:")) {
    const auto found = value.is_object() ? value.find(rest) : value.end();
    return value.is_object() && found != value.end() ? &*found : nullptr;
  }
  if (!value.is_array()) return nullptr;
  const json wanted = json::parse(rest, nullptr, false);
  for (json& item : value) {
    if (element.starts_with("v:") && item == wanted) return &item;
    if (!element.starts_with("k:") || !item.is_object()) continue;
    bool same = true;
    for (const auto& [key, expected] : wanted.items())
      same = same && item.value(key, json()) == expected;
    if (same) return &item;
  }
  return nullptr;
}

void erase_at(json& value, const std::string& element) {
  json* below = step_into(value, element);
  if (below == nullptr) return;
  if (value.is_object()) {
    value.erase(element.substr(2));
  } else {
    value.erase(static_cast<std::size_t>(below - &value.front()));
  }
}

// Takes out of `value` what was applied before (`last`) and has no owner any more.
void remove_disowned(json& value, const FieldSet& last, const FieldSet* owned) {
  for (const auto& [element, below] : last.children()) {
    const FieldSet* still = owned == nullptr ? nullptr : owned->find(element);
    if (still == nullptr) {
      erase_at(value, element);
    } else if (json* deeper = step_into(value, element)) {
      remove_disowned(*deeper, below, still);
    }
  }
}

}  // namespace

void manage_update(const Schema& schema, const json& before, json& after, const Manager& manager,
                   Instant now) {
  Entries entries = read_entries(before);
  const Difference difference = owned_difference(schema, before, after);
  FieldSet changed = difference.added;
  changed.add(difference.modified);
  for (Entry& entry : entries) {
    if (!entry.is(manager, false)) entry.fields.subtract(changed);
    entry.fields.subtract_below(difference.removed);
  }
  if (!changed.empty()) {
    Entry& own = entry_of(entries, manager, false);
    own.fields.add(changed);
    own.time = format_instant(now);
  }
  write_entries(std::move(entries), after);
}

Applied manage_apply(const Schema& schema, const json& live, const json& config,
                     const Manager& manager, bool force, Instant now) {
  Applied result;
  Entries entries = read_entries(live);
  const FieldSet wanted = fields_of(schema, owned_part(config));
  const std::string before_time = entry_of(entries, manager, true).time;
  const FieldSet last = entry_of(entries, manager, true).fields;
  entry_of(entries, manager, true).fields = wanted;

  json stripped = config;
  if (stripped.contains("metadata")) stripped["metadata"].erase("managedFields");
  result.object = merge(schema, live, stripped);
  FieldSet owned;
  for (const Entry& entry : entries)
    owned.add(entry.fields);
  remove_disowned(result.object, last, &owned);

  const Difference difference = owned_difference(schema, live, result.object);
  FieldSet changed = difference.added;
  changed.add(difference.modified);
  for (Entry& entry : entries) {
    if (entry.is(manager, true)) continue;
    const FieldSet taken = entry.fields.intersection(changed);
    if (!taken.empty() && !force)
      result.conflicts.push_back({.manager = shown(entry), .paths = taken.paths()});
    entry.fields.subtract(taken);
    entry.fields.subtract_below(difference.removed);
  }
  Entry& own = entry_of(entries, manager, true);
  own.time = difference.none() ? before_time : format_instant(now);
  write_entries(std::move(entries), result.object);
  return result;
}

namespace {

// Equal but for some fields of these two objects themselves.
template <class Same>
bool same_fields(const json& a, const json& b, const Same& same) {
  if (!a.is_object() || !b.is_object()) return a == b;
  const auto covers = [&](const json& one, const json& other) {
    for (const auto& [field, value] : one.items()) {
      const auto there = other.find(field);
      if (!same(field, &value, there == other.end() ? nullptr : &*there)) return false;
    }
    return true;
  };
  return covers(a, b) && covers(b, a);
}

bool same_but_for_time(const json& a, const json& b) {
  return same_fields(a, b, [](const std::string& field, const json* one, const json* other) {
    return field == "time" || (other != nullptr && *one == *other);
  });
}

bool same_metadata(const json& a, const json& b) {
  return same_fields(a, b, [](const std::string& field, const json* one, const json* other) {
    if (field == "resourceVersion") return true;
    if (other == nullptr) return false;
    if (field != "managedFields" || !one->is_array() || !other->is_array()) return *one == *other;
    return std::ranges::equal(*one, *other, same_but_for_time);
  });
}

}  // namespace

bool same_content(const json& a, const json& b) {
  return same_fields(a, b, [](const std::string& field, const json* one, const json* other) {
    if (other == nullptr) return false;
    return field == "metadata" ? same_metadata(*one, *other) : *one == *other;
  });
}

}  // namespace spillway::sim
