#include <spillway/control/policies.h>

#include <spillway/control/status.h>

#include "unit/control/fixtures.h"

namespace spillway::control {
namespace {

using testing::at;
using testing::four_dollars;
using testing::inference_json;
using testing::json;
using testing::must;
using testing::pool_json;
using testing::WorldBuilder;

const Instant kNoon = at("2026-01-05T12:00:00Z");  // a Monday
const Instant kNight = at("2026-01-05T22:00:00Z");

json policy_json(const std::string& name, const std::string& to = "18:00",
                 const std::string& mode = "Enforce") {
  json object = {{"apiVersion", "spillway.dev/v1alpha1"},
                 {"kind", "CostPolicy"},
                 {"metadata", testing::metadata("", name, "uid-" + name)}};
  object["metadata"]["generation"] = 1;
  object["spec"] = {
      {"selector", {{"namespaces", {{"matchLabels", {{"stage", "dev"}}}}}}},
      {"mode", mode},
      {"offHours",
       {{"timeZone", "UTC"}, {"awake", {{{"days", {"Mon-Fri"}}, {"from", "08:00"}, {"to", to}}}}}}};
  return object;
}

class Policies : public ::testing::Test {
 protected:
  Policies() {
    builder_.pool(pool_json("on-demand", "OnDemand", 2, "3.00"))
        .inference(inference_json("chat", 2));
    const auto pool = must(api::read<api::InferencePool>(inference_json("chat", 2)));
    json ns = {{"metadata", testing::metadata("", pool.meta.key.ns.str(), "uid-ns")}};
    ns["metadata"]["labels"] = {{"stage", "dev"}};
    builder_.world.namespaces.upsert(must(NamespaceView::from_json(ns)));
  }
  void add(const json& policy) {
    builder_.world.cost_policies.upsert(must(api::read<api::CostPolicy>(policy)));
  }
  void look(Instant now, const Observed& observed = {}) {
    picture_ = PictureBuilder({}).build(builder_.world, {}, four_dollars, now, observed);
    plan_ = plan::make_plan(picture_.snapshot, now, {});
  }
  api::CostPolicyStatus status_of(const json& policy, Instant now) {
    return policy_status(must(api::read<api::CostPolicy>(policy)), picture_, plan_, now);
  }
  WorldBuilder builder_;
  Picture picture_;
  plan::Plan plan_;
};

TEST_F(Policies, put_an_inference_pool_to_sleep_and_its_status_says_so) {
  add(policy_json("nights"));
  look(kNight);
  ASSERT_EQ(plan_.inference.size(), 1U);
  EXPECT_TRUE(plan_.inference[0].shares.empty());
  EXPECT_EQ(plan_.wake_at, at("2026-01-06T08:00:00Z"));
  const auto next = next_status(picture_, plan_.inference[0], "", kNight);
  EXPECT_EQ(next.status.awake, false);
  EXPECT_EQ(next.status.next_transition, at("2026-01-06T08:00:00Z"));
  EXPECT_EQ(next.status.awake_reason, "policy nights: outside of its hours");
  const auto* available = api::find_condition(next.status.conditions, api::condition::kAvailable);
  ASSERT_NE(available, nullptr);
  EXPECT_EQ(available->reason, "Asleep");
  EXPECT_TRUE(std::ranges::any_of(
      next.notables, [](const Notable& notable) { return notable.reason == "Asleep"; }));
}

TEST_F(Policies, by_day_it_runs_and_says_until_when) {
  add(policy_json("nights"));
  look(kNoon);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  const auto next = next_status(picture_, plan_.inference[0], "", kNoon);
  EXPECT_EQ(next.status.awake, true);
  EXPECT_EQ(next.status.next_transition, at("2026-01-05T18:00:00Z"));
}

TEST_F(Policies, in_the_morning_a_service_waits_for_plain_workloads_and_says_for_which) {
  add(policy_json("nights"));
  plan::Waking asked;
  const TurnsIn store_first = [&](plan::Waking services, Instant) {
    asked = std::move(services);
    plan::WakeTurnIn turns;
    for (const Namespace& ns : asked.to_begin)
      turns[ns] = {
          .order = -10, .waits_for = "StatefulSet db", .until = kNoon + std::chrono::hours(24)};
    return turns;
  };
  look(kNight, {.turns_in = &store_first});
  EXPECT_TRUE(asked.to_begin.empty() && asked.begun.empty()) << "nobody is to wake";
  json slept = inference_json("chat", 2);
  slept["metadata"]["resourceVersion"] = "11";
  slept["status"] = api::write(next_status(picture_, plan_.inference[0], "", kNight).status);
  builder_.inference(slept);
  const Instant morning = at("2026-01-06T08:00:00Z");
  look(morning, {.turns_in = &store_first});
  EXPECT_EQ(asked.to_begin, (std::set{picture_.inference[0]->meta.key.ns}));
  EXPECT_TRUE(plan_.inference[0].shares.empty());
  const auto next = next_status(picture_, plan_.inference[0], "", morning);
  EXPECT_EQ(next.status.awake, true);
  EXPECT_EQ(next.status.awake_reason, "policy nights: within its hours; waits for StatefulSet db");
  EXPECT_EQ(next.status.reason, "asleep: " + next.status.awake_reason);
  look(morning);
  EXPECT_FALSE(plan_.inference[0].shares.empty()) << "without an off switch";
}

TEST_F(Policies, a_service_that_is_to_be_awake_is_waited_for_until_its_status_says_ready) {
  add(policy_json("nights"));
  json pool = inference_json("chat", 2);
  pool["metadata"]["annotations"] = {{"spillway.dev/wake-order", "-3"}};
  pool["metadata"]["resourceVersion"] = "11";
  builder_.inference(pool);
  const Namespace ns = must(api::read<api::InferencePool>(pool)).meta.key.ns;
  HoursReader reader;
  const auto not_ready = [&](Instant now) {
    return reader.services_not_ready(builder_.world, {ns}, now);
  };
  EXPECT_TRUE(not_ready(kNight).empty()) << "it sleeps";
  EXPECT_EQ(not_ready(kNoon), (plan::NotReadyIn{{ns, {{-3, "InferencePool chat"}}}}));
  EXPECT_TRUE(reader.services_not_ready(builder_.world, {Namespace("other")}, kNoon).empty());
  pool["status"]["readyReplicas"] = 2;
  pool["metadata"]["resourceVersion"] = "12";
  builder_.inference(pool);
  EXPECT_TRUE(not_ready(kNoon).empty());
}

TEST_F(Policies, without_any_nothing_is_said_about_hours) {
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].hours);
  EXPECT_EQ(next_status(picture_, plan_.inference[0], "", kNight).status.awake, std::nullopt);
}

TEST_F(Policies, say_what_they_select_and_what_of_it_sleeps) {
  add(policy_json("nights"));
  look(kNight);
  const auto status = status_of(policy_json("nights"), kNight);
  EXPECT_EQ(status.awake, false);
  EXPECT_EQ(status.next_transition, at("2026-01-06T08:00:00Z"));
  EXPECT_EQ(status.selected, (api::PolicyCounts{.namespaces = 1, .inference_pools = 1}));
  EXPECT_EQ(status.asleep, (api::PolicyCounts{.inference_pools = 1}));
  EXPECT_TRUE(api::is_true(status.conditions, api::condition::kReady));
  EXPECT_TRUE(api::is_true(status.conditions, api::condition::kAgrees));
}

TEST_F(Policies, that_only_audit_count_what_would_sleep) {
  add(policy_json("nights", "18:00", "Audit"));
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  const auto status = status_of(policy_json("nights", "18:00", "Audit"), kNight);
  EXPECT_EQ(status.asleep, (api::PolicyCounts{.inference_pools = 1}));
  EXPECT_EQ(api::find_condition(status.conditions, api::condition::kReady)->reason, "Audited");
}

TEST_F(Policies, that_are_overruled_name_who_keeps_awake) {
  add(policy_json("early"));
  add(policy_json("late", "23:00"));
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  const auto status = status_of(policy_json("early"), kNight);
  const auto* agrees = api::find_condition(status.conditions, api::condition::kAgrees);
  ASSERT_NE(agrees, nullptr);
  EXPECT_EQ(agrees->status, api::ConditionStatus::kFalse);
  EXPECT_NE(agrees->message.find("late"), std::string::npos);
}

TEST_F(Policies, that_make_no_sense_put_nothing_to_sleep_and_say_why) {
  json bad = policy_json("nights");
  bad["spec"]["offHours"]["awake"].push_back(
      {{"days", {"Fri"}}, {"from", "10:00"}, {"to", "16:00"}});
  add(bad);
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  const auto status = status_of(bad, kNight);
  const auto* ready = api::find_condition(status.conditions, api::condition::kReady);
  EXPECT_EQ(ready->status, api::ConditionStatus::kFalse);
  EXPECT_NE(ready->message.find("overlap on Fri 10:00-16:00"), std::string::npos);
}

TEST_F(Policies, a_person_wakes_one_pool_and_a_slip_in_the_time_is_told) {
  add(policy_json("nights"));
  json pool = inference_json("chat", 2);
  pool["metadata"]["annotations"] = {{"spillway.dev/wake-until", "2026-01-05T23:00:00Z"},
                                     {"spillway.dev/override-by", "ada"}};
  pool["metadata"]["resourceVersion"] = "11";
  builder_.inference(pool);
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  EXPECT_NE(next_status(picture_, plan_.inference[0], "", kNight).status.awake_reason.find("ada"),
            std::string::npos);
  pool["metadata"]["annotations"]["spillway.dev/wake-until"] = "at eleven";
  pool["metadata"]["resourceVersion"] = "12";
  builder_.inference(pool);
  look(kNight);
  EXPECT_FALSE(plan_.inference[0].shares.empty());
  const auto next = next_status(picture_, plan_.inference[0], "", kNight);
  EXPECT_TRUE(std::ranges::any_of(next.notables, [](const Notable& notable) {
    return notable.warning && notable.reason == "HoursUnreadable";
  }));
}

TEST_F(Policies, a_slip_in_the_wake_order_is_told_once_and_until_it_is_mended) {
  add(policy_json("nights"));
  json pool = inference_json("chat", 2);
  const auto look_at = [&](const char* order, const char* version) {
    pool["metadata"]["annotations"] = {{"spillway.dev/wake-order", order}};
    pool["metadata"]["resourceVersion"] = version;
    builder_.inference(pool);
    look(kNight);
    auto next = next_status(picture_, plan_.inference.at(0), "", kNight);
    pool["status"] = api::write(next.status);
    return next;
  };
  const auto told = [](const auto& next) {
    return std::ranges::count(next.notables, "HoursUnreadable", &Notable::reason);
  };
  const auto first = look_at("first", "11");
  EXPECT_EQ(told(first), 1);
  EXPECT_NE(first.status.awake_reason.find("'first' is taken for 0"), std::string::npos);
  EXPECT_EQ(told(look_at("first", "12")), 0);
  EXPECT_EQ(look_at("1", "13").status.awake_reason.find("wake-order"), std::string::npos);
}

TEST_F(Policies, a_slip_in_what_was_asked_of_a_job_is_told_once_and_until_it_is_mended) {
  add(policy_json("nights"));
  json job = testing::training_json("train");
  job["metadata"]["annotations"] = {{"spillway.dev/wake-until", "at eleven"}};
  const auto look_at_job = [&](const char* version) {
    job["metadata"]["resourceVersion"] = version;
    builder_.training(job);
    look(kNight);
    auto next = next_status(picture_, plan_.training.at(0), "", kNight);
    job["status"] = api::write(next.status);
    return next;
  };
  const auto told = [](const auto& next) {
    return std::ranges::count(next.notables, "OverrideUnreadable", &Notable::reason);
  };
  const auto first = look_at_job("11");
  EXPECT_EQ(told(first), 1);
  EXPECT_NE(api::find_condition(first.status.conditions, "OverrideUnreadable"), nullptr);
  EXPECT_EQ(told(look_at_job("12")), 0);
  job["metadata"]["annotations"]["spillway.dev/wake-until"] = "2026-01-05T23:00:00Z";
  const auto mended = look_at_job("13");
  EXPECT_EQ(told(mended), 0);
  EXPECT_EQ(api::find_condition(mended.status.conditions, "OverrideUnreadable"), nullptr);
}

TEST_F(Policies, are_written_once_and_then_quiet) {
  add(policy_json("nights"));
  look(kNight);
  PolicyReporter reporter;
  const auto work = reporter.work(builder_.world, picture_, plan_, kNight);
  ASSERT_EQ(work.size(), 1U);
  const auto& write = std::get<WriteStatus>(work[0].writes.at(0));
  json written = policy_json("nights");
  written["status"] = write.status;
  written["metadata"]["resourceVersion"] = "99";
  // What another writer says beside it is left alone.
  written["status"]["conditions"].push_back({{"type", "Contested"},
                                             {"status", "False"},
                                             {"observedGeneration", 1},
                                             {"lastTransitionTime", "2026-01-05T20:00:00Z"},
                                             {"reason", "NobodyElse"},
                                             {"message", ""}});
  add(written);
  EXPECT_TRUE(
      reporter.work(builder_.world, picture_, plan_, kNight + std::chrono::minutes(1)).empty());
  EXPECT_EQ(reporter.wake_at(), kNight + std::chrono::seconds(70));
}

}  // namespace
}  // namespace spillway::control
