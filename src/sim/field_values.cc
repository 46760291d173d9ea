#include <spillway/sim/field_management.h>

#include <algorithm>

#include "list_elements.h"

// Sets of fields, differences and merges of values: structured-merge-diff's typed package.
namespace spillway::sim {
namespace {

using nlohmann::json;

const json& nothing() {
  static const json null;
  return null;
}

const json& member_of(const json& value, const std::string& name) {
  if (!value.is_object()) return nothing();
  const auto found = value.find(name);
  return found == value.end() ? nothing() : *found;
}

void collect(const Schema& schema, const json& value, FieldSet& set) {
  if (value.is_object() && !value.empty() && !schema.atomic) {
    for (const auto& [name, below] : value.items())
      collect(schema_of(schema, name), below, set.at("f:" + name));
    return;
  }
  if (value.is_array() && !value.empty() && schema.list != Schema::ListKind::kAtomic) {
    for (const json& item : value) {
      FieldSet& at = set.at(element_of(schema, item));
      at.set_member();
      if (schema.list == Schema::ListKind::kMap) collect(item_schema(schema), item, at);
    }
    return;
  }
  set.set_member();
}

// Walks two values and calls what is at hand for each path that is in one of them.
class Comparer {
 public:
  explicit Comparer(Difference& difference) : difference_(difference) {}

  void visit(const Schema& schema, const json& before, const json& after,
             std::vector<std::string>& path) {
    if (before.is_null() && after.is_null()) return;
    const bool maps =
        (before.is_object() || before.is_null()) && (after.is_object() || after.is_null());
    const bool lists =
        (before.is_array() || before.is_null()) && (after.is_array() || after.is_null());
    const bool both_empty = before.empty() && after.empty();
    if (maps && !schema.atomic && !both_empty) {
      fields(schema, before, after, path);
    } else if (lists && schema.list != Schema::ListKind::kAtomic && !both_empty) {
      elements(schema, before, after, path);
    } else {
      leaf(before, after, path);
      return;
    }
    if (before.is_null()) insert(difference_.added, path);
    if (after.is_null()) insert(difference_.removed, path);
  }

 private:
  void fields(const Schema& schema, const json& before, const json& after,
              std::vector<std::string>& path) {
    std::vector<std::string> names;
    if (before.is_object()) {
      for (const auto& [name, below] : before.items())
        names.push_back(name);
    }
    if (after.is_object()) {
      for (const auto& [name, below] : after.items()) {
        if (!before.is_object() || !before.contains(name)) names.push_back(name);
      }
    }
    for (const std::string& name : names) {
      path.push_back("f:" + name);
      visit(schema_of(schema, name), member_of(before, name), member_of(after, name), path);
      path.pop_back();
    }
  }

  void elements(const Schema& schema, const json& before, const json& after,
                std::vector<std::string>& path) {
    const ElementIndex old_items(schema, before);
    const ElementIndex new_items(schema, after);
    for (const auto& [element, item] : old_items) {
      const json* now = new_items.find(element);
      path.push_back(element);
      visit_element(schema, *item, now == nullptr ? nothing() : *now, path);
      path.pop_back();
    }
    for (const auto& [element, item] : new_items) {
      if (old_items.find(element) != nullptr) continue;
      path.push_back(element);
      visit_element(schema, nothing(), *item, path);
      path.pop_back();
    }
  }

  void visit_element(const Schema& schema, const json& before, const json& after,
                     std::vector<std::string>& path) {
    if (schema.list == Schema::ListKind::kMap) {
      visit(item_schema(schema), before, after, path);
    } else {
      leaf(before, after, path);
    }
  }

  void leaf(const json& before, const json& after, const std::vector<std::string>& path) {
    if (before.is_null())
      insert(difference_.added, path);
    else if (after.is_null())
      insert(difference_.removed, path);
    else if (before != after)
      insert(difference_.modified, path);
  }

  static void insert(FieldSet& set, const std::vector<std::string>& path) {
    if (path.empty()) return;
    FieldSet* at = &set;
    for (const std::string& element : path)
      at = &at->at(element);
    at->set_member();
  }

  Difference& difference_;
};

json merge_lists(const Schema& schema, const json& live, const json& config) {
  const ElementIndex there(schema, live);
  const ElementIndex wanted(schema, config);
  json merged = json::array();
  std::size_t next = 0;
  // What only the live list has stays in front of what it stood in front of; for the rest the new
  // order counts.
  const auto keep_unshared = [&] {
    while (next < there.size() && wanted.find(there.element(next)) == nullptr)
      merged.push_back(there.item(next++));
  };
  for (const auto& [element, item] : wanted) {
    keep_unshared();
    const json* before = there.find(element);
    if (next < there.size() && there.element(next) == element) ++next;
    const bool deep = schema.list == Schema::ListKind::kMap && before != nullptr;
    merged.push_back(deep ? merge(item_schema(schema), *before, *item) : *item);
  }
  while (next < there.size()) {
    if (wanted.find(there.element(next)) == nullptr) merged.push_back(there.item(next));
    ++next;
  }
  return merged;
}

}  // namespace

FieldSet fields_of(const Schema& schema, const json& value) {
  FieldSet set;
  if (value.is_object()) {
    for (const auto& [name, below] : value.items())
      collect(schema_of(schema, name), below, set.at("f:" + name));
  }
  return set;
}

Difference compare(const Schema& schema, const json& before, const json& after) {
  Difference difference;
  std::vector<std::string> path;
  Comparer(difference).visit(schema, before, after, path);
  return difference;
}

json merge(const Schema& schema, const json& live, const json& config) {
  if (live.is_object() && config.is_object() && !schema.atomic) {
    json merged = live;
    for (const auto& [name, below] : config.items()) {
      const auto there = live.find(name);
      merged[name] = there == live.end() ? below : merge(schema_of(schema, name), *there, below);
    }
    return merged;
  }
  if (live.is_array() && config.is_array() && schema.list != Schema::ListKind::kAtomic)
    return merge_lists(schema, live, config);
  return config;
}

}  // namespace spillway::sim
