#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <spillway/api/pod_template.h>

namespace spillway::api {
namespace {

using nlohmann::json;

PodShape shape_of(const char* spec) {
  const PodTemplate made = PodTemplate::from_json({{"spec", json::parse(spec)}});
  EXPECT_EQ(made.problem(), std::nullopt);
  return made.shape();
}

std::string problem_of(const char* spec) {
  return PodTemplate::from_json({{"spec", json::parse(spec)}}).problem().value_or("none");
}

TEST(PodTemplate, keeps_compact_sorted_json_and_shares_it) {
  const PodTemplate made =
      PodTemplate::from_json(json::parse(R"({ "spec": { "b": 1, "a": [ 2 ] } })"));
  EXPECT_EQ(made.json(), R"({"spec":{"a":[2],"b":1}})");
  const PodTemplate copy = made;
  EXPECT_EQ(&copy.json(), &made.json());
  EXPECT_EQ(PodTemplate().json(), "{}");
  EXPECT_EQ(copy, PodTemplate::from_json(json::parse(R"({"spec":{"a":[2],"b":1}})")));
}

TEST(PodShape, sums_the_containers) {
  const PodShape shape = shape_of(R"({"containers": [
    {"resources": {"requests": {"cpu": "500m", "memory": "1Gi"}}},
    {"resources": {"requests": {"cpu": 2, "memory": "512Mi"}}}, {}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(2'500));
  EXPECT_EQ(shape.memory, Bytes((1LL << 30) + (512LL << 20)));
}

TEST(PodShape, takes_the_limit_where_a_request_is_missing) {
  const PodShape shape = shape_of(R"({"containers": [
    {"resources": {"limits": {"cpu": "4", "memory": "8Gi"}, "requests": {"cpu": "1"}}}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(1'000));
  EXPECT_EQ(shape.memory, Bytes(8LL << 30));
}

TEST(PodShape, takes_the_largest_init_container_when_it_needs_more_than_what_runs) {
  const PodShape shape = shape_of(R"({
    "initContainers": [{"resources": {"requests": {"cpu": "3", "memory": "1Gi"}}},
                       {"resources": {"requests": {"cpu": "1", "memory": "4Gi"}}}],
    "containers": [{"resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(3'000));
  EXPECT_EQ(shape.memory, Bytes(4LL << 30));
}

TEST(PodShape, adds_sidecars_to_what_runs_and_to_the_init_containers_after_them) {
  const PodShape shape = shape_of(R"({
    "initContainers": [{"resources": {"requests": {"cpu": "5"}}},
                       {"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
                       {"resources": {"requests": {"cpu": "6"}}}],
    "containers": [{"resources": {"requests": {"cpu": "4"}}}]})");
  EXPECT_EQ(
      shape.cpu,
      MilliCpu(
          7'000));  // 6 + the sidecar; what runs is 4 + 1; the first init container ran before it
}

TEST(PodShape, adds_the_overhead) {
  const PodShape shape = shape_of(
      R"({"overhead": {"cpu": "250m"}, "containers": [{"resources": {"requests": {"cpu": "1"}}}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(1'250));
}

TEST(PodShape, takes_pod_level_requests_instead_of_the_sum) {
  const PodShape shape =
      shape_of(R"({"resources": {"requests": {"cpu": "8"}, "limits": {"cpu": "9", "memory": "6Gi"}},
    "containers": [{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"requests": {"cpu": "1"}}}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(8'000));
  EXPECT_EQ(shape.memory,
            Bytes(6LL << 30));  // nobody requests memory: the pod's limit is the request
}

TEST(PodShape, keeps_the_sum_of_the_containers_beside_a_pod_level_limit) {
  const PodShape shape = shape_of(R"({"resources": {"limits": {"cpu": "9"}},
    "containers": [{"resources": {"requests": {"cpu": "1"}}}, {"resources": {"requests": {"cpu": "2"}}}]})");
  EXPECT_EQ(shape.cpu, MilliCpu(3'000));
}

TEST(PodShape, lists_extended_resources) {
  const PodShape shape = shape_of(R"({"containers": [
    {"resources": {"limits": {"nvidia.com/gpu": 4, "ephemeral-storage": "1Gi", "rdma/hca": "1"}}},
    {"resources": {"limits": {"nvidia.com/gpu": 4}}}]})");
  EXPECT_EQ(shape.extended, (std::map<ResourceName, AcceleratorCount>{
                                {ResourceName("nvidia.com/gpu"), AcceleratorCount(8)},
                                {ResourceName("rdma/hca"), AcceleratorCount(1)}}));
}

TEST(PodShape, names_the_quantity_that_cannot_be_read) {
  EXPECT_EQ(problem_of(R"({"containers": [{}, {"resources": {"requests": {"cpu": "5x"}}}]})"),
            "spec.containers[1].resources.requests.cpu: '5x' is not a quantity: write a number "
            "such as \"4\", \"500m\" or "
            "\"16Gi\"");
  EXPECT_THAT(problem_of(R"({"initContainers": [{"resources": {"limits": {"memory": "-1Gi"}}}]})"),
              ::testing::HasSubstr("spec.initContainers[0].resources.limits.memory"));
  EXPECT_THAT(
      problem_of(R"({"tolerations": [{"operator": "Maybe"}]})"),
      ::testing::HasSubstr(
          "spec.tolerations[0].operator: 'Maybe' is not known: write one of Equal, Exists"));
  EXPECT_THAT(problem_of(R"({"containers": [{"resources": {"requests": {"memory": "8000000000G"}}},
                                            {"resources": {"requests": {"memory": "8000000000G"}}}]})"),
              ::testing::HasSubstr("add up to more than can be counted"));
}

TEST(Selects, needs_every_label_of_the_node_selector) {
  const PodShape shape = shape_of(R"({"nodeSelector": {"a": "1", "b": "2"}})");
  EXPECT_TRUE(selects(shape, NodeName("n"), {{"a", "1"}, {"b", "2"}, {"c", "3"}}));
  EXPECT_FALSE(selects(shape, NodeName("n"), {{"a", "1"}}));
  EXPECT_FALSE(selects(shape, NodeName("n"), {{"a", "1"}, {"b", "3"}}));
}

PodShape with_affinity(const std::string& terms) {
  return shape_of(
      (R"({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
    {"nodeSelectorTerms": )" +
       terms + "}}}}")
          .c_str());
}

TEST(Selects, follows_every_operator_of_node_affinity) {
  const auto selected = [](const char* requirement, const Labels& labels) {
    return selects(with_affinity("[{\"matchExpressions\": [" + std::string(requirement) + "]}]"),
                   NodeName("n"), labels);
  };
  const char* in = R"({"key": "z", "operator": "In", "values": ["a", "b"]})";
  EXPECT_TRUE(selected(in, {{"z", "b"}}));
  EXPECT_FALSE(selected(in, {{"z", "c"}}));
  EXPECT_FALSE(selected(in, {}));
  const char* not_in = R"({"key": "z", "operator": "NotIn", "values": ["a"]})";
  EXPECT_TRUE(selected(not_in, {{"z", "b"}}));
  EXPECT_TRUE(selected(not_in, {}));
  EXPECT_FALSE(selected(not_in, {{"z", "a"}}));
  EXPECT_TRUE(selected(R"({"key": "z", "operator": "Exists"})", {{"z", ""}}));
  EXPECT_FALSE(selected(R"({"key": "z", "operator": "DoesNotExist"})", {{"z", ""}}));
  EXPECT_TRUE(selected(R"({"key": "g", "operator": "Gt", "values": ["7"]})", {{"g", "8"}}));
  EXPECT_FALSE(selected(R"({"key": "g", "operator": "Gt", "values": ["7"]})", {{"g", "7"}}));
  EXPECT_TRUE(selected(R"({"key": "g", "operator": "Lt", "values": ["7"]})", {{"g", "-1"}}));
  EXPECT_FALSE(selected(R"({"key": "g", "operator": "Lt", "values": ["7"]})", {{"g", "few"}}));
}

TEST(Selects, needs_one_term_and_in_it_all_requirements) {
  const PodShape shape = with_affinity(R"([
    {"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}]},
    {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-7"]}]}])");
  EXPECT_TRUE(selects(shape, NodeName("n"), {{"a", ""}, {"b", ""}}));
  EXPECT_FALSE(selects(shape, NodeName("n"), {{"a", ""}}));
  EXPECT_TRUE(selects(shape, NodeName("node-7"), {}));
}

TEST(Selects, matches_no_node_with_an_empty_term_or_no_term) {
  EXPECT_FALSE(selects(with_affinity("[{}]"), NodeName("n"), {{"a", "1"}}));
  EXPECT_FALSE(selects(with_affinity("[]"), NodeName("n"), {{"a", "1"}}));
  EXPECT_TRUE(selects(PodShape{}, NodeName("n"), {}));
}

TEST(Tolerates, compares_key_value_and_effect) {
  const Taint taint{.key = "gpu", .value = "yes", .effect = TaintEffect::kNoSchedule};
  EXPECT_TRUE(tolerates({{.key = "gpu", .value = "yes"}}, taint));
  EXPECT_FALSE(tolerates({{.key = "gpu", .value = "no"}}, taint));
  EXPECT_TRUE(tolerates({{.key = "gpu", .op = TolerationOperator::kExists}}, taint));
  EXPECT_FALSE(tolerates({{.key = "tpu", .op = TolerationOperator::kExists}}, taint));
  EXPECT_TRUE(tolerates({{.op = TolerationOperator::kExists}}, taint));
  EXPECT_FALSE(tolerates({{.value = "yes"}}, taint));
  EXPECT_FALSE(
      tolerates({{.key = "gpu", .value = "yes", .effect = TaintEffect::kNoExecute}}, taint));
  EXPECT_FALSE(tolerates({}, taint));
}

TEST(PodShape, reads_tolerations) {
  const PodShape shape = shape_of(R"({"tolerations": [
    {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]})");
  ASSERT_EQ(shape.tolerations.size(), 2U);
  EXPECT_EQ(shape.tolerations[0].effect, TaintEffect::kNoSchedule);
  EXPECT_EQ(shape.tolerations[1].toleration_seconds, 30);
}

}  // namespace
}  // namespace spillway::api
