#include "pod_template_schema.h"

#include <algorithm>
#include <array>
#include <string>

#include <nlohmann/json.hpp>

namespace spillway::crdgen {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kReference = "#/components/schemas/";
constexpr int kMaxDepth = 40;  // the deepest path of a pod template has 16 levels; a schema that
                               // refers to itself has no end

class Converter {
 public:
  explicit Converter(const Json& schemas) : schemas_(schemas) {}

  Result<Json> named(const std::string& name, int depth) const {
    if (name.ends_with(".resource.Quantity") || name.ends_with(".intstr.IntOrString")) {
      return Json{{"x-kubernetes-int-or-string", true}};
    }
    if (name.ends_with(".meta.v1.ObjectMeta")) return metadata();
    const auto found = schemas_.find(name);
    if (found == schemas_.end()) return invalid("the document has no schema '" + name + "'");
    return schema(*found, depth + 1);
  }

 private:
  static Json metadata() {
    const Json text_map = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
    return {{"type", "object"}, {"properties", {{"labels", text_map}, {"annotations", text_map}}}};
  }

  static bool is_dropped(std::string_view key) {
    static constexpr std::array<std::string_view, 4> kDropped{
        "description", "x-kubernetes-unions", "x-kubernetes-group-version-kind", "allOf"};
    return std::find(kDropped.begin(), kDropped.end(), key) != kDropped.end() ||
           key.starts_with("x-kubernetes-patch-");
  }

  static bool is_zero(const Json& value) {
    if (value.is_string()) return value.get_ref<const std::string&>().empty();
    if (value.is_number()) return value == 0;
    if (value.is_boolean()) return !value.get<bool>();
    return value.is_null() || value.empty();
  }

  Result<Json> schema(const Json& source, int depth) const {
    if (depth > kMaxDepth) return invalid("a schema of the document refers to itself");
    Json result = Json::object();
    if (source.contains("$ref")) return referred(source, depth);
    if (source.contains("allOf")) {  // a reference with a default or a description beside it
      if (source["allOf"].size() != 1)
        return invalid("allOf with more than one schema cannot be inlined");
      TRY(inner, schema(source["allOf"][0], depth + 1));
      result = std::move(inner);
    }
    for (const auto& [key, value] : source.items()) {
      if (is_dropped(key) || (key == "default" && is_zero(value))) continue;
      if (key == "properties") {
        for (const auto& [name, property] : value.items()) {
          TRY(converted, schema(property, depth + 1));
          result["properties"][name] = std::move(converted);
        }
      } else if (key == "items" || key == "additionalProperties") {
        TRY(converted, schema(value, depth + 1));
        result[key] = std::move(converted);
      } else {
        result[key] = value;
      }
    }
    require_map_keys(result);
    return result;
  }

  Result<Json> referred(const Json& source, int depth) const {
    const std::string target = source["$ref"].is_string() ? source["$ref"].get<std::string>() : "";
    if (!target.starts_with(kReference))
      return invalid("'" + target + "' is not a reference within the document");
    return named(target.substr(kReference.size()), depth);
  }

  static void require_map_keys(Json& list) {
    if (!list.contains("x-kubernetes-list-map-keys") || !list.contains("items")) return;
    Json& items = list["items"];
    for (const Json& key : list["x-kubernetes-list-map-keys"]) {
      const bool has_default = items["properties"][key.get<std::string>()].contains("default");
      Json& required = items["required"];
      if (required.is_null()) required = Json::array();
      if (!has_default && std::find(required.begin(), required.end(), key) == required.end())
        required.push_back(key);
      if (required.empty()) items.erase("required");
    }
  }

  const Json& schemas_;
};

}  // namespace

Result<Json> convert_pod_template(const Json& openapi) {
  const Json::json_pointer schemas("/components/schemas");
  if (!openapi.is_object() || !openapi.contains(schemas)) {
    return invalid("not an OpenAPI v3 document: give the answer to GET /openapi/v3/apis/batch/v1");
  }
  return Converter(openapi[schemas]).named("io.k8s.api.core.v1.PodTemplateSpec", 0);
}

}  // namespace spillway::crdgen
