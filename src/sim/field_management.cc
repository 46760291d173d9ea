#include <spillway/sim/field_management.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "list_elements.h"

// Ownership over time: structured-merge-diff's merge package and the API server's field manager
// around it.
namespace spillway::sim {
namespace {

using nlohmann::json;

// The fields of an entry: as they are written until they change.
class OwnedFields {
 public:
  OwnedFields() : read_(FieldSet()) {}
  explicit OwnedFields(json written) : written_(std::move(written)) {}
  [[nodiscard]] bool empty() const { return read_ ? read_->empty() : written_.empty(); }
  [[nodiscard]] FieldSet set() const { return read_ ? *read_ : FieldSet::parse(written_); }
  [[nodiscard]] json take() { return read_ ? read_->to_json() : std::move(written_); }
  // nullptr once they have changed.
  [[nodiscard]] const json* written() const { return read_ ? nullptr : &written_; }

  void become(FieldSet fields) { read_ = std::move(fields); }
  void add(const FieldSet& fields) {
    if (read_ || !FieldSet::all_of(fields, written_)) read().add(fields);
  }
  void subtract(const FieldSet& fields) {
    if (read_ || FieldSet::any_of(fields, written_)) read().subtract(fields);
  }
  void subtract_below(const FieldSet& fields) {
    if (read_ || FieldSet::any_below(fields, written_)) read().subtract_below(fields);
  }
  [[nodiscard]] FieldSet intersection(const FieldSet& fields) const {
    if (!read_ && !FieldSet::any_of(fields, written_)) return {};
    return set().intersection(fields);
  }

 private:
  FieldSet& read() {
    if (!read_) read_ = FieldSet::parse(written_);
    return *read_;
  }
  json written_ = json::object();
  std::optional<FieldSet> read_;
};

struct Entry {
  Manager manager;
  bool apply = false;
  std::string time;
  OwnedFields fields;
  [[nodiscard]] bool is(const Manager& other, bool applies) const {
    return apply == applies && manager.name == other.name &&
           manager.api_version == other.api_version && manager.subresource == other.subresource;
  }
};
using Entries = std::vector<Entry>;

// Takes them out of `list`, metadata.managedFields.
Entries read_entries(json list) {
  Entries entries;
  for (json& entry : list) {
    json fields = json::object();
    const auto there = entry.find("fieldsV1");
    if (there != entry.end() && there->is_object()) fields = std::move(*there);
    entries.push_back({.manager = {.name = entry.value("manager", ""),
                                   .api_version = entry.value("apiVersion", ""),
                                   .subresource = entry.value("subresource", "")},
                       .apply = entry.value("operation", "") == "Apply",
                       .time = entry.value("time", ""),
                       .fields = OwnedFields(std::move(fields))});
  }
  return entries;
}

json managed_fields_of(const json& object) {
  const auto metadata = object.is_object() ? object.find("metadata") : object.end();
  if (!object.is_object() || metadata == object.end()) return json::array();
  const auto list = metadata->find("managedFields");
  return list == metadata->end() ? json::array() : *list;
}

json take_managed_fields(json& object) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end()) return json::array();
  const auto list = metadata->find("managedFields");
  if (list == metadata->end()) return json::array();
  json taken = std::move(*list);
  metadata->erase(list);
  return taken;
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
  for (Entry& entry : entries) {
    json& written = list.emplace_back(json::object());
    written["manager"] = std::move(entry.manager.name);
    written["operation"] = entry.apply ? "Apply" : "Update";
    written["apiVersion"] = std::move(entry.manager.api_version);
    written["fieldsType"] = "FieldsV1";
    written["fieldsV1"] = entry.fields.take();
    if (!entry.time.empty()) written["time"] = std::move(entry.time);
    if (!entry.manager.subresource.empty())
      written["subresource"] = std::move(entry.manager.subresource);
  }
  if (list.empty()) {
    if (object.contains("metadata")) object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
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
  const bool brought = after.contains("metadata") && after["metadata"].contains("managedFields");
  Entries entries = read_entries(brought ? take_managed_fields(after) : managed_fields_of(before));
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

namespace {

// Takes out of `object` what the manager applied before and leaves out now, unless another owns it.
void disown(json& object, const FieldSet& last, const Entries& entries) {
  FieldSet owned;
  for (const Entry& entry : entries)
    owned.add(entry.fields.set());
  remove_disowned(object, last, &owned);
}

}  // namespace

Applied manage_apply(const Schema& schema, const json& live, json config, const Manager& manager,
                     bool force, Instant now) {
  Applied result{.object = live, .conflicts = {}};
  Entries entries = read_entries(take_managed_fields(result.object));
  take_managed_fields(config);
  OwnedFields& applied = entry_of(entries, manager, true).fields;
  const std::string before_time = entry_of(entries, manager, true).time;
  const bool same_fields =
      applied.written() != nullptr && owns_exactly(schema, config, *applied.written());
  const FieldSet last = same_fields ? FieldSet() : applied.set();
  if (!same_fields) applied.become(owned_fields_of(schema, config));
  result.object = merge(schema, std::move(result.object), std::move(config));
  if (!same_fields) disown(result.object, last, entries);

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
