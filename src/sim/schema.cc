#include <spillway/sim/schema.h>

#include <algorithm>

#include "pattern.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

Schema::Type type_of(const json& openapi) {
  if (openapi.value("x-kubernetes-int-or-string", false)) return Schema::Type::kIntOrString;
  const std::string name = openapi.value("type", "");
  if (name == "object") return Schema::Type::kObject;
  if (name == "array") return Schema::Type::kArray;
  if (name == "string") return Schema::Type::kString;
  if (name == "integer") return Schema::Type::kInteger;
  if (name == "number") return Schema::Type::kNumber;
  if (name == "boolean") return Schema::Type::kBoolean;
  return Schema::Type::kAny;
}

std::optional<std::int64_t> bound(const json& openapi, const char* name) {
  const auto found = openapi.find(name);
  if (found == openapi.end() || !found->is_number()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::string_view name_of(Schema::Type type) {
  switch (type) {
    case Schema::Type::kObject: return "object";
    case Schema::Type::kArray: return "array";
    case Schema::Type::kString: return "string";
    case Schema::Type::kInteger: return "integer";
    case Schema::Type::kNumber: return "number";
    case Schema::Type::kBoolean: return "boolean";
    case Schema::Type::kIntOrString: return "integer or string";
    case Schema::Type::kAny: break;
  }
  return "any";
}

std::string_view kind_of(const json& value) {
  if (value.is_object()) return "object";
  if (value.is_array()) return "array";
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  return "null";
}

bool has_type(Schema::Type type, const json& value) {
  switch (type) {
    case Schema::Type::kObject: return value.is_object();
    case Schema::Type::kArray: return value.is_array();
    case Schema::Type::kString: return value.is_string();
    case Schema::Type::kInteger: return value.is_number_integer();
    case Schema::Type::kNumber: return value.is_number();
    case Schema::Type::kBoolean: return value.is_boolean();
    case Schema::Type::kIntOrString: return value.is_string() || value.is_number_integer();
    case Schema::Type::kAny: break;
  }
  return true;
}

// A value as the API server shows it in a sentence.
std::string shown(const json& value) {
  return value.is_object() || value.is_array() ? "\"" + std::string(kind_of(value)) + "\""
                                               : value.dump();
}

std::string joined(const std::string& path, std::string_view field) {
  return path.empty() ? std::string(field) : path + "." + std::string(field);
}

class Checker {
 public:
  explicit Checker(std::vector<Cause>& causes) : causes_(causes) {}

  void visit(const Schema& schema, const json& value, const std::string& path) {
    if (!has_type(schema.type, value)) {
      add("FieldValueTypeInvalid", path,
          "Invalid value: \"" + std::string(kind_of(value)) + "\": " + body(path) +
              " must be of type " + std::string(name_of(schema.type)) + ": \"" +
              std::string(kind_of(value)) + "\"");
      return;
    }
    if (value.is_object()) visit_object(schema, value, path);
    if (value.is_array()) visit_array(schema, value, path);
    if (value.is_string()) visit_text(schema, value, path);
    if (value.is_number_integer()) visit_integer(schema, value, path);
    if (!schema.allowed.empty() && std::ranges::find(schema.allowed, value) == schema.allowed.end())
      unsupported(schema, value, path);
  }

 private:
  static std::string body(const std::string& path) { return path + " in body"; }

  void add(std::string reason, const std::string& path, std::string message) {
    causes_.push_back({.reason = std::move(reason),
                       .message = std::move(message),
                       .field = path.empty() ? "<nil>" : path});
  }
  void invalid(const std::string& path, const json& value, const std::string& words) {
    add("FieldValueInvalid", path,
        "Invalid value: " + shown(value) + ": " + body(path) + " " + words);
  }

  void visit_object(const Schema& schema, const json& value, const std::string& path) {
    for (const std::string& name : schema.required) {
      if (!value.contains(name)) add("FieldValueRequired", joined(path, name), "Required value");
    }
    const auto count = static_cast<std::int64_t>(value.size());
    if (schema.min_properties && count < *schema.min_properties) {
      invalid(path, value,
              "should have at least " + std::to_string(*schema.min_properties) + " properties");
    }
    if (schema.max_properties && count > *schema.max_properties) {
      add("FieldValueTooMany", path,
          "Too many: " + std::to_string(count) + ": must have at most " +
              std::to_string(*schema.max_properties) + " items");
    }
    for (const auto& [name, below] : value.items()) {
      const Schema* field = schema.field(name);
      if (field != nullptr) visit(*field, below, joined(path, name));
    }
  }

  void visit_array(const Schema& schema, const json& value, const std::string& path) {
    const auto count = static_cast<std::int64_t>(value.size());
    if (schema.min_items && count < *schema.min_items) {
      invalid(path, json(count),
              "should have at least " + std::to_string(*schema.min_items) + " items");
    }
    if (schema.max_items && count > *schema.max_items) {
      add("FieldValueTooMany", path,
          "Too many: " + std::to_string(count) + ": must have at most " +
              std::to_string(*schema.max_items) + " items");
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      const std::string at = path + "[" + std::to_string(i) + "]";
      if (schema.items) visit(*schema.items, value[i], at);
      if (schema.list != Schema::ListKind::kAtomic && repeats(schema, value, i)) {
        add("FieldValueDuplicate", at, "Duplicate value: " + duplicate_shown(schema, value[i]));
      }
    }
  }

  static bool repeats(const Schema& schema, const json& list, std::size_t i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (schema.list == Schema::ListKind::kSet && list[j] == list[i]) return true;
      if (schema.list != Schema::ListKind::kMap || !list[j].is_object() || !list[i].is_object())
        continue;
      const bool same = std::ranges::all_of(schema.keys, [&](const std::string& key) {
        return list[i].value(key, json()) == list[j].value(key, json());
      });
      if (same) return true;
    }
    return false;
  }

  static std::string duplicate_shown(const Schema& schema, const json& item) {
    if (schema.list == Schema::ListKind::kSet) return item.dump();
    json keys = json::object();
    for (const std::string& key : schema.keys)
      keys[key] = item.value(key, json());
    return keys.dump();
  }

  void visit_text(const Schema& schema, const json& value, const std::string& path) {
    const auto& text = value.get_ref<const std::string&>();
    if (schema.max_length && static_cast<std::int64_t>(text.size()) > *schema.max_length) {
      add("FieldValueTooLong", path,
          "Too long: may not be more than " + std::to_string(*schema.max_length) + " bytes");
    }
    if (!schema.pattern.empty() && !matches_pattern(text, schema.pattern)) {
      invalid(path, value, "should match '" + schema.pattern + "'");
    }
  }

  void visit_integer(const Schema& schema, const json& value, const std::string& path) {
    const auto number = value.get<std::int64_t>();
    if (schema.minimum && number < *schema.minimum) {
      invalid(path, value, "should be greater than or equal to " + std::to_string(*schema.minimum));
    }
    if (schema.maximum && number > *schema.maximum) {
      invalid(path, value, "should be less than or equal to " + std::to_string(*schema.maximum));
    }
  }

  void unsupported(const Schema& schema, const json& value, const std::string& path) {
    std::string words;
    for (const json& choice : schema.allowed)
      words += (words.empty() ? "" : ", ") + choice.dump();
    add("FieldValueNotSupported", path,
        "Unsupported value: " + value.dump() + ": supported values: " + words);
  }

  std::vector<Cause>& causes_;
};

}  // namespace

SchemaPointer Schema::parse(const json& openapi) {
  auto schema = std::make_shared<Schema>();
  schema->type = type_of(openapi);
  const std::string list_type = openapi.value("x-kubernetes-list-type", "atomic");
  if (list_type == "map") schema->list = ListKind::kMap;
  if (list_type == "set") schema->list = ListKind::kSet;
  schema->keys = openapi.value("x-kubernetes-list-map-keys", std::vector<std::string>());
  schema->atomic = openapi.value("x-kubernetes-map-type", "granular") == "atomic";
  schema->keeps_unknown = openapi.value("x-kubernetes-preserve-unknown-fields", false);
  schema->default_value = openapi.value("default", json());
  schema->required = openapi.value("required", std::vector<std::string>());
  schema->allowed = openapi.value("enum", std::vector<json>());
  schema->minimum = bound(openapi, "minimum");
  schema->maximum = bound(openapi, "maximum");
  schema->min_items = bound(openapi, "minItems");
  schema->max_items = bound(openapi, "maxItems");
  schema->min_properties = bound(openapi, "minProperties");
  schema->max_properties = bound(openapi, "maxProperties");
  schema->max_length = bound(openapi, "maxLength");
  schema->pattern = openapi.value("pattern", "");
  schema->format = openapi.value("format", "");
  const json properties = openapi.value("properties", json::object());
  for (const auto& [name, below] : properties.items())
    schema->properties.emplace(name, parse(below));
  if (const auto values = openapi.find("additionalProperties");
      values != openapi.end() && values->is_object()) {
    schema->values = parse(*values);
  }
  if (const auto items = openapi.find("items"); items != openapi.end())
    schema->items = parse(*items);
  return schema;
}

const Schema* Schema::field(std::string_view name) const {
  const auto found = properties.find(name);
  if (found != properties.end()) return found->second.get();
  return values.get();
}

const Schema& any_schema() {
  static const Schema any;
  return any;
}

const Schema& schema_of(const Schema& schema, std::string_view field) {
  const Schema* found = schema.field(field);
  return found == nullptr ? any_schema() : *found;
}

void prune(const Schema& schema, json& value) {
  if (!schema.described()) return;
  if (value.is_object()) {
    for (auto at = value.begin(); at != value.end();) {
      const Schema* field = schema.field(at.key());
      if (field == nullptr && !schema.keeps_unknown && schema.type == Schema::Type::kObject) {
        at = value.erase(at);
        continue;
      }
      if (field != nullptr) prune(*field, at.value());
      ++at;
    }
  } else if (value.is_array() && schema.items) {
    for (json& item : value)
      prune(*schema.items, item);
  }
}

void fill_defaults(const Schema& schema, json& value) {
  if (value.is_object()) {
    for (const auto& [name, field] : schema.properties) {
      const auto there = value.find(name);
      const bool absent =
          there == value.end() || (there->is_null() && !field->default_value.is_null());
      if (absent && !field->default_value.is_null()) value[name] = field->default_value;
    }
    for (auto& [name, below] : value.items()) {
      const Schema* field = schema.field(name);
      if (field != nullptr) fill_defaults(*field, below);
    }
  } else if (value.is_array() && schema.items) {
    for (json& item : value)
      fill_defaults(*schema.items, item);
  }
}

void check(const Schema& schema, const json& value, const std::string& path,
           std::vector<Cause>& causes) {
  Checker(causes).visit(schema, value, path);
}

}  // namespace spillway::sim
