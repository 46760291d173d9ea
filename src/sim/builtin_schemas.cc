#include "builtins.h"
#include "pod_template.h"

namespace spillway::sim {
namespace {

json list_by(std::vector<std::string> keys, json items) {
  return {{"type", "array"},
          {"x-kubernetes-list-type", "map"},
          {"x-kubernetes-list-map-keys", std::move(keys)},
          {"items", std::move(items)}};
}

json structure(json properties) {
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"x-kubernetes-preserve-unknown-fields", true}};
}

json atomic_map() {
  return {{"type", "object"},
          {"x-kubernetes-map-type", "atomic"},
          {"x-kubernetes-preserve-unknown-fields", true}};
}
json text_map() {
  return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
}

json conditions() {
  return list_by({"type"}, structure({{"type", {{"type", "string"}}}}));
}

const json& pod_template() {
  static const json schema = json::parse(embedded_pod_template());
  return schema;
}

SchemaPointer object(json properties) {
  properties["metadata"] = object_meta_schema();
  return Schema::parse(structure(std::move(properties)));
}

}  // namespace

json object_meta_schema() {
  return structure(
      {{"labels", text_map()},
       {"annotations", text_map()},
       {"finalizers",
        {{"type", "array"}, {"x-kubernetes-list-type", "set"}, {"items", {{"type", "string"}}}}},
       {"ownerReferences", list_by({"uid"}, atomic_map())}});
}

SchemaPointer plain_schema() {
  static const SchemaPointer schema = object(json::object());
  return schema;
}

SchemaPointer pod_schema() {
  static const SchemaPointer schema =
      object({{"spec", pod_template().at("properties").at("spec")},
              {"status", structure({{"conditions", conditions()}})}});
  return schema;
}

SchemaPointer job_schema() {
  static const SchemaPointer schema =
      object({{"spec", structure({{"template", pod_template()}, {"selector", atomic_map()}})},
              {"status", structure(json::object())}});
  return schema;
}

SchemaPointer deployment_schema() {
  static const SchemaPointer schema =
      object({{"spec", structure({{"template", pod_template()},
                                  {"selector", atomic_map()},
                                  {"strategy", structure(json::object())}})},
              {"status", structure({{"conditions", conditions()}})}});
  return schema;
}

SchemaPointer stateful_set_schema() {
  static const SchemaPointer schema =
      object({{"spec", structure({{"template", pod_template()},
                                  {"selector", atomic_map()},
                                  {"updateStrategy", structure(json::object())}})},
              {"status", structure({{"conditions", conditions()}})}});
  return schema;
}

SchemaPointer cron_job_schema() {
  static const SchemaPointer schema = object(
      {{"spec", structure({{"jobTemplate",
                            structure({{"metadata", object_meta_schema()},
                                       {"spec", structure({{"template", pod_template()},
                                                           {"selector", atomic_map()}})}})}})},
       {"status", structure(json::object())}});
  return schema;
}

SchemaPointer service_schema() {
  static const SchemaPointer schema = object(
      {{"spec",
        structure({{"selector", atomic_map()},
                   {"ports", list_by({"port", "protocol"},
                                     structure({{"protocol",
                                                 {{"type", "string"}, {"default", "TCP"}}}}))}})},
       {"status", structure({{"conditions", conditions()}})}});
  return schema;
}

SchemaPointer budget_schema() {
  static const SchemaPointer schema =
      object({{"spec", structure({{"selector", atomic_map()}})},
              {"status", structure({{"conditions", conditions()}})}});
  return schema;
}

}  // namespace spillway::sim
