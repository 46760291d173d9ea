#include <spillway/control/status.h>

#include <functional>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using plan::Cause;
using plan::TrainingVerdict;
using testing::at;
using testing::four_dollars;
using testing::job_json;
using testing::json;
using testing::kNow;
using testing::node_json;
using testing::pod_json;
using testing::pool_json;
using testing::training_json;
using testing::WorldBuilder;

Picture picture_of(const World& world) {
  PictureBuilder builder({});
  return builder.build(world, {}, four_dollars, kNow);
}

plan::TrainingDecision keep() {
  return {.workload = 0, .verdict = TrainingVerdict::kKeep};
}
plan::TrainingDecision place(std::int64_t attempt, Cause cause) {
  return {.workload = 0,
          .verdict = TrainingVerdict::kPlace,
          .cause = cause,
          .placement =
              plan::TrainingPlacement{.pool = 0, .attempt = AttemptNumber(attempt), .since = kNow}};
}

json running_job(const std::string& started) {
  json object = training_json("llama");
  object["status"] = {{"attempt", 1},
                      {"phase", "Running"},
                      {"startedAt", started},
                      {"placement",
                       {{"pool", "spot-a"},
                        {"tier", "Spot"},
                        {"attempt", 1},
                        {"since", "2026-11-21T11:10:00Z"},
                        {"reason", "x"}}},
                      {"cost",
                       {{"rate", "2.00"},
                        {"since", "2026-11-21T11:00:00Z"},
                        {"total", "0.00"},
                        {"onDemandEquivalent", "0.00"},
                        {"saved", "0.00"}}}};
  return object;
}

WorldBuilder world_with(const json& training, bool with_pod) {
  WorldBuilder builder;
  builder.pool(pool_json("spot-a", "Spot", 2, "4.00"))
      .node(node_json("n1", "spot-a"))
      .training(training);
  if (with_pod)
    builder.job(job_json("llama", 1, "spot-a")).pod(pod_json("llama", 1, 0, "n1", "Running"));
  return builder;
}

TEST(TrainingStatus, records_a_placement_with_its_rate_and_reason) {
  const WorldBuilder builder = world_with(training_json("llama"), false);
  const auto next = next_status(picture_of(builder.world), place(1, Cause::kCheapest), "", kNow);
  ASSERT_TRUE(next.status.placement.has_value());
  EXPECT_EQ(next.status.placement->pool, PoolName("spot-a"));
  EXPECT_EQ(next.status.placement->rate->to_string(),
            "2.00");  // 2 of 4 accelerators of a node at $4
  EXPECT_FALSE(next.status.placement->reason.empty());
  EXPECT_EQ(next.status.phase, api::TrainingJobPhase::kPlaced);
  EXPECT_TRUE(api::is_true(next.status.conditions, api::condition::kPlaced));
  EXPECT_FALSE(next.status.cost.has_value());  // nothing holds a node yet
  ASSERT_EQ(next.notables.size(), 1U);
  EXPECT_EQ(next.notables[0].reason, "Placed");
}

TEST(TrainingStatus, charges_from_the_binding_of_the_first_replica) {
  json training = running_job("2026-11-21T11:30:00Z");
  training["status"].erase("cost");
  const WorldBuilder builder = world_with(training, true);
  const auto next = next_status(picture_of(builder.world), keep(), "", kNow);
  ASSERT_TRUE(next.status.cost.has_value());
  EXPECT_EQ(next.status.cost->rate.to_string(), "2.00");
  EXPECT_EQ(next.status.cost->since, at("2026-11-21T11:11:00Z"));
  EXPECT_EQ(next.status.cost->total, Money());
}

TEST(TrainingStatus, says_the_same_again_when_nothing_changed) {
  const WorldBuilder builder = world_with(running_job("2026-11-21T11:12:00Z"), true);
  const auto first = next_status(picture_of(builder.world), keep(), "", kNow);
  json again = training_json("llama");
  again["status"] = api::write(first.status);
  const WorldBuilder later = world_with(again, true);
  const auto second =
      next_status(picture_of(later.world), keep(), "", kNow + std::chrono::minutes(5));
  EXPECT_EQ(second.status, first.status);
  EXPECT_TRUE(second.notables.empty());
}

TEST(TrainingStatus, an_interruption_is_counted_with_the_work_it_cost) {
  const WorldBuilder builder = world_with(running_job("2026-11-21T11:30:00Z"), true);
  const auto next = next_status(picture_of(builder.world), place(2, Cause::kReplicaLost), "", kNow);
  EXPECT_EQ(next.status.interruptions->count, 1);
  EXPECT_EQ(next.status.interruptions->lost, std::chrono::minutes(30));
  EXPECT_EQ(next.status.restarts, 1);
  EXPECT_EQ(next.status.restarts_counted, 0);
  EXPECT_FALSE(next.status.started_at.has_value());
  EXPECT_EQ(next.status.cost->rate, HourlyRate());
  EXPECT_EQ(next.status.cost->total.to_string(), "2.00");  // an hour at $2
  EXPECT_EQ(next.status.cost->on_demand_equivalent.to_string(), "6.00");
  EXPECT_EQ(next.status.cost->saved.to_string(), "4.00");
  EXPECT_EQ(next.status.phase, api::TrainingJobPhase::kEnding);
}

TEST(TrainingStatus, a_failure_of_the_program_counts_against_its_restarts_and_is_no_interruption) {
  const WorldBuilder builder = world_with(running_job("2026-11-21T11:30:00Z"), true);
  plan::TrainingDecision decision = place(2, Cause::kProgramFailed);
  decision.counts_as_user_failure = true;
  const auto next = next_status(picture_of(builder.world), decision, "", kNow);
  EXPECT_EQ(next.status.restarts_counted, 1);
  EXPECT_FALSE(next.status.interruptions.has_value());
}

TEST(TrainingStatus, a_waiting_job_says_why_and_tells_it_once) {
  const WorldBuilder builder = world_with(training_json("llama"), false);
  const plan::TrainingDecision wait{
      .workload = 0, .verdict = TrainingVerdict::kWait, .cause = Cause::kNoCapacity};
  const auto first = next_status(picture_of(builder.world), wait, "", kNow);
  EXPECT_EQ(first.status.phase, api::TrainingJobPhase::kPending);
  EXPECT_EQ(api::find_condition(first.status.conditions, api::condition::kPlaced)->reason,
            plan::to_string(Cause::kNoCapacity));
  EXPECT_EQ(first.notables.size(), 1U);
  json again = training_json("llama");
  again["status"] = api::write(first.status);
  const WorldBuilder later = world_with(again, false);
  const auto second =
      next_status(picture_of(later.world), wait, "", kNow + std::chrono::minutes(1));
  EXPECT_EQ(second.status, first.status);
  EXPECT_TRUE(second.notables.empty());
}

TEST(TrainingStatus, success_closes_the_books) {
  const WorldBuilder builder = world_with(running_job("2026-11-21T11:12:00Z"), true);
  const plan::TrainingDecision done{
      .workload = 0, .verdict = TrainingVerdict::kSucceed, .cause = Cause::kSucceeded};
  const auto next = next_status(picture_of(builder.world), done, "", kNow);
  EXPECT_EQ(next.status.phase, api::TrainingJobPhase::kSucceeded);
  EXPECT_TRUE(api::is_true(next.status.conditions, api::condition::kComplete));
  EXPECT_EQ(next.status.cost->rate, HourlyRate());
  EXPECT_EQ(next.status.finished_at, kNow);
}

TEST(TrainingStatus, tells_what_the_server_refused) {
  json placed = running_job("2026-11-21T11:12:00Z");
  placed["status"].erase("startedAt");
  const WorldBuilder builder = world_with(placed, false);
  const auto next =
      next_status(picture_of(builder.world), keep(), "creating Job: exceeded quota", kNow);
  const api::Condition* running =
      api::find_condition(next.status.conditions, api::condition::kRunning);
  EXPECT_EQ(running->reason, "ChildRejected");
  EXPECT_EQ(running->message, "creating Job: exceeded quota");
}

// What is recorded at noon for the job that costs $2.00 an hour by now.
json drifted_job(const std::string& rate) {
  const WorldBuilder builder = world_with(running_job("2026-11-21T11:12:00Z"), true);
  json job = training_json("llama");
  job["status"] = api::write(next_status(picture_of(builder.world), keep(), "", kNow).status);
  job["status"]["cost"]["rate"] = rate;
  job["status"]["cost"]["since"] = "2026-11-21T12:00:00Z";
  return job;
}

std::string rate_after(const json& job, Duration later) {
  const WorldBuilder builder = world_with(job, true);
  return next_status(picture_of(builder.world), keep(), "", kNow + later)
      .status.cost->rate.to_string();
}

TEST(TrainingStatus, a_price_that_drifts_is_not_worth_a_write_for_a_day) {
  EXPECT_EQ(rate_after(drifted_job("1.95"), kRateRefresh - std::chrono::seconds(1)), "1.95");
  EXPECT_EQ(rate_after(drifted_job("1.95"), kRateRefresh), "2.00");
}

TEST(TrainingStatus, a_rate_that_jumps_is_taken_over_at_once) {
  EXPECT_EQ(rate_after(drifted_job("1.50"), std::chrono::minutes(5)), "2.00");
}

TEST(TrainingStatus, a_price_that_drifts_goes_along_with_what_is_written_anyway) {
  json job = drifted_job("1.95");
  job["status"]["phase"] = "Starting";
  EXPECT_EQ(rate_after(job, std::chrono::minutes(5)), "2.00");
}

// Two replicas on a node of four accelerators at $4, both ready: $2.00 an hour by now.
class PriceOfAService : public ::testing::Test {
 protected:
  PriceOfAService() {
    json object = testing::inference_json("chat");
    status = write_after(object, Duration(0));
    status["cost"]["rate"] = status["tiers"][0]["rate"] = "1.95";
  }

  json write_after(json object, Duration later, int ready = 2, bool there = true) {
    WorldBuilder builder;
    builder.pool(pool_json("spot-a", "Spot", 2, "4.00"))
        .node(node_json("n1", "spot-a"))
        .inference(object)
        .deployment(testing::deployment_json("chat", "spot-a", 2, ready));
    if (there) {
      builder.pod(testing::replica_json("chat", "spot-a", 0, "n1", true))
          .pod(testing::replica_json("chat", "spot-a", 1, "n1", ready == 2));
    }
    const plan::InferenceDecision decision{
        .workload = 0, .shares = {{.pool = 0, .replicas = 2}}, .cause = Cause::kCheapest};
    return api::write(next_status(picture_of(builder.world), decision, "", kNow + later).status);
  }

  json written(Duration later, int ready = 2, bool there = true) {
    json object = testing::inference_json("chat");
    object["status"] = status;
    return write_after(std::move(object), later, ready, there);
  }

  json status;  // recorded at noon
};

TEST_F(PriceOfAService, that_drifts_is_not_worth_a_write_for_a_day) {
  EXPECT_EQ(written(std::chrono::hours(1)), status);
  EXPECT_EQ(written(kRateRefresh - std::chrono::seconds(1)), status);
}

TEST_F(PriceOfAService, that_drifts_is_in_the_books_after_a_day) {
  const json cost = written(kRateRefresh).at("cost");
  EXPECT_EQ(cost.at("rate"), "2.00");
  EXPECT_EQ(cost.at("total"), "46.80");  // 24 h at $1.95
}

TEST_F(PriceOfAService, that_drifts_goes_along_with_what_is_written_anyway) {
  const json cost = written(std::chrono::hours(1), 1).at("cost");
  EXPECT_EQ(cost.at("rate"), "2.00");
  EXPECT_EQ(cost.at("total"), "1.95");
}

TEST_F(PriceOfAService, that_jumps_is_in_the_books_at_once) {
  status["cost"]["rate"] = "1.50";
  EXPECT_EQ(written(std::chrono::minutes(5)).at("/cost/rate"_json_pointer), "2.00");
}

TEST_F(PriceOfAService, is_held_against_what_the_replicas_that_there_were_cost_on_demand) {
  status["cost"]["rate"] = "2.00";
  const json cost = written(std::chrono::hours(1), 0, false).at("cost");
  EXPECT_EQ(cost.at("rate"), "0.00");
  EXPECT_EQ(cost.at("total"), "2.00");
  EXPECT_EQ(cost.at("onDemandEquivalent"), "6.00");
  EXPECT_EQ(cost.at("saved"), "4.00");
}

TEST_F(PriceOfAService, is_held_against_no_replica_that_waited_for_a_node) {
  status["cost"]["rate"] = "1.00";  // one of the two
  const json cost = written(std::chrono::hours(1)).at("cost");
  EXPECT_EQ(cost.at("rate"), "2.00");
  EXPECT_EQ(cost.at("total"), "1.00");
  EXPECT_EQ(cost.at("onDemandEquivalent"), "3.00");
}

TEST_F(PriceOfAService, leaves_the_rate_of_a_tier_as_it_was_decided) {
  const auto rate = "/tiers/0/rate"_json_pointer;
  EXPECT_EQ(written(kRateRefresh).at(rate), "1.95");
  EXPECT_EQ(written(std::chrono::hours(1), 1).at(rate), "1.95");
}

TEST_F(PriceOfAService, is_told_with_its_tier_as_soon_as_it_is_known) {
  status["tiers"][0].erase("rate");
  EXPECT_EQ(written(std::chrono::minutes(5)).at("/tiers/0/rate"_json_pointer), "2.00");
}

TEST(InferenceStatus, tells_of_lost_places_in_the_words_of_the_reason) {
  WorldBuilder builder;
  json object = testing::inference_json("chat");
  object["status"] = {{"tiers", json::array({{{"pool", "gone"},
                                              {"tier", "Spot"},
                                              {"desired", 2},
                                              {"ready", 2},
                                              {"since", "2026-11-21T11:10:00Z"}}})}};
  builder.pool(pool_json("spot-a", "Spot", 2, "4.00")).inference(object);
  const Picture picture = picture_of(builder.world);
  const plan::InferenceDecision nowhere{.workload = 0, .unplaced = 2, .cause = Cause::kNoCapacity};
  const auto next = next_status(picture, nowhere, "", kNow);
  ASSERT_EQ(next.notables.size(), 1u);
  EXPECT_TRUE(next.notables[0].warning);
  EXPECT_EQ(next.notables[0].reason, "NoCapacity");
  EXPECT_EQ(next.notables[0].note, next.status.reason);
  EXPECT_EQ(next.notables[0].note.rfind("no replica placed", 0), 0u) << next.notables[0].note;
}

TEST(Accrue, adds_what_was_spent_at_the_old_rate) {
  std::optional<api::CostStatus> cost;
  accrue(cost, HourlyRate(Money::dollars(3)), HourlyRate(), kNow);
  accrue(cost, HourlyRate(Money::dollars(1)), HourlyRate(Money::dollars(10)),
         kNow + std::chrono::hours(2));
  EXPECT_EQ(cost->total.to_string(), "6.00");
  EXPECT_EQ(cost->on_demand_equivalent.to_string(), "20.00");
  EXPECT_EQ(cost->saved.to_string(), "14.00");
  EXPECT_EQ(cost->rate.to_string(), "1.00");
}

TEST(Accrue, without_an_on_demand_price_nothing_is_claimed_to_be_saved) {
  std::optional<api::CostStatus> cost;
  accrue(cost, HourlyRate(Money::dollars(3)), HourlyRate(), kNow);
  accrue(cost, HourlyRate(), HourlyRate(), kNow + std::chrono::hours(1));
  EXPECT_EQ(cost->saved, Money());
}

}  // namespace
}  // namespace spillway::control
