#include <spillway/control/children.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using testing::inference_json;
using testing::json;
using testing::must;
using testing::pool_json;
using testing::training_json;

api::TrainingPlacement placement_on(const std::string& pool) {
  return {.pool = PoolName(pool),
          .tier = api::Tier::kSpot,
          .attempt = AttemptNumber(3),
          .rate = HourlyRate(Money::dollars(2)),
          .since = testing::kNow};
}

json job_of(const json& training, const json& pool) {
  return attempt_job(must(api::read<api::TrainingJob>(training)), placement_on("spot-a"),
                     must(api::read<api::CapacityPool>(pool)));
}

const json* variable_of(const json& job, const std::string& name) {
  for (const json& variable : job.at("/spec/template/spec/containers/0/env"_json_pointer)) {
    if (variable.at("name") == name) return &variable;
  }
  return nullptr;
}

TEST(AttemptJob, is_named_after_job_and_attempt_and_owned_by_the_training_job) {
  const json job = job_of(training_json("llama"), pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(job.at("/metadata/name"_json_pointer), "llama-3");
  EXPECT_EQ(job.at("/metadata/ownerReferences/0/uid"_json_pointer), "uid-llama");
  EXPECT_EQ(job.at("/metadata/ownerReferences/0/controller"_json_pointer), true);
}

TEST(AttemptJob, pins_its_pods_to_the_pool_and_asks_for_the_accelerators) {
  const json job = job_of(training_json("llama"), pool_json("spot-a", "Spot", 2, "3.00"));
  const json& spec = job.at("/spec/template/spec"_json_pointer);
  EXPECT_EQ(spec.at("nodeSelector").at("pool"), "spot-a");
  EXPECT_EQ(spec.at("tolerations").at(0).at("key"), "nvidia.com/gpu");
  EXPECT_EQ(spec.at("/containers/0/resources/limits"_json_pointer).at("nvidia.com/gpu"), "2");
}

TEST(AttemptJob, is_ready_for_torchrun) {
  const json job = job_of(training_json("llama", 4), pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(variable_of(job, "MASTER_ADDR")->at("value"), "llama-3-0.llama-ranks");
  EXPECT_EQ(variable_of(job, "WORLD_SIZE")->at("value"), "4");
  EXPECT_EQ(variable_of(job, "RANK")->at("/valueFrom/fieldRef/fieldPath"_json_pointer),
            "metadata.annotations['batch.kubernetes.io/job-completion-index']");
  EXPECT_EQ(job.at("/spec/template/spec/subdomain"_json_pointer), "llama-ranks");
  EXPECT_EQ(job.at("/spec/completionMode"_json_pointer), "Indexed");
}

TEST(AttemptJob, leaves_a_variable_that_the_template_sets_itself) {
  json training = training_json("llama");
  training["spec"]["template"]["spec"]["containers"][0]["env"] =
      json::array({{{"name", "MASTER_PORT"}, {"value", "1"}}});
  const json job = job_of(training, pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(variable_of(job, "MASTER_PORT")->at("value"), "1");
}

TEST(AttemptJob, gang_fails_as_a_whole_and_tells_disruptions_apart) {
  const json job = job_of(training_json("llama", 4), pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(job.at("/spec/backoffLimit"_json_pointer), 0);
  EXPECT_EQ(job.at("/spec/podFailurePolicy/rules/0/action"_json_pointer), "FailJob");
  EXPECT_EQ(job.at("/spec/template/spec/restartPolicy"_json_pointer), "Never");
}

TEST(AttemptJob, without_a_gang_each_replica_retries_alone) {
  json training = training_json("batch", 4);
  training["spec"]["gang"] = false;
  training["spec"]["maxRestarts"] = 7;
  const json job = job_of(training, pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(job.at("/spec/backoffLimitPerIndex"_json_pointer), 7);
  EXPECT_FALSE(job.at("spec").contains("backoffLimit"));
  EXPECT_EQ(job.at("/spec/podFailurePolicy/rules/0/action"_json_pointer), "Ignore");
}

TEST(AttemptJob, labels_say_who_pays_and_where_it_runs_on_object_and_pods) {
  const json job = job_of(training_json("llama"), pool_json("spot-a", "Spot", 2, "3.00"));
  for (const char* where : {"/metadata/labels", "/spec/template/metadata/labels"}) {
    const json& labels = job.at(json::json_pointer(where));
    EXPECT_EQ(labels.at("spillway.dev/team"), "a");
    EXPECT_EQ(labels.at("spillway.dev/cost-center"), "cc-1");
    EXPECT_EQ(labels.at("spillway.dev/tier"), "Spot");
    EXPECT_EQ(labels.at("spillway.dev/pool"), "spot-a");
    EXPECT_EQ(labels.at("spillway.dev/attempt"), "3");
  }
}

TEST(AttemptJob, the_rate_is_an_annotation_of_the_object_and_never_of_the_pods) {
  const json job = job_of(training_json("llama"), pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_EQ(job.at("/metadata/annotations"_json_pointer).at("spillway.dev/rate-usd-per-hour"),
            "2.00");
  EXPECT_FALSE(job.at("/spec/template/metadata/annotations"_json_pointer)
                   .contains("spillway.dev/rate-usd-per-hour"));
}

TEST(AttemptJob, keeps_what_the_template_says_of_the_accelerators) {
  json training = training_json("llama");
  training["spec"]["template"]["spec"]["containers"].push_back(
      {{"name", "gpu"}, {"image", "x"}, {"resources", {{"limits", {{"nvidia.com/gpu", "2"}}}}}});
  const json job = job_of(training, pool_json("spot-a", "Spot", 2, "3.00"));
  EXPECT_FALSE(job.at("/spec/template/spec/containers/0"_json_pointer).contains("resources"));
}

TEST(DeploymentName, is_readable_when_it_fits_and_unique_when_it_does_not) {
  EXPECT_EQ(deployment_name(ObjectName("chat"), PoolName("spot-a")).str(), "chat-spot-a");
  const PoolName long_a("a-very-long-pool-name-that-does-not-fit-into-a-label-of-kubernetes-a");
  const PoolName long_b("a-very-long-pool-name-that-does-not-fit-into-a-label-of-kubernetes-b");
  EXPECT_LE(deployment_name(ObjectName("chat"), long_a).str().size(), 63U);
  EXPECT_NE(deployment_name(ObjectName("chat"), long_a),
            deployment_name(ObjectName("chat"), long_b));
  EXPECT_NE(deployment_name(ObjectName("chat"), PoolName("spot.a")),
            deployment_name(ObjectName("chat"), PoolName("spot-a")));
}

TEST(WorkloadRate, is_the_share_of_the_node_by_accelerators) {
  EXPECT_EQ(
      workload_rate(HourlyRate(Money::dollars(12)), 3, AcceleratorCount(2), AcceleratorCount(4))
          .to_string(),
      "18.00");
}

TEST(InferenceDeployment, hash_moves_with_the_replicas_and_not_with_the_rate) {
  const auto inference = must(api::read<api::InferencePool>(inference_json("chat")));
  const auto pool = must(api::read<api::CapacityPool>(pool_json("spot-a", "Spot", 2, "3.00")));
  const auto hash = [&](std::int64_t replicas, std::int64_t dollars) {
    return inference_deployment(inference, pool,
                                {.replicas = replicas, .rate = HourlyRate(Money::dollars(dollars))})
        .at("/metadata/annotations"_json_pointer)
        .at("spillway.dev/applied-hash")
        .get<std::string>();
  };
  EXPECT_EQ(hash(2, 1), hash(2, 5));
  EXPECT_NE(hash(2, 1), hash(3, 1));
}

TEST(InferenceBudget, lets_one_replica_go_at_a_time_unless_told_otherwise) {
  json inference = inference_json("chat");
  EXPECT_EQ(inference_budget(must(api::read<api::InferencePool>(inference)))
                .at("/spec/maxUnavailable"_json_pointer),
            1);
  inference["spec"]["disruption"] = {{"minAvailable", "50%"}};
  const json budget = inference_budget(must(api::read<api::InferencePool>(inference)));
  EXPECT_EQ(budget.at("/spec/minAvailable"_json_pointer), "50%");
  EXPECT_FALSE(budget.at("spec").contains("maxUnavailable"));
}

}  // namespace
}  // namespace spillway::control
