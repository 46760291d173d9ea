// The off switch in a closed loop with an API server of one object, people, machines and crashes in
// any order: nothing that somebody set is ever lost, and whatever happened it ends in peace.

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
    return off_switch_step(seen, order, {}, now, true);
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

}  // namespace
}  // namespace spillway::control
