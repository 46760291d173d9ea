#include <gtest/gtest.h>

#include <spillway/sim/field_management.h>

namespace spillway::sim {
namespace {

using nlohmann::json;

SchemaPointer schema() {
  return Schema::parse(json::parse(R"({"type":"object","properties":{
    "map":{"type":"object","additionalProperties":{"type":"string"}},
    "atom":{"type":"object","x-kubernetes-map-type":"atomic","additionalProperties":{"type":"string"}},
    "list":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"],
            "items":{"type":"object","properties":{"name":{"type":"string"},"x":{"type":"integer"}}}},
    "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
    "plain":{"type":"array","items":{"type":"string"}}}})"));
}

TEST(FieldManagementTest, the_leaves_of_a_value_are_what_an_apply_owns) {
  const json value = json::parse(
      R"({"map":{"a":"1"},"atom":{"b":"2"},"list":[{"name":"n","x":1}],"set":["s"],"plain":["p"]})");
  EXPECT_EQ(
      fields_of(*schema(), value).to_json(),
      json::parse(
          R"({"f:map":{"f:a":{}},"f:atom":{},"f:list":{"k:{\"name\":\"n\"}":{".":{},"f:name":{},"f:x":{}}},
                            "f:set":{"v:\"s\"":{}},"f:plain":{}})"));
}

TEST(FieldManagementTest, a_set_of_fields_survives_its_written_form) {
  const json written =
      json::parse(R"({"f:list":{"k:{\"name\":\"n\"}":{".":{},"f:x":{}}},"f:map":{"f:a":{}}})");
  EXPECT_EQ(FieldSet::parse(written).to_json(), written);
}

TEST(FieldManagementTest, a_difference_tells_added_changed_and_removed_fields_apart) {
  const json before = json::parse(R"({"map":{"a":"1","b":"1"},"list":[{"name":"n","x":1}]})");
  const json after = json::parse(R"({"map":{"a":"2","c":"1"},"list":[{"name":"m"}]})");
  const Difference difference = compare(*schema(), before, after);
  EXPECT_EQ(difference.modified.to_json(), json::parse(R"({"f:map":{"f:a":{}}})"));
  EXPECT_EQ(
      difference.added.to_json(),
      json::parse(R"({"f:map":{"f:c":{}},"f:list":{"k:{\"name\":\"m\"}":{".":{},"f:name":{}}}})"));
  EXPECT_EQ(
      difference.removed.to_json(),
      json::parse(
          R"({"f:map":{"f:b":{}},"f:list":{"k:{\"name\":\"n\"}":{".":{},"f:name":{},"f:x":{}}}})"));
}

TEST(FieldManagementTest, a_merge_keeps_what_only_the_live_object_has_and_replaces_atoms) {
  const json live = json::parse(
      R"({"map":{"a":"1"},"atom":{"x":"1"},"list":[{"name":"n","x":1},{"name":"o"}],"plain":["p"],"set":["s"]})");
  const json config = json::parse(
      R"({"map":{"b":"2"},"atom":{"y":"2"},"list":[{"name":"n","x":2}],"plain":["q"],"set":["t"]})");
  EXPECT_EQ(
      merge(*schema(), live, config),
      json::parse(
          R"({"map":{"a":"1","b":"2"},"atom":{"y":"2"},"list":[{"name":"n","x":2},{"name":"o"}],"plain":["q"],"set":["s","t"]})"));
}

TEST(FieldManagementTest, an_update_takes_the_fields_that_it_changes_from_whoever_owned_them) {
  const Manager one{.name = "one", .api_version = "v1"};
  json first = {{"map", {{"a", "1"}, {"b", "1"}}}};
  manage_update(*schema(), json(), first, one, Instant());
  json second = first;
  second["map"]["a"] = "2";
  manage_update(*schema(), first, second, {.name = "two", .api_version = "v1"}, Instant());
  const json& managed = second["metadata"]["managedFields"];
  ASSERT_EQ(managed.size(), 2U);
  EXPECT_EQ(managed[0]["fieldsV1"], json::parse(R"({"f:map":{".":{},"f:b":{}}})")) << managed;
  EXPECT_EQ(managed[1]["fieldsV1"], json::parse(R"({"f:map":{"f:a":{}}})"));
}

}  // namespace
}  // namespace spillway::sim
