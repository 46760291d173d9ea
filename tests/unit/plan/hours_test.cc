#include <spillway/plan/hours.h>

#include <gtest/gtest.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

Instant at(std::string_view text) {
  return *parse_instant(text);
}
// A Monday in office hours, and the night after it.
const Instant kNoon = at("2026-01-05T12:00:00Z");
const Instant kNight = at("2026-01-05T22:00:00Z");

Schedule office(const char* from = "08:00", const char* to = "18:00",
                std::vector<Holiday> holidays = {}, std::optional<Instant> except_until = {}) {
  return *Schedule::make({.time_zone = TimeZoneName("UTC"),
                          .awake = {{.days = {*parse_weekdays("Mon-Fri")},
                                     .from = *parse_time_of_day(from),
                                     .to = *parse_time_of_day(to)}},
                          .holidays = std::move(holidays),
                          .except_until = except_until});
}

HoursPolicy policy(const char* name, Schedule schedule) {
  return {.name = ObjectName(name),
          .selector = {.environments = {"dev"}},
          .enforced = true,
          .schedule = std::move(schedule)};
}

const Namespace kTeam("team-a");

AwakeRules rules(std::vector<HoursPolicy> policies, Annotations of_namespace = {}) {
  return {std::move(policies),
          {{kTeam, {.labels = {{"tier", "lab"}}, .annotations = std::move(of_namespace)}}}};
}

struct Asked {
  Annotations annotations;
  std::optional<Schedule> schedule;
};

AwakeState state(const AwakeRules& rules, Instant now, const Asked& asked = {},
                 SubjectKind kind = SubjectKind::kInferencePool) {
  return rules.state({.kind = kind,
                      .ns = kTeam,
                      .environment = "dev",
                      .annotations = &asked.annotations,
                      .schedule = asked.schedule ? &*asked.schedule : nullptr},
                     now);
}

TEST(AwakeRules, nobody_says_anything_so_all_is_awake) {
  const AwakeState free = state(rules({}), kNight);
  EXPECT_TRUE(free.awake);
  EXPECT_FALSE(free.managed);
}

TEST(AwakeRules, a_policy_puts_to_sleep_and_says_when_it_wakes) {
  const AwakeState night = state(rules({policy("nights", office())}), kNight);
  EXPECT_FALSE(night.awake);
  EXPECT_EQ(night.reason, "policy nights: outside of its hours");
  EXPECT_EQ(night.next, at("2026-01-06T08:00:00Z"));
  EXPECT_EQ(night.since, at("2026-01-05T18:00:00Z"));
  EXPECT_TRUE(state(rules({policy("nights", office())}), kNoon).awake);
}

TEST(AwakeRules, a_policy_is_about_its_environments_and_namespaces_only) {
  HoursPolicy other = policy("nights", office());
  other.selector.environments = {"staging"};
  EXPECT_FALSE(state(rules({other}), kNight).managed);
  other.selector = {.namespaces = api::LabelSelector{.match_labels = {{"tier", "lab"}}}};
  EXPECT_FALSE(state(rules({other}), kNight).awake);
  other.selector.namespaces->match_expressions = {
      {.key = "tier", .op = api::LabelSelectorOperator::kNotIn, .values = {"lab"}}};
  EXPECT_FALSE(state(rules({other}), kNight).managed);
}

TEST(AwakeRules, an_audited_policy_puts_nothing_to_sleep) {
  HoursPolicy audited = policy("nights", office());
  audited.enforced = false;
  EXPECT_TRUE(state(rules({audited}), kNight).awake);
}

TEST(AwakeRules, plain_kinds_sleep_only_when_they_are_listed) {
  HoursPolicy some = policy("nights", office());
  some.workloads = {api::PlainWorkloadKind::kDeployment};
  EXPECT_FALSE(state(rules({some}), kNight, {}, SubjectKind::kDeployment).awake);
  EXPECT_TRUE(state(rules({some}), kNight, {}, SubjectKind::kCronJob).awake);
}

TEST(AwakeRules, when_policies_disagree_awake_wins) {
  const AwakeRules two =
      rules({policy("early", office("06:00", "14:00")), policy("late", office("12:00", "22:00"))});
  const AwakeState evening = state(two, at("2026-01-05T20:00:00Z"));
  EXPECT_TRUE(evening.awake);
  EXPECT_EQ(evening.reason,
            "policy late: within its hours; it goes before policy early, by which it would sleep");
  EXPECT_EQ(evening.next, at("2026-01-05T22:00:00Z"));
  EXPECT_EQ(state(two, at("2026-01-05T13:00:00Z")).next, at("2026-01-05T22:00:00Z"));
}

TEST(AwakeRules, the_schedule_of_the_object_goes_before_policies) {
  const AwakeRules strict = rules({policy("nights", office())});
  const Asked own{.schedule = office("20:00", "23:00")};
  EXPECT_TRUE(state(strict, kNight, own).awake);
  EXPECT_FALSE(state(strict, kNoon, own).awake);
  EXPECT_EQ(state(strict, kNight, own).reason, "its own schedule: within its hours");
}

TEST(AwakeRules, a_schedule_that_makes_no_sense_keeps_the_object_awake_and_says_why) {
  const std::string problem = "awake[0] and awake[1] overlap on Fri 10:00-16:00";
  const AwakeRules nights = rules({policy("nights", office())});
  HoursSubject subject{.ns = kTeam, .environment = "dev", .schedule_problem = &problem};
  const AwakeState kept = nights.state(subject, kNight);
  EXPECT_TRUE(kept.awake) << "although the policy would put it to sleep";
  EXPECT_TRUE(kept.managed);
  EXPECT_EQ(kept.problem, "spec.schedule: " + problem);
  EXPECT_NE(kept.reason.find("its own schedule makes no sense"), std::string::npos);
  EXPECT_FALSE(kept.next);
  const Annotations asked{{"spillway.dev/sleep-until", "2026-01-06T07:00:00Z"}};
  subject.annotations = &asked;
  EXPECT_FALSE(nights.state(subject, kNight).awake) << "what a person asks for can be read";
}

TEST(AwakeRules, holidays_of_policies_go_before_the_windows_of_the_object) {
  const Holiday day_off{.date = *parse_date("2026-01-05")};
  const Asked own{.schedule = office("20:00", "23:00")};
  const AwakeRules strict = rules({policy("nights", office("08:00", "18:00", {day_off}))});
  EXPECT_FALSE(state(strict, kNight, own).awake);
  EXPECT_EQ(state(strict, kNight, own).reason, "policy nights: a holiday");
  EXPECT_EQ(state(strict, kNight, own).next, at("2026-01-06T20:00:00Z"));
  // Its own entry for the day goes before that of the policy.
  const Asked works{.schedule = office("20:00", "23:00", {{day_off.date, true}})};
  EXPECT_TRUE(state(strict, kNight, works).awake);
}

TEST(AwakeRules, what_a_person_asks_for_goes_before_everything_and_ends) {
  const Holiday day_off{.date = *parse_date("2026-01-05")};
  const AwakeRules strict = rules({policy("nights", office("08:00", "18:00", {day_off}))});
  const Asked wake{.annotations = {{"spillway.dev/wake-until", "2026-01-05T23:00:00Z"},
                                   {"spillway.dev/override-by", "ada"}}};
  const AwakeState woken = state(strict, kNight, wake);
  EXPECT_TRUE(woken.awake);
  EXPECT_EQ(woken.reason, "kept awake until 2026-01-05T23:00:00Z at the request of ada");
  EXPECT_EQ(woken.next, at("2026-01-05T23:00:00Z"));
  EXPECT_FALSE(state(strict, at("2026-01-05T23:00:00Z"), wake).awake);
  EXPECT_EQ(state(strict, at("2026-01-05T23:30:00Z"), wake).since, at("2026-01-05T23:00:00Z"));
}

TEST(AwakeRules, a_request_to_sleep_needs_no_policy) {
  const Asked sleep{.annotations = {{"spillway.dev/sleep-until", "2026-01-05T14:00:00Z"}}};
  EXPECT_FALSE(state(rules({}), kNoon, sleep).awake);
  EXPECT_EQ(state(rules({}), kNoon, sleep).next, at("2026-01-05T14:00:00Z"));
  EXPECT_EQ(state(rules({}), kNoon, sleep).training, api::TrainingOffHours::kSuspend);
}

TEST(AwakeRules, of_two_requests_on_one_object_wake_wins_and_the_object_goes_before_its_namespace) {
  const Asked both{.annotations = {{"spillway.dev/sleep-until", "2026-01-05T14:00:00Z"},
                                   {"spillway.dev/wake-until", "2026-01-05T13:00:00Z"}}};
  EXPECT_TRUE(state(rules({}), kNoon, both).awake);
  const AwakeRules namespace_wakes =
      rules({}, {{"spillway.dev/wake-until", "2026-01-05T23:00:00Z"}});
  const Asked sleep{.annotations = {{"spillway.dev/sleep-until", "2026-01-05T14:00:00Z"}}};
  EXPECT_FALSE(state(namespace_wakes, kNoon, sleep).awake);
  EXPECT_NE(state(namespace_wakes, kNight).reason.find("for all of its Namespace"),
            std::string::npos);
}

TEST(AwakeRules, a_request_that_cannot_be_read_errs_towards_awake_and_says_so) {
  const AwakeRules strict = rules({policy("nights", office())});
  const Asked wake{.annotations = {{"spillway.dev/wake-until", "tomorrow"}}};
  EXPECT_TRUE(state(strict, kNight, wake).awake);
  EXPECT_NE(state(strict, kNight, wake).problem.find("spillway.dev/wake-until: 'tomorrow' is not"),
            std::string::npos);
  const Asked sleep{.annotations = {{"spillway.dev/sleep-until", "never"}}};
  EXPECT_TRUE(state(strict, kNoon, sleep).awake);
  EXPECT_NE(state(strict, kNoon, sleep).problem, "");
}

TEST(AwakeRules, the_mildest_of_the_policies_decides_about_training) {
  HoursPolicy hard = policy("hard", office());
  hard.training = api::TrainingOffHours::kSuspend;
  HoursPolicy mild = policy("mild", office());
  mild.training = api::TrainingOffHours::kFinish;
  const auto training = SubjectKind::kTrainingJob;
  EXPECT_EQ(state(rules({hard, mild}), kNight, {}, training).training,
            api::TrainingOffHours::kFinish);
  mild.training = api::TrainingOffHours::kIgnore;
  EXPECT_EQ(state(rules({hard, mild}), kNight, {}, training).training,
            api::TrainingOffHours::kSuspend);
}

// ---- in a plan

class PlanAtNight : public testing::Test {
 protected:
  PlanAtNight() {
    world.reserved("own", {.nodes = 4});
    world.now = kNight;
    HoursPolicy nights = policy("nights", office());
    nights.selector = {.namespaces = api::LabelSelector{}};
    nights.training = api::TrainingOffHours::kSuspend;
    policies = {nights};
  }
  Planned plan() {
    world.snapshot.hours = AwakeRules(policies, {});
    return world.plan();
  }
  World world;
  std::vector<HoursPolicy> policies;
};

TEST_F(PlanAtNight, a_sleeping_service_has_no_replicas_and_the_plan_wakes_itself) {
  world.service("chat", {.replicas = 4});
  const Planned night = plan();
  EXPECT_EQ(night.shares_of("chat"), "");
  EXPECT_EQ(night.service("chat").cause, Cause::kAsleep);
  EXPECT_EQ(night.service("chat").unplaced, 0);
  EXPECT_EQ(night.why_service("chat"),
            "asleep until 2026-01-06T08:00:00Z: policy nights: outside of its hours");
  EXPECT_EQ(night.plan().wake_at, at("2026-01-06T08:00:00Z"));
  world.now = at("2026-01-06T08:00:00Z");
  EXPECT_EQ(plan().shares_of("chat"), "own:4");
}

TEST_F(PlanAtNight, a_job_that_is_to_be_suspended_leaves_and_comes_back_in_the_morning) {
  world.job("train", {});
  world.runs("train", "own");
  const Planned night = plan();
  EXPECT_EQ(night.job("train").verdict, TrainingVerdict::kRelease);
  EXPECT_EQ(night.job("train").cause, Cause::kAsleep);
  apply(world.job_named("train"), night.job("train"), world.now);
  EXPECT_EQ(plan().job("train").verdict, TrainingVerdict::kWait);
  world.now = at("2026-01-06T08:00:00Z");
  world.job_named("train").earlier_attempt_ending = false;
  EXPECT_EQ(plan().pool_of("train"), "own");
}

TEST_F(PlanAtNight, with_hold_starts_what_runs_goes_on_and_nothing_begins) {
  policies[0].training = api::TrainingOffHours::kHoldStarts;
  world.job("runs", {});
  world.runs("runs", "own");
  world.job("waits", {});
  world.job("lost", {});
  world.runs("lost", "own");
  world.job_named("lost").state = AttemptState::kLost;
  const Planned night = plan();
  EXPECT_EQ(night.job("runs").verdict, TrainingVerdict::kKeep);
  EXPECT_EQ(night.job("waits").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(night.job("waits").cause, Cause::kAsleep);
  EXPECT_EQ(night.job("lost").verdict, TrainingVerdict::kRelease);
}

TEST_F(PlanAtNight, with_finish_a_job_that_has_begun_is_placed_again) {
  policies[0].training = api::TrainingOffHours::kFinish;
  world.job("waits", {});
  world.job("lost", {});
  world.runs("lost", "own");
  world.job_named("lost").state = AttemptState::kLost;
  const Planned night = plan();
  EXPECT_EQ(night.job("waits").verdict, TrainingVerdict::kWait);
  EXPECT_EQ(night.job("lost").verdict, TrainingVerdict::kPlace);
}

TEST_F(PlanAtNight, the_room_of_what_sleeps_is_free_for_others) {
  world.service("chat", {.replicas = 32});
  policies[0].selector = {.environments = {"dev"}};
  world.snapshot.inference.front().own_hours = OwnHours{.environment = "dev"};
  world.job("train", {.replicas = 4});
  EXPECT_EQ(plan().pool_of("train"), "own");
}

TEST_F(PlanAtNight, services_wake_in_their_order_or_when_patience_ends) {
  world.service("store", {.replicas = 1});
  world.service("server", {.replicas = 1});
  for (InferenceWorkload& each : world.snapshot.inference)
    each.own_hours = OwnHours{.wake_order = each.key.name.str() == "server" ? 5 : 0};
  world.now = at("2026-01-06T08:00:00Z");
  EXPECT_EQ(plan().shares_of("store"), "own:1");
  EXPECT_EQ(plan().shares_of("server"), "");
  EXPECT_EQ(plan().plan().wake_at, at("2026-01-06T08:05:00Z"));
  world.now = at("2026-01-06T08:05:00Z");
  EXPECT_EQ(plan().shares_of("server"), "own:1");
}

TEST_F(PlanAtNight, a_service_without_an_order_waits_for_those_of_a_negative_one) {
  world.service("store", {.replicas = 1});
  world.service("server", {.replicas = 1});
  world.snapshot.inference.front().own_hours = OwnHours{.wake_order = -10};
  world.now = at("2026-01-06T08:00:00Z");
  EXPECT_EQ(plan().shares_of("server"), "");
}

// Where plain workloads wake in the same order.
class PlanInTheMorning : public PlanAtNight {
 protected:
  PlanInTheMorning() {
    world.service("server", {.replicas = 1});
    world.snapshot.inference.front().slept = true;
    // The operator was away at the edge.
    world.now = at("2026-01-06T08:30:00Z");
  }
  WakeTurn& turn() { return world.snapshot.turns[world.snapshot.inference.front().key.ns]; }
  std::string said() { return plan().plan().inference.front().hours->reason; }
  const WakeTurn store_first_{
      .order = -10, .waits_for = "StatefulSet db", .until = at("2026-01-06T08:35:00Z")};
};

TEST_F(PlanInTheMorning, a_service_waits_for_its_turn_and_says_for_whom) {
  turn() = store_first_;
  EXPECT_EQ(plan().shares_of("server"), "") << "no annotation is the order 0";
  EXPECT_EQ(plan().plan().wake_at, store_first_.until);
  EXPECT_EQ(said(), "policy nights: within its hours; waits for StatefulSet db");
  turn() = {.order = 0, .waits_for = "InferencePool server"};
  EXPECT_EQ(plan().shares_of("server"), "own:1");
  EXPECT_EQ(said(), "policy nights: within its hours");
  world.snapshot.turns = {{Namespace("elsewhere"), store_first_}};
  EXPECT_EQ(plan().shares_of("server"), "own:1");
}

TEST_F(PlanInTheMorning, a_service_that_goes_on_without_somebody_says_so) {
  turn() = {.order = 0, .without = NotReady{.wake_order = -10, .name = "StatefulSet db"}};
  EXPECT_EQ(plan().shares_of("server"), "own:1");
  EXPECT_EQ(said(),
            "policy nights: within its hours; goes on without StatefulSet db, which took too long "
            "to be ready");
}

TEST_F(PlanInTheMorning, a_service_that_has_begun_goes_on_whoever_is_not_ready) {
  world.serves("server", "own", 1);
  world.snapshot.inference.front().allocations.front().ready = 0;
  turn() = store_first_;
  EXPECT_EQ(plan().shares_of("server"), "own:1");
}

TEST_F(PlanInTheMorning, a_service_that_was_up_and_lost_all_its_replicas_waits_for_nobody) {
  world.snapshot.inference.front().slept = false;
  turn() = store_first_;
  EXPECT_EQ(plan().shares_of("server"), "own:1");
}

TEST_F(PlanInTheMorning, a_service_that_nothing_puts_to_sleep_any_more_is_woken_in_its_turn) {
  policies.clear();
  turn() = store_first_;
  EXPECT_EQ(plan().shares_of("server"), "");
  EXPECT_EQ(said(), "without any hours; waits for StatefulSet db");
  turn() = {.order = 0};
  EXPECT_EQ(plan().shares_of("server"), "own:1");
  EXPECT_FALSE(plan().plan().inference.front().hours);
}

TEST_F(PlanInTheMorning, who_sleeps_still_is_told_from_who_has_begun) {
  const auto waking = [this] { return services_waking(world.snapshot, world.now); };
  const std::set<Namespace> here = {world.snapshot.inference.front().key.ns};
  plan();  // gives the snapshot its hours
  EXPECT_EQ(waking().to_begin, here);
  EXPECT_TRUE(waking().begun.empty());
  world.serves("server", "own", 1);
  world.snapshot.inference.front().allocations.front().ready = 0;
  EXPECT_TRUE(waking().to_begin.empty());
  EXPECT_EQ(waking().begun, here);
  world.snapshot.inference.front().allocations.front().ready = 1;
  EXPECT_TRUE(waking().begun.empty());
  world.snapshot.inference.front().allocations.clear();
  world.now = at("2026-01-06T04:00:00Z");
  EXPECT_TRUE(waking().to_begin.empty()) << "at night";
}

TEST_F(PlanInTheMorning, what_a_service_waits_for_is_in_its_reason) {
  turn() = store_first_;
  const Planned morning = plan();
  EXPECT_EQ(explain(world.snapshot, morning.plan().inference.front(), world.now),
            "asleep: policy nights: within its hours; waits for StatefulSet db");
}

}  // namespace
}  // namespace spillway::plan::test
