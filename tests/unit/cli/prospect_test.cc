// What `plan` and `explain` say, from a world made by hand.

#include "prospect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "as_applied.h"
#include "explain.h"
#include "plan_text.h"
#include "prices.h"
#include "unit/control/fixtures.h"

namespace spillway::cli {
namespace {

using control::testing::at;
using control::testing::json;
using control::testing::kNow;
using control::testing::node_json;
using control::testing::pool_json;
using control::testing::training_json;
using control::testing::WorldBuilder;
using ::testing::HasSubstr;
using ::testing::Not;

// A pool whose price comes from a feed, with what its status says of it.
json feed_pool(const std::string& name, const std::string& tier, const json& price) {
  json pool = pool_json(name, tier, 2, "3.00");
  pool["spec"]["price"] = {{"feed", "aws"}};
  if (!price.is_null()) pool["status"]["price"] = price;
  return pool;
}
json status_price(const std::string& quality, const std::string& usd,
                  const std::string& observed = "2026-11-21T11:59:00Z") {
  return {
      {"perNodeHour", usd}, {"quality", quality}, {"source", "feed aws"}, {"observedAt", observed}};
}

WorldBuilder two_pools() {
  WorldBuilder builder;
  builder.pool(feed_pool("spot-a", "Spot", status_price("Live", "3.60")))
      .pool(feed_pool("od-a", "OnDemand", status_price("Live", "12.24")));
  for (const char* node : {"n1", "n2"})
    builder.node(node_json(node, "spot-a"));
  builder.node(node_json("n3", "od-a"));
  return builder;
}

json short_job(const std::string& name, int replicas = 1) {
  json job = training_json(name, replicas);
  job["spec"]["duration"] = "30m";
  return job;
}

const Prospect& only(const Outlook& outlook, const std::string& name) {
  for (const Prospect& prospect : outlook.workloads) {
    if (prospect.key.name.str() == name) return prospect;
  }
  static const Prospect nothing;
  ADD_FAILURE() << name << " is not in the plan";
  return nothing;
}

std::vector<Manifest> manifests(const std::vector<json>& objects) {
  std::vector<Manifest> list;
  for (json object : objects) {
    object["metadata"] = {{"name", object["metadata"]["name"]}, {"namespace", "team-a"}};
    list.push_back({.source = "jobs.yaml", .object = std::move(object)});
  }
  return list;
}

TEST(Prices, are_those_of_the_status_with_their_quality) {
  const WorldBuilder builder = two_pools();
  const auto [price, on_demand] = RecordedPrices(builder.world, kNow).price_of(PoolName("spot-a"));
  EXPECT_EQ(price.likely.to_string(), "3.60");
  EXPECT_EQ(price.upper, price.likely);
  EXPECT_EQ(price.quality, market::PriceQuality::kLive);
  EXPECT_EQ(on_demand.to_string(), "12.24");  // of the on-demand pool of the same type
}

TEST(Prices, a_stale_one_is_reckoned_with_wider) {
  WorldBuilder builder;
  builder.pool(feed_pool("spot-a", "Spot", status_price("Stale", "3.60", "2026-11-21T00:00:00Z")));
  const auto [price, on_demand] = RecordedPrices(builder.world, kNow).price_of(PoolName("spot-a"));
  EXPECT_EQ(price.quality, market::PriceQuality::kStale);
  EXPECT_EQ(price.likely.to_string(), "3.60");
  EXPECT_GT(price.upper, price.likely);
}

TEST(Prices, a_pool_without_status_has_that_of_its_like_or_none) {
  WorldBuilder builder = two_pools();
  builder.pool(feed_pool("spot-new", "Spot", nullptr));
  json elsewhere = feed_pool("spot-far", "Spot", nullptr);
  elsewhere["spec"]["location"]["zone"] = "us-east-1z";
  elsewhere["spec"]["instanceType"] = "p4d.24xlarge";
  builder.pool(elsewhere);
  const RecordedPrices prices(builder.world, kNow);
  EXPECT_EQ(prices.price_of(PoolName("spot-new")).first.likely.to_string(), "3.60");
  EXPECT_THAT(prices.price_of(PoolName("spot-new")).first.source, HasSubstr("as of pool spot-a"));
  EXPECT_EQ(prices.price_of(PoolName("spot-far")).first.quality, market::PriceQuality::kUnknown);
}

TEST(Preview, a_new_job_starts_where_it_is_cheapest_and_lists_what_else_there_is) {
  WorldBuilder builder = two_pools();
  builder.training(short_job("llama", 2));
  const Outlook outlook = Preview(builder.world, {}, kNow).outlook();
  const Prospect& job = only(outlook, "llama");
  EXPECT_EQ(job.change, Change::kStart);
  ASSERT_EQ(job.after.size(), 1u);
  EXPECT_EQ(job.after[0].pool.str(), "spot-a");
  EXPECT_EQ(job.after[0].rate,
            HourlyRate::parse("3.60").value());  // two replicas of two of four accelerators
  ASSERT_FALSE(job.alternatives.empty());
  EXPECT_EQ(job.alternatives[0].pool.str(), "od-a");
  EXPECT_EQ(outlook.pools.size(), 2u);
}

TEST(Preview, a_job_that_stays_is_told_what_else_there_would_be) {
  WorldBuilder builder = two_pools();
  json placed = control::testing::placed_json("llama", 1);
  placed["spec"]["duration"] = "30m";
  builder.training(placed)
      .job(control::testing::job_json("llama", 1, "spot-a"))
      .pod(control::testing::pod_json("llama", 1, 0, "n1", "Running"));
  const Preview preview(builder.world, {}, kNow);
  const Outlook outlook = preview.outlook();
  const Prospect& job = only(outlook, "llama");
  EXPECT_EQ(job.change, Change::kNone);
  EXPECT_EQ(job.before, job.after);
  const auto alternatives = preview.alternatives_now(job);
  ASSERT_FALSE(alternatives.empty());
  EXPECT_EQ(alternatives[0].pool.str(), "od-a");
  EXPECT_TRUE(alternatives[0].rate);
}

TEST(Plan, no_change_is_said_in_words) {
  WorldBuilder builder = two_pools();
  PlanView view{.outlook = Preview(builder.world, {}, kNow).outlook(), .cluster = "context 'kind'"};
  EXPECT_THAT(plan_text(view), HasSubstr("There is no workload to place."));
  json placed = control::testing::placed_json("llama", 1);
  placed["spec"]["duration"] = "30m";
  builder.training(placed)
      .job(control::testing::job_json("llama", 1, "spot-a"))
      .pod(control::testing::pod_json("llama", 1, 0, "n1", "Running"));
  view.outlook = Preview(builder.world, {}, kNow).outlook();
  EXPECT_THAT(plan_text(view),
              HasSubstr("Nothing would change: the one workload is where it should be."));
  EXPECT_THAT(plan_text(view), Not(HasSubstr("tj/llama")));
  view.all = true;
  EXPECT_THAT(plan_text(view), HasSubstr("tj/llama"));
}

TEST(Plan, a_job_that_fits_nowhere_waits_and_says_why) {
  WorldBuilder builder = two_pools();
  json job = short_job("huge");
  job["spec"]["accelerator"]["models"] = json::array({{{"name", "H100"}}});
  builder.training(job);
  const PlanView view{.outlook = Preview(builder.world, {}, kNow).outlook(), .cluster = "c"};
  EXPECT_EQ(only(view.outlook, "huge").change, Change::kWait);
  const std::string text = plan_text(view);
  EXPECT_THAT(text, HasSubstr("Nothing would change: 1 waits for a place."));
  EXPECT_THAT(text, HasSubstr("WOULD WAIT"));
  EXPECT_THAT(text, HasSubstr("no pool can ever take"));
}

TEST(Plan, files_are_planned_as_if_applied_and_their_effect_on_others_is_told) {
  WorldBuilder builder = two_pools();
  builder.training(short_job("first", 4));
  const Outlook without = Preview(builder.world, {}, kNow).outlook();
  EXPECT_EQ(only(without, "first").after[0].pool.str(), "spot-a");
  json urgent = short_job("urgent", 4);
  urgent["spec"]["priority"] = 1000;
  const auto applied = apply_manifests(manifests({urgent}), builder.world, kNow);
  ASSERT_TRUE(applied) << applied.error().message;
  PlanView view{
      .outlook = Preview(builder.world, {}, kNow).outlook(), .cluster = "c", .with_files = true};
  for (Prospect& prospect : view.outlook.workloads)
    prospect.from_file =
        applied->workloads.contains(prospect.kind() + " " + prospect.key.to_string());
  compare(view, without);
  ASSERT_EQ(view.affected_training.size(), 1u);
  EXPECT_EQ(view.affected_training[0].name.str(), "first");
  EXPECT_EQ(only(view.outlook, "urgent").after[0].pool.str(), "spot-a");
  const std::string text = plan_text(view);
  EXPECT_LT(text.find("FROM THE FILES"), text.find("tj/urgent"));
  EXPECT_LT(text.find("OTHERS THAT THE FILES CHANGE"), text.find("tj/first"));
  const auto document = plan_document(view);
  EXPECT_EQ(document["workloads"].size(), 2u);
  EXPECT_EQ(document["workloads"][0]["changedByFiles"], true);
}

TEST(Plan, what_the_api_server_would_refuse_is_refused_here) {
  WorldBuilder builder = two_pools();
  json late = short_job("late");
  late["spec"]["deadline"] = "2026-11-20T00:00:00Z";
  const auto applied = apply_manifests(manifests({late}), builder.world, kNow);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(applied.error().message,
              HasSubstr("jobs.yaml, TrainingJob team-a/late: spec.deadline: "));
}

TEST(Plan, a_file_changes_the_spec_and_keeps_what_runs) {
  WorldBuilder builder = two_pools();
  builder.training(control::testing::placed_json("llama", 3));
  json changed = training_json("llama");
  changed["spec"]["priority"] = 7;
  ASSERT_TRUE(apply_manifests(manifests({changed}), builder.world, kNow));
  const auto job = builder.world.training_jobs.find({Namespace("team-a"), ObjectName("llama")});
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->spec.priority, 7);
  EXPECT_EQ(job->meta.generation, 2);
  EXPECT_EQ(job->meta.uid.str(), "uid-llama");
  EXPECT_EQ(job->status.placement.value_or(api::TrainingPlacement{}).attempt, AttemptNumber(3));
}

TEST(Explain, tells_what_is_recorded_and_what_the_plan_would_do) {
  WorldBuilder builder = two_pools();
  json placed = control::testing::placed_json("llama", 1);
  placed["status"]["placement"]["reason"] = "lowest expected cost";
  builder.training(placed);
  const Preview preview(builder.world, {}, kNow);
  const ObjectKey key{Namespace("team-a"), ObjectName("llama")};
  const Now now{.outlook = preview.outlook(), .alternatives = {}};
  const auto told = explain(*builder.world.training_jobs.find(key), now);
  EXPECT_THAT(told.text, HasSubstr("TrainingJob team-a/llama"));
  EXPECT_THAT(told.text, HasSubstr("lowest expected cost"));
  EXPECT_THAT(told.text, HasSubstr("As the plan sees it at 2026-11-21T12:00:00Z"));
  EXPECT_EQ(told.document["recorded"]["placement"]["pool"], "spot-a");
  EXPECT_FALSE(told.document["now"].is_null());
  const auto recorded_only = explain(*builder.world.training_jobs.find(key), std::nullopt);
  EXPECT_THAT(recorded_only.text, Not(HasSubstr("As the plan sees it")));
  EXPECT_TRUE(recorded_only.document["now"].is_null());
}

TEST(Explain, tells_what_checkpoints_there_are) {
  api::TrainingJob job = api::read<api::TrainingJob>(training_json("llama")).value();
  job.status.checkpoint = api::CheckpointStatus{.state = api::CheckpointState::kInvalid,
                                                .uri = "s3://bucket/llama/step-1200",
                                                .step = api::StepNumber(1200),
                                                .verified_at = kNow,
                                                .message = "part 3 of 8 is missing"};
  job.status.save = api::SaveStatus{.requested_at = kNow, .deadline = kNow};
  const std::string text = explain(job, std::nullopt).text;
  EXPECT_THAT(text, HasSubstr("step 1200, s3://bucket/llama/step-1200"));
  EXPECT_THAT(text, HasSubstr("Invalid: part 3 of 8 is missing"));
  EXPECT_THAT(text, HasSubstr("asked at 2026-11-21T12:00:00Z (Notice)"));
}

TEST(Explain, a_pool_names_who_is_there) {
  WorldBuilder builder = two_pools();
  builder.training(short_job("llama", 2));
  const Now now{.outlook = Preview(builder.world, {}, kNow).outlook(), .alternatives = {}};
  const auto pool = builder.world.capacity_pools.find({Namespace(), ObjectName("spot-a")});
  const auto told = explain(*pool, now);
  EXPECT_THAT(told.text, HasSubstr("$3.60 per node-hour (Live, feed aws)"));
  EXPECT_LT(told.text.find("Who would be there"), told.text.find("tj/llama"));
  EXPECT_EQ(told.document["now"]["plannedWorkloads"][0]["name"], "llama");
}

}  // namespace
}  // namespace spillway::cli
