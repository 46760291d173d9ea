// Stories of jobs with checkpoints that are deleted: saved first, or removed with what they left.

#include <algorithm>

#include "checkpoint_stage.h"

namespace spillway::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

Problems nothing_is_left(World& world) {
  Problems problems;
  for (const kube::ResourceType& type : {control::kTrainingJobs, kube::kJobs, kube::kPods})
    expect(problems, world.server().all(type).empty(), "there are " + type.to_string() + " left");
  return problems;
}

// A job that is deleted ten minutes after its second checkpoint.
Scenario deletion(std::string name, std::function<void(World&)> prepare,
                  const nlohmann::json& checkpoint, std::function<Problems(World&)> expectations) {
  return {.name = std::move(name),
          .prepare =
              [prepare = std::move(prepare)](World& world) {
                set_stage(world);
                usual_market(world);
                prepare(world);
              },
          .script =
              [checkpoint](World& world) {
                world.submit(saving_job({{"checkpoint", checkpoint}}));
                world.time().after(minutes(40),
                                   [&world] { world.remove(control::kTrainingJobs, "train"); });
              },
          .duration = hours(2),
          .expectations = std::move(expectations)};
}

Scenario retained() {
  return deletion(
      "a_deleted_job_saves_before_it_goes", [](World&) {}, nlohmann::json::object(),
      [](World& world) {
        Problems problems = nothing_is_left(world);
        const std::size_t saved = stage_of(world)->manifests().size();
        expect(problems, saved == 6,
               std::to_string(saved) + " manifests, of two ranks, instead of 6");
        return problems;
      });
}

Scenario removed() {
  return deletion(
      "a_deleted_job_takes_its_checkpoints_with_it",
      [](World& world) { world.operator_options().checkpoints->stores.front().prune = true; },
      {{"deletionPolicy", "Delete"}},
      [](World& world) {
        Problems problems = nothing_is_left(world);
        const auto& left = stage_of(world)->store.objects(kBucket);
        expect(problems, left.empty(), std::to_string(left.size()) + " objects are left");
        return problems;
      });
}

// Nobody can be reached: neither the pods nor the store.
Scenario without_a_store() {
  return deletion(
      "a_deleted_job_goes_although_its_store_is_away",
      [](World& world) {
        const auto stage = stage_of(world);
        world.time().after(minutes(35), [stage] {
          stage->store.set_faults(
              [](const StoreRequest&) { return StoreAnswer{.fate = StoreFate::kUnreachable}; });
          stage->programs.set_store_reachable(false);
        });
      },
      nlohmann::json::object(), nothing_is_left);
}

}  // namespace

std::vector<Scenario> deletion_scenarios() {
  return {retained(), removed(), without_a_store()};
}

}  // namespace spillway::sim
