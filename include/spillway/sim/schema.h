#pragma once
// The schema of a kind, compiled from OpenAPI as a CRD holds it: what the model API server prunes,
// defaults and checks by, and how server-side apply merges lists and maps (x-kubernetes-list-type,
// -list-map-keys, -map-type). What a schema does not describe is taken as the API server takes
// untyped content: maps are merged key by key, lists are replaced whole.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace spillway::sim {

struct Schema;
using SchemaPointer = std::shared_ptr<const Schema>;

struct Schema {
  enum class Type { kAny, kObject, kArray, kString, kInteger, kNumber, kBoolean, kIntOrString };
  enum class ListKind { kAtomic, kMap, kSet };

  Type type = Type::kAny;
  std::map<std::string, SchemaPointer, std::less<>> properties;
  SchemaPointer values;  // additionalProperties: a map
  SchemaPointer items;
  ListKind list = ListKind::kAtomic;
  std::vector<std::string> keys;  // of ListKind::kMap
  bool atomic = false;            // a map or struct that is replaced whole
  bool keeps_unknown = false;     // fields that are not described stay
  nlohmann::json default_value;   // null: none
  std::vector<std::string> required;
  std::vector<nlohmann::json> allowed;  // enum
  std::optional<std::int64_t> minimum, maximum, min_items, max_items, min_properties,
      max_properties, max_length;
  std::string pattern, format;

  static SchemaPointer parse(const nlohmann::json& openapi);
  // The schema of a field, nullptr when it is not described.
  [[nodiscard]] const Schema* field(std::string_view name) const;
  [[nodiscard]] bool described() const { return type != Type::kAny; }
};

// The schema of content that nothing describes.
const Schema& any_schema();
// Of a field below `schema`: any_schema() when it is not described.
const Schema& schema_of(const Schema& schema, std::string_view field);

// One thing that is wrong, in the API server's words.
struct Cause {
  std::string reason;  // "FieldValueInvalid"
  std::string
      message;  // "Invalid value: 0: spec.replicas in body should be greater than or equal to 1"
  std::string field;  // "spec.replicas"
};

void prune(const Schema& schema, nlohmann::json& value);
void fill_defaults(const Schema& schema, nlohmann::json& value);
void check(const Schema& schema, const nlohmann::json& value, const std::string& path,
           std::vector<Cause>& causes);

}  // namespace spillway::sim
