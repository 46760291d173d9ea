#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>

#include "samples.h"

namespace spillway::api {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

template <class Kind>
std::string verdict(const json& object) {
  const auto kind = read<Kind>(object);
  if (!kind) return "unreadable: " + kind.error().message;
  const auto result = validate(*kind);
  return result ? "valid" : result.error().message;
}

TEST(Validate, accepts_the_smallest_objects) {
  EXPECT_EQ(verdict<TrainingJob>(testing::training_job()), "valid");
  EXPECT_EQ(verdict<InferencePool>(testing::inference_pool()), "valid");
  EXPECT_EQ(verdict<CapacityPool>(testing::capacity_pool()), "valid");
}

TEST(ValidateTrainingJob, wants_a_duration_beside_a_deadline) {
  json object = testing::training_job();
  object["spec"]["deadline"] = "2099-01-01T00:00:00Z";
  EXPECT_EQ(verdict<TrainingJob>(object),
            "spec: write duration beside deadline: without an estimate of the compute time nothing "
            "can be planned towards it");
  object["spec"]["duration"] = "36h";
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
}

TEST(ValidateTrainingJob, wants_a_name_that_children_can_be_named_after) {
  json object = testing::training_job();
  for (const std::string& name : {std::string("7b"), std::string("Llama"), std::string("a.b"),
                                  std::string("a-"), std::string(41, 'a')}) {
    object["metadata"]["name"] = name;
    EXPECT_THAT(verdict<TrainingJob>(object),
                HasSubstr("write a name of at most 40 lower-case letters"))
        << name;
  }
  object["metadata"]["name"] = std::string(40, 'a');
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
}

TEST(ValidateTrainingJob, reports_a_quantity_of_the_template_that_cannot_be_read) {
  json object = testing::training_job();
  object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "5x";
  EXPECT_THAT(verdict<TrainingJob>(object),
              HasSubstr("template.spec.containers[0].resources.requests.cpu: '5x'"));
}

json checkpointing_job() {
  json object = testing::training_job();
  object["spec"]["checkpoint"] = {
      {"store", "main"}, {"format", "Orbax"}, {"directory", "/checkpoints"}};
  return object;
}

TEST(ValidateCheckpoint, accepts_what_each_mode_needs) {
  json object = checkpointing_job();
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
  json& checkpoint = object["spec"]["checkpoint"];
  for (const json& trigger : {json{{"signal", "SIGUSR1"}}, json{{"http", {{"port", 8080}}}},
                              json{{"file", "/checkpoints/.save"}}, json::object()}) {
    checkpoint["trigger"] = trigger;
    EXPECT_EQ(verdict<TrainingJob>(object), "valid") << trigger;
  }
  checkpoint = {{"store", "main"}, {"format", "Manifest"}, {"mode", "Native"}};
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
  checkpoint["trigger"] = {{"http", {{"port", 8080}}}};
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
}

TEST(ValidateCheckpoint, has_defaults_that_need_no_thought) {
  const TrainingJob job = *read<TrainingJob>(checkpointing_job());
  const CheckpointSpec& checkpoint = job.spec.checkpoint.value();
  EXPECT_EQ(checkpoint.mode, CheckpointMode::kAgent);
  EXPECT_EQ(checkpoint.interval, std::chrono::minutes(30));
  EXPECT_EQ(checkpoint.keep, 3);
  EXPECT_EQ(checkpoint.deletion_policy, DeletionPolicy::kRetain);
  EXPECT_TRUE(checkpoint.trigger.empty());
  EXPECT_FALSE(read<TrainingJob>(testing::training_job())->spec.checkpoint.has_value());
}

TEST(ValidateUpdate, keeps_the_store_and_the_format_of_checkpoints) {
  const TrainingJob before = *read<TrainingJob>(checkpointing_job());
  TrainingJob after = before;
  after.spec.checkpoint->interval = std::chrono::minutes(5);
  EXPECT_TRUE(validate_update(before, after).has_value());
  after.spec.checkpoint->store = StoreName("other");
  EXPECT_THAT(validate_update(before, after).error().message,
              HasSubstr("spec.checkpoint.store: store cannot be changed"));
  after.spec.checkpoint.reset();
  EXPECT_TRUE(validate_update(before, after).has_value());
}

TEST(ValidateWorkload, takes_accelerators_in_the_template_only_in_the_number_that_the_spec_says) {
  json object = testing::training_job();
  json& limits = object["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"];
  limits = {{"nvidia.com/gpu", 8}, {"rdma/hca", 1}};
  EXPECT_EQ(verdict<TrainingJob>(object), "valid");
  limits["nvidia.com/gpu"] = 4;
  EXPECT_EQ(verdict<TrainingJob>(object),
            "spec: the template asks for 4 nvidia.com/gpu but accelerator.perReplica is 8: leave "
            "the resource out of the "
            "template, where Spillway writes it, or ask for the same number");
  json pool = testing::inference_pool();
  pool["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] = {{"amd.com/gpu", "2"}};
  EXPECT_THAT(verdict<InferencePool>(pool), HasSubstr("the template asks for 2 amd.com/gpu"));
}

TEST(ValidateInferencePool, relates_replicas_to_no_other_field) {
  json object = testing::inference_pool();
  object["spec"]["replicas"] = 0;
  object["spec"]["capacity"] = {{"baseline", 10}};
  object["spec"]["disruption"] = {{"minAvailable", 5}};
  EXPECT_EQ(verdict<InferencePool>(object), "valid");
}

TEST(ValidateCapacityPool, wants_exactly_one_source_of_the_price) {
  json object = testing::capacity_pool();
  const std::string sentence =
      "spec.price: write exactly one of fixed (a price per node-hour such as \"3.06\") and feed "
      "(the name of a price feed)";
  object["spec"]["price"] = {{"fixed", "3.06"}, {"feed", "aws"}};
  EXPECT_EQ(verdict<CapacityPool>(object), sentence);
  object["spec"]["price"] = json::object();
  EXPECT_EQ(verdict<CapacityPool>(object), sentence);
  object["spec"]["price"] = {{"fixed", "3.06"}};
  EXPECT_EQ(verdict<CapacityPool>(object), "valid");
}

TEST(ValidateCapacityPool, wants_tolerations_that_kubernetes_takes) {
  json object = testing::capacity_pool();
  json& tolerations = object["spec"]["nodes"]["tolerations"];
  tolerations = {{{"key", "gpu"}, {"operator", "Exists"}, {"value", "x"}}};
  EXPECT_EQ(verdict<CapacityPool>(object),
            "spec.nodes.tolerations[0]: leave out value: operator Exists takes any value");
  tolerations = {{{"operator", "Exists"}}, {{"value", "x"}}};
  EXPECT_EQ(verdict<CapacityPool>(object),
            "spec.nodes.tolerations[1]: write the key of the taint, or operator Exists to tolerate "
            "every taint");
  tolerations = {{{"operator", "Exists"}}, {{"key", "gpu"}}};
  EXPECT_EQ(verdict<CapacityPool>(object), "valid");
}

TEST(ValidateUpdate, keeps_what_a_capacity_pool_is) {
  const CapacityPool before = *read<CapacityPool>(testing::capacity_pool());
  CapacityPool after = before;
  after.spec.nodes.max = 7;
  after.spec.price = {.fixed = HourlyRate(Money::dollars(1)), .feed = {}, .on_demand = {}};
  EXPECT_TRUE(validate_update(before, after).has_value());
  after.spec.tier = Tier::kOnDemand;
  EXPECT_EQ(
      validate_update(before, after).error().message,
      "spec.tier: tier cannot be changed: create a new CapacityPool with another name instead");
  after = before;
  after.spec.accelerator.per_node = AcceleratorCount(4);
  after.spec.instance_type = InstanceType("p4d.24xlarge");
  after.spec.location.zone = Zone("us-east-1b");
  const std::string text = validate_update(before, after).error().message;
  EXPECT_THAT(text, HasSubstr("spec.accelerator: "));
  EXPECT_THAT(text, HasSubstr("spec.instanceType: "));
  EXPECT_THAT(text, HasSubstr("spec.location: "));
}

TEST(ValidateUpdate, lets_workloads_change) {
  const TrainingJob before = *read<TrainingJob>(testing::training_job());
  TrainingJob after = before;
  after.spec.suspend = true;
  after.spec.replicas = 8;
  EXPECT_TRUE(validate_update(before, after).has_value());
}

}  // namespace
}  // namespace spillway::api
