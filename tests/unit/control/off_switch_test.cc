#include <spillway/control/off_switch.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixtures.h"

namespace spillway::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::at;
using ::testing::HasSubstr;
using testing::json;
using testing::kNow;
using testing::must;

const Instant kEdge = kNow - hours(2);  // off-hours began

// A Deployment of yesterday whose replicas were last set an hour before the edge.
json deployment(std::int64_t replicas) {
  return {{"metadata",
           {{"name", "web"},
            {"namespace", "team-a"},
            {"uid", "u1"},
            {"resourceVersion", "7"},
            {"generation", 3},
            {"creationTimestamp", format_instant(kNow - hours(24))},
            {"managedFields",
             {{{"manager", "kubectl-client-side-apply"},
               {"operation", "Update"},
               {"time", format_instant(kEdge - hours(1))},
               {"fieldsV1", {{"f:spec", {{"f:replicas", json::object()}}}}}}}}}},
          {"spec", {{"replicas", replicas}}},
          {"status", {{"readyReplicas", replicas}, {"observedGeneration", 3}}}};
}
json cron_job(bool suspended) {
  json object = deployment(1);
  object["spec"] = {{"suspend", suspended}};
  object["metadata"].erase("managedFields");
  return object;
}
// Somebody sets the field.
json set_by(json object, const std::string& manager, Instant when,
            const std::string& operation = "Update") {
  object["metadata"]["managedFields"].push_back(
      {{"manager", manager},
       {"operation", operation},
       {"time", format_instant(when)},
       {"fieldsV1", {{"f:spec", {{"f:replicas", json::object()}}}}}});
  return object;
}
json marked(json object, const AsleepRecord& record, PlainKind kind = PlainKind::kDeployment) {
  object["metadata"]["annotations"][annotation::kAsleep] = write_asleep_record(kind, record);
  return object;
}
// What the API server makes of a step's patch.
json after(json object, const OffSwitchStep& step) {
  EXPECT_TRUE(step.patch.has_value());
  if (step.patch) object.merge_patch(*step.patch);
  return object;
}

PlainWorkload view(const json& object, PlainKind kind = PlainKind::kDeployment) {
  return must(PlainWorkload::from_json(kind, object));
}
OffHoursOrder asleep() {
  return {.policy = "nights", .asleep = true, .since = kEdge, .until = kNow + hours(10)};
}
OffHoursOrder awake() {
  return {.policy = "nights", .asleep = false, .since = kEdge, .until = kNow + hours(10)};
}
// Something of a lower order than any is not ready.
const plan::WakeTurn kOthersFirst{.order = -1, .waits_for = "StatefulSet db"};
OffSwitchStep step(const json& object, const OffHoursOrder& order, const plan::WakeTurn& turn = {},
                   Instant now = kNow) {
  return off_switch_step(view(object), order, {}, now, turn);
}
const AsleepRecord kThree{.replicas = 3, .since = kEdge + seconds(1), .policy = "nights"};

TEST(OffSwitchTest, what_is_to_be_restored_is_remembered_in_the_write_that_stops_it) {
  const OffSwitchStep done = step(deployment(3), asleep());
  EXPECT_EQ(done.state, OffSwitchState::kAsleep);
  EXPECT_EQ(done.reason, "PutToSleep");
  EXPECT_THAT(done.note, HasSubstr("from 3 replicas to 0"));
  const json slept = after(deployment(3), done);
  EXPECT_EQ(slept["spec"]["replicas"], 0);
  const AsleepRecord record = must(
      read_asleep_record(PlainKind::kDeployment,
                         slept["metadata"]["annotations"][annotation::kAsleep].get<std::string>()));
  EXPECT_EQ(record, (AsleepRecord{.replicas = 3, .since = kNow, .policy = "nights"}));
  EXPECT_FALSE(step(slept, asleep()).patch) << "asleep is asleep";
  const json woken = after(slept, step(slept, awake()));
  EXPECT_EQ(woken["spec"]["replicas"], 3);
  EXPECT_FALSE(woken["metadata"]["annotations"].contains(annotation::kAsleep));
  EXPECT_FALSE(step(woken, awake()).patch);
}

TEST(OffSwitchTest, a_cron_job_is_suspended_and_resumed) {
  const auto go = [](const json& object, const OffHoursOrder& order) {
    return off_switch_step(view(object, PlainKind::kCronJob), order, {}, kNow, {});
  };
  const json slept = after(cron_job(false), go(cron_job(false), asleep()));
  EXPECT_EQ(slept["spec"]["suspend"], true);
  EXPECT_EQ(after(slept, go(slept, awake()))["spec"]["suspend"], false);
  EXPECT_FALSE(go(cron_job(true), asleep()).patch) << "suspended by somebody else";
  EXPECT_FALSE(go(cron_job(true), awake()).patch) << "and stays so";
}

TEST(OffSwitchTest, what_was_off_before_stays_off) {
  EXPECT_FALSE(step(deployment(0), asleep()).patch);
  EXPECT_FALSE(step(deployment(0), awake()).patch);
}

TEST(OffSwitchTest, without_a_policy_nothing_is_touched_and_what_sleeps_is_woken) {
  EXPECT_FALSE(step(deployment(3), {}).patch);
  EXPECT_EQ(step(deployment(3), {}).state, OffSwitchState::kUnmanaged);
  const json slept = marked(deployment(0), kThree);
  EXPECT_EQ(after(slept, step(slept, {}))["spec"]["replicas"], 3);
}

TEST(OffSwitchTest, a_person_who_starts_it_while_it_sleeps_wins_until_the_next_edge) {
  const json by_hand = set_by(marked(deployment(2), kThree), "kubectl", kNow - minutes(1));
  const OffSwitchStep seen = step(by_hand, asleep());
  EXPECT_EQ(seen.state, OffSwitchState::kLeftAlone);
  EXPECT_FALSE(seen.patch);
  EXPECT_THAT(seen.note, HasSubstr("set to 2 replicas by kubectl"));
  // At dawn their number stays.
  const json woken = after(by_hand, step(by_hand, awake()));
  EXPECT_EQ(woken["spec"]["replicas"], 2);
  EXPECT_FALSE(woken["metadata"]["annotations"].contains(annotation::kAsleep));
  // In the next night it sleeps again, with what runs then as what is to be restored, even if
  // nobody was there at dawn.
  OffHoursOrder next = asleep();
  next.since = kNow + hours(20);
  const Instant night = next.since + minutes(1);
  const json again = after(by_hand, step(by_hand, next, {}, night));
  EXPECT_EQ(again["spec"]["replicas"], 0);
  EXPECT_EQ(after(again, step(again, awake(), {}, night))["spec"]["replicas"], 2);
}

TEST(OffSwitchTest, a_person_who_starts_what_was_off_wins_as_well) {
  const json by_hand = set_by(deployment(2), "kubectl", kNow - minutes(1));
  EXPECT_EQ(step(by_hand, asleep()).state, OffSwitchState::kLeftAlone);
  EXPECT_FALSE(step(by_hand, asleep()).patch);
  const json by_autoscaler = set_by(deployment(2), "kube-controller-manager", kNow - minutes(1));
  EXPECT_TRUE(step(by_autoscaler, asleep()).patch) << "an autoscaler is nobody's hand";
}

TEST(OffSwitchTest, an_original_is_never_overwritten_by_what_is_found_asleep) {
  const AsleepRecord old{.replicas = 3, .since = kEdge - hours(24), .policy = "nights"};
  const json slept = marked(deployment(0), old);
  EXPECT_FALSE(step(slept, asleep()).patch) << "it sleeps through, with its first original";
  EXPECT_EQ(after(slept, step(slept, awake()))["spec"]["replicas"], 3);
}

TEST(OffSwitchTest, a_new_object_has_its_grace) {
  json fresh = deployment(1);
  fresh["metadata"]["creationTimestamp"] = format_instant(kNow - minutes(10));
  fresh = set_by(fresh, "kubectl-create", kNow - minutes(10));
  const OffSwitchStep seen = step(fresh, asleep());
  EXPECT_EQ(seen.state, OffSwitchState::kNew);
  EXPECT_FALSE(seen.patch);
  EXPECT_EQ(seen.look_again, kNow + minutes(5));
  EXPECT_TRUE(step(fresh, asleep(), {}, kNow + minutes(5)).patch);
}

TEST(OffSwitchTest, a_machine_is_contradicted_a_few_times_and_then_named) {
  json object = marked(deployment(0), kThree);
  Instant now = kNow;
  for (int i = 0; i < OffSwitchLimits().max_reversions; ++i) {
    object["spec"]["replicas"] = 3;
    object = set_by(object, "argocd-controller", now);
    const OffSwitchStep early = step(object, asleep(), {}, now);
    EXPECT_FALSE(early.patch) << "not at once";
    EXPECT_EQ(early.look_again, now + seconds(10) * (1 << i)) << "and later each time";
    now = *early.look_again;
    object = after(object, step(object, asleep(), {}, now));
    EXPECT_EQ(object["spec"]["replicas"], 0);
  }
  object["spec"]["replicas"] = 3;
  object = set_by(object, "argocd-controller", now);
  const OffSwitchStep contested = step(object, asleep(), {}, now + hours(1));
  EXPECT_EQ(contested.state, OffSwitchState::kContested);
  EXPECT_FALSE(contested.patch);
  EXPECT_TRUE(contested.warning);
  EXPECT_THAT(contested.note, HasSubstr("by argocd-controller 4 times"));
  EXPECT_THAT(contested.note, HasSubstr("ignoreDifferences: [{group: apps, kind: Deployment, "
                                        "jsonPointers: [/spec/replicas]}]"));
  EXPECT_EQ(after(object, step(object, awake(), {}, now))["spec"]["replicas"], 3);
}

TEST(OffSwitchTest, keda_is_not_contradicted_at_all) {
  const json object = set_by(marked(deployment(1), kThree), "keda", kNow - hours(1));
  const OffSwitchStep seen = step(object, asleep());
  EXPECT_EQ(seen.state, OffSwitchState::kContested);
  EXPECT_FALSE(seen.patch);
  EXPECT_THAT(seen.note, HasSubstr("paused-replicas"));
}

TEST(OffSwitchTest, a_server_side_apply_is_a_machines_unless_kubectl_makes_it) {
  const auto owner = [](const char* manager, bool applies) {
    return FieldOwner{.manager = kube::Interned(manager), .applies = applies};
  };
  EXPECT_TRUE(is_machine(owner("somebodys-tool", true)));
  EXPECT_FALSE(is_machine(owner("kubectl", true)));
  EXPECT_FALSE(is_machine(owner("k9s", false)));
  EXPECT_TRUE(is_machine(owner("kustomize-controller", false)));
  EXPECT_FALSE(is_machine(owner("", false)));
}

TEST(OffSwitchTest, a_damaged_record_is_said_and_nothing_is_guessed) {
  json object = deployment(0);
  object["metadata"]["annotations"][annotation::kAsleep] = "three";
  for (const auto& order : {asleep(), awake()}) {
    const OffSwitchStep seen = step(object, order);
    EXPECT_EQ(seen.state, OffSwitchState::kUnreadable);
    EXPECT_FALSE(seen.patch);
    EXPECT_THAT(seen.note, HasSubstr("set spec.replicas as it is to be"));
  }
  for (const char* text :
       {R"({"replicas":"3"})", R"({"replicas":-1,"since":"2026-11-21T12:00:00Z"})",
        R"({"replicas":3})", R"({"replicas":3,"since":"yesterday"})", "[]", ""})
    EXPECT_FALSE(read_asleep_record(PlainKind::kDeployment, text)) << text;
}

TEST(OffSwitchTest, what_has_a_controller_or_asks_for_it_is_not_switched) {
  json owned = deployment(3);
  owned["metadata"]["ownerReferences"] = {
      {{"kind", "App"}, {"name", "a"}, {"uid", "o"}, {"controller", true}}};
  EXPECT_FALSE(switchable(view(owned)));
  json excluded = deployment(3);
  excluded["metadata"]["annotations"][annotation::kNeverSleep] = "true";
  EXPECT_FALSE(switchable(view(excluded)));
  EXPECT_TRUE(switchable(view(deployment(3))));
}

TEST(OffSwitchTest, the_latest_owner_of_the_field_counts) {
  const json object = set_by(set_by(deployment(1), "kubectl", kNow), "older", kNow - hours(9));
  EXPECT_EQ(view(object).set_by.manager, "kubectl");
  EXPECT_EQ(view(object).set_by.at, kNow);
}

TEST(OffSwitchTest, who_waits_for_a_turn_says_for_whom_and_who_went_on_without_whom) {
  const json slept = marked(deployment(0), kThree);
  EXPECT_THAT(step(slept, awake(), kOthersFirst).note, HasSubstr("waits for StatefulSet db"));
  const plan::WakeTurn gave_up{
      .waits_for = {}, .without = plan::NotReady{.wake_order = -10, .name = "InferencePool llm"}};
  EXPECT_THAT(step(slept, awake(), gave_up).note,
              HasSubstr("goes back to 3 replicas without InferencePool llm, which took too long"));
  const plan::WakeTurn of_its_own{
      .waits_for = {}, .without = plan::NotReady{.wake_order = 0, .name = "Deployment a"}};
  EXPECT_THAT(step(slept, awake(), of_its_own).note, ::testing::EndsWith("3 replicas"));
}

class WakeTurnsTest : public ::testing::Test {
 protected:
  plan::WakeTurn turn(const std::vector<plan::NotReady>& not_ready, Instant now = kNow) {
    const auto turns = turns_.next({{Namespace("a"), not_ready}}, {}, now);
    const auto found = turns.find(Namespace("a"));
    return found == turns.end() ? plan::WakeTurn{} : found->second;
  }
  WakeTurns turns_;
};
constexpr std::int32_t kEverybody = std::numeric_limits<std::int32_t>::max();
const plan::NotReady kStore{.wake_order = -10, .name = "StatefulSet db"};
const plan::NotReady kModel{.wake_order = 0, .name = "InferencePool llm"};
const plan::NotReady kWeb{.wake_order = 5, .name = "Deployment web"};

TEST_F(WakeTurnsTest, lower_orders_are_up_before_higher_ones_begin) {
  EXPECT_EQ(turn({kWeb, kModel, kStore}).order, -10);
  EXPECT_EQ(turn({kWeb, kModel, kStore}).waits_for, "StatefulSet db");
  EXPECT_EQ(turn({kWeb, kModel}).order, 0);
  EXPECT_EQ(turn({kWeb}).order, 5);
  EXPECT_EQ(turn({}).order, kEverybody);
  EXPECT_FALSE(turns_.any());
}

TEST_F(WakeTurnsTest, what_never_becomes_ready_holds_the_others_up_for_a_while_only) {
  EXPECT_EQ(turn({kModel, kWeb}).order, 0);
  EXPECT_EQ(turns_.look_again(kNow), kNow + minutes(5));
  EXPECT_EQ(turn({kModel, kWeb}, kNow + minutes(4)).order, 0);
  const plan::WakeTurn next = turn({kModel, kWeb}, kNow + minutes(5));
  EXPECT_EQ(next.order, 5);
  EXPECT_EQ(next.without, kModel);
  EXPECT_EQ(turn({kModel, kWeb}, kNow + minutes(6)).order, 5) << "until it is written";
  turns_.next({}, {}, kNow + minutes(7));
  EXPECT_EQ(turn({kModel, kWeb}, kNow + hours(24)).order, 0) << "another morning, another wait";
}

TEST_F(WakeTurnsTest, each_order_has_its_own_time_however_often_a_lower_one_comes_and_goes) {
  EXPECT_EQ(turn({kStore, kModel, kWeb}).order, -10);
  EXPECT_EQ(turn({kModel, kWeb}, kNow + minutes(1)).order, 0);
  EXPECT_EQ(turn({kStore, kModel, kWeb}, kNow + minutes(2)).order, -10) << "it is not ready again";
  EXPECT_EQ(turn({kStore, kModel, kWeb}, kNow + minutes(5)).order, 0);
  EXPECT_EQ(turn({kModel, kWeb}, kNow + minutes(6)).order, 5);
}

TEST_F(WakeTurnsTest, what_was_ready_meanwhile_is_waited_for_another_time) {
  EXPECT_EQ(turn({kStore, kModel}).order, -10);
  EXPECT_EQ(turn({kModel}, kNow + minutes(6)).order, 0) << "it is up, and the model is not";
  EXPECT_EQ(turn({kModel, kWeb}, kNow + hours(12)).without, kModel);
  EXPECT_EQ(turn({kStore, kModel, kWeb}, kNow + hours(24)).order, -10);
}

TEST_F(WakeTurnsTest, of_many_the_first_by_name_is_named) {
  const plan::NotReady cache{.wake_order = -10, .name = "Deployment cache"};
  EXPECT_EQ(turn({kStore, cache, kModel}).waits_for, cache.name);
  EXPECT_EQ(turn({cache, kStore, kModel}).waits_for, cache.name);
  EXPECT_EQ(turn({kStore, kModel}).waits_for, kStore.name);
}

TEST_F(WakeTurnsTest, namespaces_wake_each_by_itself) {
  const plan::WakeTurnIn turns =
      turns_.next({{Namespace("a"), {kStore}}, {Namespace("b"), {kWeb}}}, {}, kNow);
  EXPECT_EQ(turns.at(Namespace("a")).order, -10);
  EXPECT_EQ(turns.at(Namespace("b")).order, 5);
  EXPECT_FALSE(turns_.any_in(Namespace("c")));
}

TEST_F(WakeTurnsTest, order_is_an_integer_and_anything_else_is_none) {
  const auto order = [](const char* text) {
    json object = deployment(1);
    object["metadata"]["annotations"][annotation::kWakeOrder] = text;
    return wake_order(view(object));
  };
  EXPECT_EQ(order("-3"), -3);
  EXPECT_EQ(order("12"), 12);
  EXPECT_EQ(order("first"), 0);
  EXPECT_EQ(order("1x"), 0);
  EXPECT_EQ(wake_order(view(deployment(1))), 0);
}

TEST_F(WakeTurnsTest, an_order_that_is_no_integer_is_told_with_what_to_write) {
  EXPECT_EQ(read_wake_order("first").problem,
            "annotation spillway.dev/wake-order: 'first' is taken for 0: write an integer, for "
            "example \"-10\"");
  EXPECT_EQ(read_wake_order("99999999999").value, 0);
  EXPECT_FALSE(read_wake_order("99999999999").problem.empty());
  EXPECT_EQ(read_wake_order("-10").problem, "");
  EXPECT_EQ(read_wake_order("").problem, "");
}

}  // namespace
}  // namespace spillway::control
