#include <spillway/sim/field_management.h>

#include <algorithm>
#include <array>
#include <string_view>

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

// Where a value is in its object; written out only where a difference is.
struct Path {
  const Path* above = nullptr;
  const std::string* element = nullptr;
  bool is_field = true;  // "f:" goes before it
};

// What nobody owns because only the server sets it.
bool server_sets(const std::string& field) {
  return field == "apiVersion" || field == "kind";
}
bool server_sets_of_metadata(const std::string& field) {
  constexpr std::array<std::string_view, 11> kFields = {"creationTimestamp",
                                                        "deletionGracePeriodSeconds",
                                                        "deletionTimestamp",
                                                        "generateName",
                                                        "generation",
                                                        "managedFields",
                                                        "name",
                                                        "namespace",
                                                        "resourceVersion",
                                                        "selfLink",
                                                        "uid"};
  return std::ranges::binary_search(kFields, std::string_view(field));
}
bool nobody_sets(const std::string&) {
  return false;
}
using LeftOut = bool (*)(const std::string& field);

// Walks two values and notes each path that is in one of them, or different.
class Comparer {
 public:
  explicit Comparer(Difference& difference) : difference_(difference) {}

  void visit(const Schema& schema, const json& before, const json& after, const Path* path) {
    if (before.is_null() && after.is_null()) return;
    const bool maps =
        (before.is_object() || before.is_null()) && (after.is_object() || after.is_null());
    const bool lists =
        (before.is_array() || before.is_null()) && (after.is_array() || after.is_null());
    const bool both_empty = before.empty() && after.empty();
    if (maps && !schema.atomic && !both_empty) {
      fields(schema, before, after, path, nobody_sets);
    } else if (lists && schema.list != Schema::ListKind::kAtomic && !both_empty) {
      elements(schema, before, after, path);
    } else {
      leaf(before, after, path);
      return;
    }
    // A list that a type of the server's own always has is null when it is empty, and there.
    if (&before == &nothing()) insert(difference_.added, path);
    if (after.is_null()) insert(difference_.removed, path);
  }

  // metadata is always there: a first label adds labels, not metadata.
  void visit_objects(const Schema& schema, const json& before, const json& after) {
    static const std::string metadata = "metadata";
    fields(schema, before, after, nullptr,
           [](const std::string& field) { return field == metadata || server_sets(field); });
    const Path path{.element = &metadata};
    fields(schema_of(schema, metadata), member_of(before, metadata), member_of(after, metadata),
           &path, server_sets_of_metadata);
  }

 private:
  void fields(const Schema& schema, const json& before, const json& after, const Path* above,
              LeftOut left_out) {
    if (before.is_object()) {
      for (const auto& [name, old] : before.get_ref<const json::object_t&>()) {
        const json& now = member_of(after, name);
        if (left_out(name) || old == now) continue;
        const Path path{.above = above, .element = &name};
        visit(schema_of(schema, name), old, now, &path);
      }
    }
    if (!after.is_object()) return;
    for (const auto& [name, now] : after.get_ref<const json::object_t&>()) {
      if (left_out(name) || (before.is_object() && before.contains(name))) continue;
      const Path path{.above = above, .element = &name};
      visit(schema_of(schema, name), nothing(), now, &path);
    }
  }

  void elements(const Schema& schema, const json& before, const json& after, const Path* above) {
    const ElementIndex old_items(schema, before);
    const ElementIndex new_items(schema, after);
    for (const auto& [element, item] : old_items) {
      const json* now = new_items.find(element);
      const Path path{.above = above, .element = &element, .is_field = false};
      visit_element(schema, *item, now == nullptr ? nothing() : *now, &path);
    }
    for (const auto& [element, item] : new_items) {
      if (old_items.find(element) != nullptr) continue;
      const Path path{.above = above, .element = &element, .is_field = false};
      visit_element(schema, nothing(), *item, &path);
    }
  }

  void visit_element(const Schema& schema, const json& before, const json& after,
                     const Path* path) {
    if (schema.list == Schema::ListKind::kMap) {
      visit(item_schema(schema), before, after, path);
    } else {
      leaf(before, after, path);
    }
  }

  void leaf(const json& before, const json& after, const Path* path) {
    if (before.is_null())
      insert(difference_.added, path);
    else if (after.is_null())
      insert(difference_.removed, path);
    else if (before != after)
      insert(difference_.modified, path);
  }

  static FieldSet& node(FieldSet& root, const Path* path) {
    if (path == nullptr) return root;
    return node(root, path->above).at(path->is_field ? "f:" + *path->element : *path->element);
  }
  static void insert(FieldSet& set, const Path* path) {
    if (path != nullptr) node(set, path).set_member();
  }

  Difference& difference_;
};

// `config` laid over `live`, in place.
void lay_over(const Schema& schema, json& live, json&& config);

json merge_lists(const Schema& schema, json& live, json& config) {
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
  std::size_t at = 0;
  for (const auto& [element, item] : wanted) {
    keep_unshared();
    const json* before = there.find(element);
    if (next < there.size() && there.element(next) == element) ++next;
    const bool deep = schema.list == Schema::ListKind::kMap && before != nullptr;
    merged.push_back(deep ? *before : json());
    if (deep)
      lay_over(item_schema(schema), merged.back(), std::move(config[at]));
    else
      merged.back() = config[at];
    ++at;
  }
  while (next < there.size()) {
    if (wanted.find(there.element(next)) == nullptr) merged.push_back(there.item(next));
    ++next;
  }
  return merged;
}

void lay_over(const Schema& schema, json& live, json&& config) {
  if (live.is_object() && config.is_object() && !schema.atomic) {
    for (auto& [name, below] : config.get_ref<json::object_t&>()) {
      const auto there = live.find(name);
      if (there == live.end())
        live.emplace(name, std::move(below));
      else
        lay_over(schema_of(schema, name), *there, std::move(below));
    }
  } else if (live.is_array() && config.is_array() && schema.list != Schema::ListKind::kAtomic) {
    live = merge_lists(schema, live, config);
  } else {
    live = std::move(config);
  }
}

// Whether collect() would make of the value what is written there.
bool written_as(const Schema& schema, const json& value, const json& fields_v1, bool member,
                LeftOut left_out) {
  std::size_t paths = 0;
  const auto dot = [&] { return std::size_t{member && fields_v1.contains(".") ? 1U : 0U}; };
  if (value.is_object() && !value.empty() && !schema.atomic) {
    std::string path = "f:";
    for (const auto& [name, below] : value.get_ref<const json::object_t&>()) {
      if (left_out(name)) continue;
      ++paths;
      path.replace(2, std::string::npos, name);
      const auto there = fields_v1.find(path);
      if (there == fields_v1.end() ||
          !written_as(schema_of(schema, name), below, *there, false, nobody_sets))
        return false;
    }
    return fields_v1.size() == paths + dot() && (!member || dot() == 1);
  }
  if (!value.is_array() || value.empty() || schema.list == Schema::ListKind::kAtomic)
    return fields_v1.empty();
  if (member) return false;  // a list in a list: nothing of ours has one
  for (const json& item : value) {
    ++paths;
    const auto there = fields_v1.find(element_of(schema, item));
    if (there == fields_v1.end()) return false;
    const bool map = schema.list == Schema::ListKind::kMap;
    if (!(map ? written_as(item_schema(schema), item, *there, true, nobody_sets) : there->empty()))
      return false;
  }
  return fields_v1.size() == paths;
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

FieldSet owned_fields_of(const Schema& schema, const json& object) {
  FieldSet set;
  for (const auto& [name, below] : object.items()) {
    if (name != "metadata" && !server_sets(name))
      collect(schema_of(schema, name), below, set.at("f:" + name));
  }
  const Schema& metadata_schema = schema_of(schema, "metadata");
  const json& metadata = member_of(object, "metadata");
  for (const auto& [name, below] : metadata.items()) {
    if (!server_sets_of_metadata(name))
      collect(schema_of(metadata_schema, name), below, set.at("f:metadata").at("f:" + name));
  }
  return set;
}

bool owns_exactly(const Schema& schema, const json& object, const json& fields_v1) {
  if (!object.is_object() || !fields_v1.is_object()) return false;
  const json& metadata = member_of(object, "metadata");
  bool of_metadata = false;
  for (const auto& [name, below] : metadata.items())
    of_metadata = of_metadata || !server_sets_of_metadata(name);
  const auto written = fields_v1.find("f:metadata");
  if (of_metadata != (written != fields_v1.end())) return false;
  if (of_metadata && !written_as(schema_of(schema, "metadata"), metadata, *written, false,
                                 server_sets_of_metadata))
    return false;
  std::size_t paths = of_metadata ? 1 : 0;
  for (const auto& [name, below] : object.items()) {
    if (name == "metadata" || server_sets(name)) continue;
    ++paths;
    const auto there = fields_v1.find("f:" + name);
    if (there == fields_v1.end() ||
        !written_as(schema_of(schema, name), below, *there, false, nobody_sets))
      return false;
  }
  return fields_v1.size() == paths;
}

Difference compare(const Schema& schema, const json& before, const json& after) {
  Difference difference;
  Comparer(difference).visit(schema, before, after, nullptr);
  return difference;
}

Difference owned_difference(const Schema& schema, const json& before, const json& after) {
  Difference difference;
  Comparer(difference).visit_objects(schema, before, after);
  return difference;
}

json merge(const Schema& schema, json live, json config) {
  lay_over(schema, live, std::move(config));
  return live;
}

}  // namespace spillway::sim
