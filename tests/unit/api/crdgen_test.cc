#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <spillway/core/yaml.h>

#include "pod_template_schema.h"
#include "yaml_json.h"

namespace spillway::crdgen {
namespace {

using nlohmann::json;

json document(const char* schemas) {
  return {{"components", {{"schemas", json::parse(schemas)}}}};
}

TEST(PodTemplateSchema, inlines_references_and_drops_what_a_structural_schema_may_not_have) {
  const auto schema = convert_pod_template(document(R"({
    "io.k8s.api.core.v1.PodTemplateSpec": {"description": "d", "type": "object", "properties": {
      "metadata": {"default": {}, "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]},
      "spec": {"description": "d", "default": {}, "allOf": [{"$ref": "#/components/schemas/Spec"}]}}},
    "Spec": {"type": "object", "required": ["ports"], "x-kubernetes-unions": [{"fields-to-discriminateBy": {"a": "A"}}],
      "properties": {
        "cpu": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity"},
        "name": {"type": "string", "default": "", "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "k"},
        "map": {"type": "object", "additionalProperties": {"type": "string", "default": ""}},
        "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
                  "items": {"default": {}, "allOf": [{"$ref": "#/components/schemas/Port"}]}}}},
    "Port": {"type": "object", "properties": {
      "port": {"type": "integer", "format": "int32", "default": 0},
      "target": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
      "protocol": {"type": "string", "default": "TCP"}}}})"));
  ASSERT_TRUE(schema.has_value()) << schema.error().message;
  EXPECT_EQ(*schema, json::parse(R"({"type": "object", "properties": {
    "metadata": {"type": "object", "properties": {
      "labels": {"type": "object", "additionalProperties": {"type": "string"}},
      "annotations": {"type": "object", "additionalProperties": {"type": "string"}}}},
    "spec": {"type": "object", "required": ["ports"], "properties": {
      "cpu": {"x-kubernetes-int-or-string": true},
      "name": {"type": "string"},
      "map": {"type": "object", "additionalProperties": {"type": "string"}},
      "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
        "items": {"type": "object", "required": ["port"], "properties": {
          "port": {"type": "integer", "format": "int32"},
          "target": {"x-kubernetes-int-or-string": true},
          "protocol": {"type": "string", "default": "TCP"}}}}}}}})"));
}

TEST(PodTemplateSchema, says_what_is_wrong_with_the_document) {
  EXPECT_THAT(convert_pod_template(json::array()).error().message,
              ::testing::HasSubstr("not an OpenAPI v3 document"));
  EXPECT_EQ(convert_pod_template(document("{}")).error().message,
            "the document has no schema 'io.k8s.api.core.v1.PodTemplateSpec'");
  EXPECT_EQ(convert_pod_template(document(R"({"io.k8s.api.core.v1.PodTemplateSpec": {"properties":
              {"self": {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodTemplateSpec"}}}})"))
                .error()
                .message,
            "a schema of the document refers to itself");
}

TEST(PodTemplateSchema, that_is_compiled_in_is_the_file_and_kubernetes_own) {
  const std::string text(embedded_pod_template());
  EXPECT_TRUE(text ==
              api::testing::read_file(SPILLWAY_SOURCE_DIR "/src/api/pod_template_schema.json"));
  const json schema = json::parse(text);
  EXPECT_EQ(schema.dump() + "\n", text);  // compact and sorted
  const json& container =
      schema["properties"]["spec"]["properties"]["containers"]["items"]["properties"];
  EXPECT_EQ(container["image"]["type"], "string");
  EXPECT_EQ(container["resources"]["properties"]["limits"]["additionalProperties"],
            json({{"x-kubernetes-int-or-string", true}}));
  EXPECT_EQ(container["ports"]["items"]["properties"]["protocol"]["default"], "TCP");
  EXPECT_EQ(text.find("\"description\":\""), std::string::npos);
  EXPECT_EQ(text.find("$ref"), std::string::npos);
  EXPECT_EQ(text.find("x-kubernetes-preserve-unknown-fields"), std::string::npos);
}

TEST(Yaml, reads_back_as_the_same_value) {
  const auto value = nlohmann::ordered_json::parse(R"({
    "plain": "word", "quoted": ["yes", "No", "null", "1", "1.5", "", "a: b", "- a", "#x", "tab\t", "line\n", "é \"q\"", "~"],
    "numbers": [0, -1, 2147483648], "flags": [true, false], "empty": [{}, []], "nothing": null,
    "nested": [{"a": 1, "b": [{"c": [[1, 2], ["x"]]}]}, "end"], "key with blank": {"on": {"y": 1}}, "$ref": 1})");
  const std::string text = to_yaml(value);
  EXPECT_EQ(api::testing::json_from_yaml(text), json::parse(value.dump())) << text;
}

TEST(Yaml, is_written_as_people_write_it) {
  const auto value = nlohmann::ordered_json::parse(
      R"({"kind": "List", "items": [{"name": "a", "on": true, "ports": [80]}]})");
  EXPECT_EQ(to_yaml(value), "kind: List\nitems:\n- name: a\n  \"on\": true\n  ports:\n  - 80\n");
}

}  // namespace
}  // namespace spillway::crdgen
