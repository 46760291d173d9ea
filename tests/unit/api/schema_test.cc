#include <gtest/gtest.h>

#include <functional>
#include <set>

#include <nlohmann/json.hpp>

#include <spillway/api/schema.h>

#include "generate.h"
#include "pod_template_schema.h"
#include "yaml_json.h"

namespace spillway::api {
namespace {

using Json = nlohmann::ordered_json;

Json definition_of(const std::string& kind) {
  const Json pod_template = Json::parse(crdgen::embedded_pod_template());
  if (kind == "TrainingJob") return custom_resource_definition<TrainingJob>(pod_template);
  if (kind == "InferencePool") return custom_resource_definition<InferencePool>(pod_template);
  if (kind == "CostPolicy") return custom_resource_definition<CostPolicy>(pod_template);
  return custom_resource_definition<CapacityPool>(pod_template);
}

class EveryKind : public ::testing::TestWithParam<const char*> {
 protected:
  Json definition_ = definition_of(GetParam());
  const Json& version() { return definition_["spec"]["versions"][0]; }
  const Json& schema() { return version()["schema"]["openAPIV3Schema"]; }
};

// Calls visit(path, schema) for each of our own fields; the pod template is Kubernetes'.
void walk(const std::string& path, const Json& schema,
          const std::function<void(const std::string&, const Json&)>& visit) {
  visit(path, schema);
  if (path == ".spec.template") return;
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items())
      walk(path + "." + name, property, visit);
  }
  if (schema.contains("items")) walk(path + "[]", schema["items"], visit);
}

TEST_P(EveryKind, is_named_as_people_call_it) {
  const Json& names = definition_["spec"]["names"];
  EXPECT_EQ(definition_["metadata"]["name"], names["plural"].get<std::string>() + ".spillway.dev");
  EXPECT_EQ(names["categories"], Json::array({"spillway"}));
  EXPECT_EQ(names["shortNames"].size(), 1U);
  EXPECT_TRUE(version()["subresources"].contains("status"));
  EXPECT_TRUE(version()["served"].get<bool>() && version()["storage"].get<bool>());
}

TEST_P(EveryKind, describes_every_field) {
  for (const char* part : {"spec", "status"}) {
    walk("." + std::string(part), schema()["properties"][part],
         [](const std::string& path, const Json& field) {
           if (path.ends_with("[]")) return;
           const std::string doc = field.value("description", "");
           EXPECT_TRUE(doc.ends_with('.')) << path << ": " << doc;
         });
  }
}

TEST_P(EveryKind, bounds_every_text_list_and_map) {
  for (const char* part : {"spec", "status"}) {
    walk("." + std::string(part), schema()["properties"][part],
         [](const std::string& path, const Json& field) {
           const std::string type = field.value("type", "");
           if (path == ".spec.template") return;
           if (type == "string") {
             EXPECT_TRUE(field.contains("enum") || field.contains("maxLength")) << path;
           } else if (type == "array") {
             EXPECT_TRUE(field.contains("maxItems")) << path;
             EXPECT_TRUE(field.contains("x-kubernetes-list-type")) << path;
           } else if (type == "object" && field.contains("additionalProperties")) {
             EXPECT_TRUE(field.contains("maxProperties") &&
                         field["additionalProperties"].contains("maxLength"))
                 << path;
           }
           EXPECT_NE(type, "number") << path << " would be a JSON float";
         });
  }
}

TEST_P(EveryKind, checks_what_people_write_with_sentences_and_what_the_operator_writes_cheaply) {
  walk(".spec", schema()["properties"]["spec"], [](const std::string& path, const Json& field) {
    if (path == ".spec.template") return;
    EXPECT_FALSE(field.contains("pattern"))
        << path << ": a pattern answers with itself, a rule with a sentence";
    if (!field.contains("x-kubernetes-validations")) return;
    for (const Json& rule : field["x-kubernetes-validations"])
      EXPECT_FALSE(rule["message"].get<std::string>().empty());
  });
  walk(".status", schema()["properties"]["status"], [](const std::string& path, const Json& field) {
    EXPECT_FALSE(field.contains("x-kubernetes-validations"))
        << path << ": CEL at every status write";
  });
}

TEST_P(EveryKind, is_small_enough_for_client_side_apply) {
  EXPECT_LT(definition_.dump().size(), 256U * 1024U);
}

TEST_P(EveryKind, has_conditions_in_the_standard_form) {
  const Json& conditions = schema()["properties"]["status"]["properties"]["conditions"];
  EXPECT_EQ(conditions["x-kubernetes-list-type"], "map");
  EXPECT_EQ(conditions["x-kubernetes-list-map-keys"], Json::array({"type"}));
  EXPECT_EQ(conditions["maxItems"], 16);
  EXPECT_EQ(conditions["items"]["required"],
            Json::array({"type", "status", "observedGeneration", "lastTransitionTime", "reason",
                         "message"}));
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind,
                         ::testing::Values("CapacityPool", "CostPolicy", "InferencePool",
                                           "TrainingJob"),
                         [](const auto& param) { return std::string(param.param); });

TEST(TrainingJobSchema, has_bounds_defaults_and_enums_of_the_field_tables) {
  const Json definition = definition_of("TrainingJob");
  const Json& spec =
      definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
  EXPECT_EQ(spec["required"], Json::array({"template", "accelerator"}));
  EXPECT_EQ(spec["properties"]["replicas"]["default"], 1);
  EXPECT_EQ(spec["properties"]["replicas"]["maximum"], 10'000);
  EXPECT_EQ(spec["properties"]["fallbackAfter"]["default"], "15m");
  EXPECT_EQ(spec["properties"]["tiers"]["default"], Json::array({"Reserved", "Spot", "OnDemand"}));
  EXPECT_EQ(spec["properties"]["tiers"]["x-kubernetes-list-type"], "set");
  EXPECT_EQ(spec["x-kubernetes-validations"].size(),
            1U);  // the rules without CEL are not for the server
  EXPECT_EQ(definition["spec"]["scope"], "Namespaced");
}

TEST(InferencePoolSchema, has_scale_with_a_selector_as_text) {
  const Json definition = definition_of("InferencePool");
  const Json& version = definition["spec"]["versions"][0];
  EXPECT_EQ(version["subresources"]["scale"]["specReplicasPath"], ".spec.replicas");
  EXPECT_EQ(version["subresources"]["scale"]["statusReplicasPath"], ".status.replicas");
  EXPECT_EQ(version["subresources"]["scale"]["labelSelectorPath"], ".status.selector");
  const Json& properties = version["schema"]["openAPIV3Schema"]["properties"];
  EXPECT_EQ(properties["status"]["properties"]["selector"]["type"], "string");
  EXPECT_EQ(properties["spec"]["properties"]["capacity"]["default"], Json::object());
}

TEST(CapacityPoolSchema, keeps_what_a_pool_is) {
  const Json definition = definition_of("CapacityPool");
  EXPECT_EQ(definition["spec"]["scope"], "Cluster");
  const Json& spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
                               ["spec"]["properties"];
  for (const char* name : {"tier", "accelerator", "instanceType", "location"}) {
    const Json& rules = spec[name]["x-kubernetes-validations"];
    EXPECT_EQ(rules.back()["rule"], "self == oldSelf") << name;
  }
  EXPECT_FALSE(spec["nodes"].contains("x-kubernetes-validations"));
}

// `crdgen crds --out crds && crdgen docs --out docs/reference` makes this pass again after a field
// has changed.
TEST(Generated, files_that_are_checked_in_are_those_that_crdgen_writes) {
  for (const auto& [name, text] : crdgen::crd_files()) {
    EXPECT_TRUE(testing::read_file(std::string(SPILLWAY_SOURCE_DIR "/crds/") + name) == text)
        << name;
  }
  for (const auto& [name, text] : crdgen::reference_files()) {
    EXPECT_TRUE(testing::read_file(std::string(SPILLWAY_SOURCE_DIR "/docs/reference/") + name) ==
                text)
        << name;
  }
}

TEST(Generated, yaml_says_the_same_as_the_definition) {
  for (const char* kind : {"CapacityPool", "CostPolicy", "InferencePool", "TrainingJob"}) {
    const Json definition = definition_of(kind);
    const std::string name = definition["metadata"]["name"].get<std::string>() + ".yaml";
    EXPECT_EQ(testing::json_from_yaml(crdgen::crd_files().at(name)),
              nlohmann::json::parse(definition.dump()))
        << kind;
  }
}

TEST(Generated, reference_pages_have_a_row_for_every_field_and_the_rules) {
  const std::string page = crdgen::reference_files().at("trainingjob.md");
  for (const char* part :
       {"| `spec.accelerator.models[].speedPercent` |", "| `status.cost.onDemandEquivalent` |",
        "write duration beside deadline", "short name `tj`", "| USD/h |", "`\"15m\"`"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(page.find("spec.template.spec"), std::string::npos);
}

}  // namespace
}  // namespace spillway::api
