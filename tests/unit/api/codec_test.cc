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
std::string refusal(const json& object, UnknownFields unknown = UnknownFields::kIgnore) {
  const auto result = read<Kind>(object, unknown);
  return result ? "accepted" : result.error().message;
}

TEST(ReadTrainingJob, fills_in_the_defaults) {
  const auto job = read<TrainingJob>(testing::training_job());
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(job->meta.key.to_string(), "team-a/llama");
  EXPECT_EQ(job->spec.replicas, 1);
  EXPECT_TRUE(job->spec.gang);
  EXPECT_EQ(job->spec.tiers, TierSet::all());
  EXPECT_EQ(job->spec.accelerator.models.at(0).speed_percent, 100);
  EXPECT_EQ(job->spec.accelerator.per_replica, AcceleratorCount(8));
  EXPECT_EQ(job->spec.fallback_after, std::chrono::minutes(15));
  EXPECT_EQ(job->spec.launch_timeout, std::chrono::minutes(10));
  EXPECT_EQ(job->spec.max_restarts, 3);
  EXPECT_FALSE(job->spec.duration || job->spec.deadline || job->spec.max_rate);
  EXPECT_EQ(job->status, TrainingJobStatus{});
}

TEST(ReadTrainingJob, reads_every_kind_of_value) {
  json object = testing::training_job();
  object["metadata"].update({{"uid", "u-1"},
                             {"resourceVersion", "77"},
                             {"generation", 3},
                             {"creationTimestamp", "2026-11-21T09:00:00Z"},
                             {"deletionTimestamp", "2026-11-21T10:00:00Z"},
                             {"labels", {{"a", "b"}}}});
  object["spec"].update({{"tiers", {"Spot", "Reserved"}},
                         {"duration", "36h"},
                         {"deadline", "2026-11-24T09:00:00+01:00"},
                         {"maxRate", "120.5"},
                         {"priority", -10},
                         {"gang", false},
                         {"attribution", {{"team", "nlp"}, {"costCenter", "4711"}}}});
  const auto job = read<TrainingJob>(object);
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_EQ(job->meta.resource_version, ResourceVersion("77"));
  EXPECT_EQ(job->meta.generation, 3);
  EXPECT_EQ(job->meta.deleted_at, *parse_instant("2026-11-21T10:00:00Z"));
  EXPECT_EQ(job->spec.tiers, (TierSet{Tier::kReserved, Tier::kSpot}));
  EXPECT_EQ(job->spec.duration, std::chrono::hours(36));
  EXPECT_EQ(job->spec.deadline, *parse_instant("2026-11-24T08:00:00Z"));
  EXPECT_EQ(job->spec.max_rate, *HourlyRate::parse("120.5"));
  EXPECT_EQ(job->spec.priority, -10);
  EXPECT_FALSE(job->spec.gang);
  EXPECT_EQ(attribution_labels(job->spec.attribution),
            (Labels{{"spillway.dev/team", "nlp"}, {"spillway.dev/cost-center", "4711"}}));
}

TEST(ReadInferencePool, reads_numbers_names_and_percentages) {
  json object = testing::inference_pool();
  object["spec"]["service"] = {{"targetPort", "http"}};
  object["spec"]["disruption"] = {{"minAvailable", "50%"}};
  auto pool = read<InferencePool>(object);
  ASSERT_TRUE(pool.has_value()) << pool.error().message;
  EXPECT_EQ(pool->spec.service.port, 80);
  EXPECT_EQ(pool->spec.service.target_port, TargetPort("http"));
  EXPECT_EQ(pool->spec.disruption.min_available, (IntOrPercent{.value = 50, .percent = true}));

  object["spec"]["service"] = {{"targetPort", 8080}};
  object["spec"]["disruption"] = {{"minAvailable", 2}};
  pool = read<InferencePool>(object);
  ASSERT_TRUE(pool.has_value()) << pool.error().message;
  EXPECT_EQ(pool->spec.service.target_port, TargetPort(8080));
  EXPECT_EQ(pool->spec.disruption.min_available, (IntOrPercent{.value = 2, .percent = false}));
}

TEST(ReadInferencePool, names_the_field_and_says_what_to_write) {
  json object = testing::inference_pool();
  object["spec"]["capacity"] = {{"spotPercent", 120}};
  EXPECT_EQ(refusal<InferencePool>(object),
            "spec.capacity.spotPercent: 120 is above 100: write a number from 0 to 100");
  object["spec"]["capacity"] = {{"baseline", -2}};
  EXPECT_EQ(refusal<InferencePool>(object),
            "spec.capacity.baseline: -2 is below 0: write a number from 0 to 10000");
  object["spec"]["capacity"] = {{"baseline", 18446744073709551615ULL}};
  EXPECT_THAT(refusal<InferencePool>(object), HasSubstr("18446744073709551615 is above 10000"));
  object["spec"]["capacity"] = {{"baseline", 1.5}};
  EXPECT_EQ(refusal<InferencePool>(object),
            "spec.capacity.baseline: 1.5 is not a whole number: write a number from 0 to 10000");
  object["spec"]["capacity"] = "all";
  EXPECT_EQ(refusal<InferencePool>(object), "spec.capacity: \"all\": write an object with fields");
}

TEST(ReadTrainingJob, names_the_place_in_a_list) {
  json object = testing::training_job();
  object["spec"]["accelerator"]["models"] = {{{"name", "H100"}}, {{"name", "A 100"}}};
  EXPECT_THAT(refusal<TrainingJob>(object),
              HasSubstr("spec.accelerator.models[1].name: \"A 100\": write at most 63 letters"));
  object["spec"]["accelerator"]["models"] = {{{"name", "H100"}}, {{"name", "H100"}}};
  EXPECT_EQ(refusal<TrainingJob>(object),
            "spec.accelerator.models: \"H100\" is there twice: write each name once");
  object["spec"]["accelerator"]["models"] = json::array();
  EXPECT_EQ(refusal<TrainingJob>(object),
            "spec.accelerator.models: there are 0 entries: write at least 1");
  object = testing::training_job();
  object["spec"]["tiers"] = {"Spot", "Cheap"};
  EXPECT_EQ(refusal<TrainingJob>(object),
            "spec.tiers[1]: 'Cheap' is not known: write one of Reserved, Spot, OnDemand");
}

TEST(ReadCapacityPool, lists_all_problems_at_once_but_not_without_end) {
  json object = testing::capacity_pool();
  object["spec"].erase("tier");
  object["spec"]["price"]["fixed"] = "abc";
  const std::string text = refusal<CapacityPool>(object);
  EXPECT_THAT(text, HasSubstr("spec.tier: missing: write it; "));
  EXPECT_THAT(text, HasSubstr("spec.price.fixed: \"abc\": write US dollars as a plain decimal"));

  object = testing::capacity_pool();
  object["spec"]["nodes"]["tolerations"] = json::array();
  for (int i = 0; i < 16; ++i)
    object["spec"]["nodes"]["tolerations"].push_back({{"effect", "Never"}});
  EXPECT_THAT(refusal<CapacityPool>(object), HasSubstr("; and 6 more problems"));
}

TEST(Read, refuses_unknown_fields_in_files_and_ignores_them_in_objects_of_the_server) {
  json object = testing::training_job();
  object["spec"]["maxRestart"] = 5;
  EXPECT_EQ(refusal<TrainingJob>(object), "accepted");
  EXPECT_THAT(
      refusal<TrainingJob>(object, UnknownFields::kRefuse),
      HasSubstr("spec.maxRestart: there is no such field: the fields here are template, replicas"));
}

TEST(Read, treats_null_as_absent) {
  json object = testing::training_job();
  object["spec"]["duration"] = nullptr;
  object["spec"]["replicas"] = nullptr;
  const auto job = read<TrainingJob>(object);
  ASSERT_TRUE(job.has_value()) << job.error().message;
  EXPECT_FALSE(job->spec.duration.has_value());
  EXPECT_EQ(job->spec.replicas, 1);
}

TEST(Read, refuses_another_kind_or_version) {
  json object = testing::training_job();
  object["kind"] = "Job";
  EXPECT_EQ(refusal<TrainingJob>(object), "kind: \"Job\": write TrainingJob");
  object = testing::training_job();
  object["apiVersion"] = "spillway.dev/v1";
  EXPECT_EQ(refusal<TrainingJob>(object),
            "apiVersion: \"spillway.dev/v1\": write spillway.dev/v1alpha1");
  EXPECT_EQ(refusal<TrainingJob>(json::array()), "a list: write an object with fields");
}

TEST(Read, takes_items_of_a_list_which_carry_no_kind) {
  json object = testing::capacity_pool();
  object.erase("kind");
  object.erase("apiVersion");
  EXPECT_EQ(refusal<CapacityPool>(object), "accepted");
}

TEST(WriteStatus, leaves_out_what_is_not_known_and_keeps_zeros) {
  TrainingJobStatus status;
  status.cost = CostStatus{.rate = *HourlyRate::parse("12"),
                           .since = *parse_instant("2026-11-21T09:00:00Z"),
                           .total = *Money::parse("3.5"),
                           .on_demand_equivalent = *Money::parse("3"),
                           .saved = Money::micros(-500'000)};
  const json written = write(status);
  EXPECT_EQ(
      written,
      json::parse(R"({"observedGeneration": 0, "phase": "Pending", "attempt": 0, "restarts": 0,
    "restartsCounted": 0, "cost": {"rate": "12.00", "since": "2026-11-21T09:00:00Z", "total": "3.50",
    "onDemandEquivalent": "3.00", "saved": "-0.50"}})"));
}

TEST(WriteStatus, writes_the_life_of_a_pool_in_seconds) {
  CapacityPoolStatus status;
  status.life = PoolLife{
      .window_time = std::chrono::hours(2), .windows_milli = 1'900, .mean = std::chrono::hours(1)};
  EXPECT_EQ(write(status)["life"],
            json::parse(R"({"windowSeconds": 7200, "windowsMilli": 1900, "meanSeconds": 3600})"));
}

TEST(Summarize, adds_up_the_tiers_in_their_order) {
  const std::vector<TierStatus> tiers{
      {.tier = Tier::kSpot, .pool = PoolName("a"), .desired = 3},
      {.tier = Tier::kReserved, .pool = PoolName("r"), .desired = 2},
      {.tier = Tier::kSpot, .pool = PoolName("b"), .desired = 2},
      {.tier = Tier::kOnDemand, .pool = PoolName("o"), .desired = 0}};
  EXPECT_EQ(summarize(tiers), "Reserved 2, Spot 5");
  EXPECT_EQ(summarize({}), "");
}

}  // namespace
}  // namespace spillway::api
