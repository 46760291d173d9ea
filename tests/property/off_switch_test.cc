// The off switch in a closed loop with an API server of one object, people, machines and crashes in
// any order: nothing that somebody set is ever lost, and whatever happened it ends in peace. And
// whose turn it is to wake: lower orders first, and nobody waits for ever.

#include <spillway/control/off_switch.h>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>
#include <nlohmann/json.hpp>

namespace spillway::control {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

const Instant kStart = *parse_instant("2026-11-21T12:00:00Z");

enum class Deed { kLook, kEdge, kPerson, kMachine, kPolicyGoes, kPolicyComes };

// One Deployment, and what its users last meant it to be.
struct Stage {
  Instant now = kStart;
  Instant edge = kStart - minutes(60);
  bool asleep = false;
  bool policy = true;
  std::int32_t meant = 0;
  int writes = 0;
  json object;

  explicit Stage(std::int32_t replicas) : meant(replicas) {
    object = {{"metadata",
               {{"name", "web"},
                {"namespace", "a"},
                {"uid", "u"},
                {"resourceVersion", "1"},
                {"creationTimestamp", format_instant(kStart - minutes(6000))}}},
              {"spec", {{"replicas", replicas}}}};
  }
  void set(std::int32_t replicas, const std::string& manager) {
    if (object["spec"]["replicas"] == replicas) return;
    object["spec"]["replicas"] = replicas;
    object["metadata"]["managedFields"] = {
        {{"manager", manager},
         {"operation", "Update"},
         {"time", format_instant(now)},
         {"fieldsV1", {{"f:spec", {{"f:replicas", json::object()}}}}}}};
  }
  OffSwitchStep look() {
    const PlainWorkload seen = *PlainWorkload::from_json(PlainKind::kDeployment, object);
    OffHoursOrder order{.policy = policy ? "nights" : "", .asleep = asleep, .since = edge};
    return off_switch_step(seen, order, {}, now, {});
  }
  void act() {
    const OffSwitchStep step = look();
    if (!step.patch) return;
    ++writes;
    const std::int32_t before = object["spec"]["replicas"];
    json changed = object;
    changed.merge_patch(*step.patch);
    const std::int32_t value = changed["spec"]["replicas"];
    if (value != before) set(value, "spillway");
    object["metadata"]["annotations"] = changed["metadata"].value("annotations", json::object());
  }
  // Looks until nothing is left to do or to wait for. The number of writes it took.
  int settle() {
    const int before = writes;
    for (int i = 0; i < 50; ++i) {
      const OffSwitchStep step = look();
      if (step.look_again) now = std::max(now, *step.look_again);
      if (!step.patch && !step.look_again) return writes - before;
      act();
    }
    return 1000;
  }
};

RC_GTEST_PROP(OffSwitchProperty, whatever_happens_nobodys_number_is_lost, ()) {
  const auto replicas = *rc::gen::inRange<std::int32_t>(1, 5);
  Stage stage(replicas);
  const auto deeds = *rc::gen::container<std::vector<Deed>>(
      rc::gen::element(Deed::kLook, Deed::kLook, Deed::kEdge, Deed::kPerson, Deed::kMachine,
                       Deed::kPolicyGoes, Deed::kPolicyComes));
  for (const Deed deed : deeds) {
    stage.now += seconds(*rc::gen::inRange(61, 4000));
    switch (deed) {
      case Deed::kLook: stage.act(); break;
      case Deed::kEdge:
        stage.asleep = !stage.asleep;
        stage.edge = stage.now;
        break;
      case Deed::kPerson:
        stage.meant = *rc::gen::inRange<std::int32_t>(1, 5);
        stage.set(stage.meant, "kubectl");
        break;
      case Deed::kMachine:  // has the number from where people keep it, and change it
        if (*rc::gen::arbitrary<bool>()) stage.meant = *rc::gen::inRange<std::int32_t>(1, 5);
        stage.set(stage.meant, "argocd-controller");
        break;
      case Deed::kPolicyGoes: stage.policy = false; break;
      case Deed::kPolicyComes:
        stage.policy = true;
        stage.edge = stage.now;
        break;
    }
  }
  RC_ASSERT(stage.settle() <= 4);
  const std::int32_t value = stage.object["spec"]["replicas"];
  RC_ASSERT(value == stage.meant || value == 0);
  stage.asleep = false;
  RC_ASSERT(stage.settle() <= 1);
  RC_ASSERT(stage.object["spec"]["replicas"] == stage.meant);
  RC_ASSERT(
      !stage.object["metadata"].value("annotations", json::object()).contains(annotation::kAsleep));
}

RC_GTEST_PROP(OffSwitchProperty, a_night_without_anybody_is_two_writes, ()) {
  Stage stage(*rc::gen::inRange<std::int32_t>(1, 5));
  const auto looks = *rc::gen::inRange(1, 20);
  stage.asleep = true;
  stage.edge = stage.now;
  for (int i = 0; i < looks; ++i) {
    stage.now += minutes(7);
    stage.act();
    RC_ASSERT(stage.object["spec"]["replicas"] == 0);
  }
  stage.asleep = false;
  stage.edge = stage.now;
  for (int i = 0; i < looks; ++i)
    stage.act();
  RC_ASSERT(stage.writes == 2);
  RC_ASSERT(stage.object["spec"]["replicas"] == stage.meant);
}

// ---- one order for services and plain workloads

// Somebody who is to be awake.
struct Sleeper {
  std::int32_t order = 0;
  std::optional<int> minutes_to_start;  // nullopt: it never becomes ready
  std::optional<Instant> begun;
  [[nodiscard]] bool ready(Instant now) const {
    return begun && minutes_to_start && now >= *begun + minutes(*minutes_to_start);
  }
};

std::vector<Sleeper> sleepers() {
  const auto some = *rc::gen::inRange(1, 12);
  std::vector<Sleeper> all;
  for (int i = 0; i < some; ++i) {
    Sleeper& each = all.emplace_back();
    each.order = *rc::gen::inRange<std::int32_t>(-2, 3);
    if (*rc::gen::inRange(0, 4) > 0) each.minutes_to_start = *rc::gen::inRange(0, 9);
    if (*rc::gen::inRange(0, 4) == 0) each.begun = kStart;  // never slept
  }
  return all;
}

plan::WakeTurn turn_of(WakeTurns& turns, const std::vector<Sleeper>& all, Instant now) {
  const Namespace here("a");
  plan::NotReadyIn not_ready;
  for (const Sleeper& each : all) {
    if (!each.ready(now)) not_ready[here].push_back({.wake_order = each.order, .name = "somebody"});
  }
  const plan::WakeTurnIn known = turns.next(not_ready, {}, now);
  const auto found = known.find(here);
  return found == known.end() ? plan::WakeTurn{} : found->second;
}

// Before `each` begins: whoever is lower is ready, or has had its time.
void expect_in_its_turn(const std::vector<Sleeper>& all, const Sleeper& each, Instant now) {
  for (const Sleeper& other : all) {
    if (other.order >= each.order) continue;
    RC_ASSERT(other.begun.has_value());
    RC_ASSERT(other.ready(now) || now >= *other.begun + OffSwitchLimits().wake_patience);
  }
}

RC_GTEST_PROP(WakeTurnsProperty, all_begin_in_their_order_and_in_the_end_whoever_is_away, ()) {
  std::vector<Sleeper> all = sleepers();
  const int restarted = *rc::gen::inRange(0, 40);  // in this minute the operator forgets
  WakeTurns turns;
  // Five orders, each with its time, and once more after it has forgotten.
  const int end = 5 * 5 + restarted + 1;
  for (int minute = 0; minute <= end; ++minute) {
    const Instant now = kStart + minutes(minute);
    if (minute == restarted) turns = {};
    const plan::WakeTurn turn = turn_of(turns, all, now);
    for (Sleeper& each : all) {
      if (each.begun || each.order > turn.order) continue;
      expect_in_its_turn(all, each, now);
      each.begun = now;
    }
  }
  for (const Sleeper& each : all)
    RC_ASSERT(each.begun.has_value());
}

}  // namespace
}  // namespace spillway::control
