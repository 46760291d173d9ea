// Stories of replicas that retry alone and have checkpoints, each its own: a sweep of experiments
// on spot. Each is run through the matrices.

#include <algorithm>
#include <map>

#include "checkpoint_stage.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kReplicas = 3;  // on a node each
// A step a second: what a save takes, and what is computed on while nobody can end the attempt
// because the API server is away for three minutes.
constexpr std::int64_t kSaveAndOutage = 40 + 180 + 30;

json sweep(const json& checkpoint = json::object()) {
  json job = saving_job({{"gang", false}, {"replicas", kReplicas}});
  job["spec"]["checkpoint"].erase("worldSize");
  job["spec"]["checkpoint"].merge_patch(checkpoint);
  return job;
}

// The lives of each replica, in order.
std::map<int, std::vector<RunRecord>> lives(World& world) {
  std::map<int, std::vector<RunRecord>> by_replica;
  for (const RunRecord& run : stage_of(world)->programs.runs())
    by_replica[run.replica].push_back(run);
  return by_replica;
}

// Every replica did all of its work, in one attempt or so many, and none of it more often than
// `redone` says; nobody was blamed.
Problems all_is_done(World& world, std::int64_t attempts, std::int64_t redone) {
  Problems problems = work_is_done(world, attempts);
  const auto all = lives(world);
  expect(problems, all.size() == kReplicas, "not every replica ran");
  for (const auto& [replica, runs] : all) {
    const std::string who = "replica " + std::to_string(replica);
    expect(problems, replica >= 0, "somebody ran as a gang");
    expect(problems, runs.back().to_step == 7200, who + " did not reach the last step");
    for (std::size_t i = 1; i < runs.size(); ++i) {
      const std::int64_t again = runs[i - 1].to_step - runs[i].from_step;
      expect(problems, again <= redone, who + " did " + std::to_string(again) + " steps again");
    }
  }
  const Object job = world.find(control::kTrainingJobs, "train");
  expect(problems, job && job->value("/status/restartsCounted"_json_pointer, 0) == 0,
         "the program was blamed");
  return problems;
}

Problems only_one_was_moved(World& world, std::int64_t redone) {
  Problems problems = all_is_done(world, 1, redone);
  std::size_t runs = 0;
  for (const auto& [replica, list] : lives(world))
    runs += list.size();
  expect(problems, runs == kReplicas + 1,
         std::to_string(runs) + " lives instead of " + std::to_string(kReplicas + 1));
  return problems;
}

Scenario story(std::string name, Act act, std::function<Problems(World&)> expectations) {
  return {.name = std::move(name),
          .prepare =
              [](World& world) {
                set_stage(world);
                market_of_checkpoints(world);
              },
          .script =
              [act = std::move(act)](World& world) {
                world.submit(sweep());
                world.time().after(minutes(40), [&world, act] { act(world); });
              },
          .duration = hours(5),
          .expectations = std::move(expectations)};
}

void lose_first_node(World& world, bool with_a_word) {
  const std::string node = node_of_rank(world);
  if (with_a_word) give_notice(world, node, seconds(120));
  world.time().after(seconds(120), [&world, node] { world.nodes().remove_node(node); });
}

Scenario noticed() {
  Scenario told = story(
      "at_a_notice_a_replica_that_retries_alone_saves_and_leaves_alone",
      [](World& world) { lose_first_node(world, true); },
      [](World& world) {
        Problems problems = only_one_was_moved(world, 200);
        expect(problems, stage_of(world)->programs.requests() == 1, "not one was asked");
        return problems;
      });
  told.nodes_lost = 1;
  const auto unheard = story({}, [](World& world) { lose_first_node(world, false); }, {});
  told.unheard = Scenario::Unheard{
      .after = minutes(1), .script = unheard.script, .expectations = [](World& world) {
        return only_one_was_moved(world, 1000);
      }};
  return told;
}

// The pods cannot be asked meanwhile: whoever hears a minute late that it was taken back has had no
// checkpoint to act on, either.
Scenario cancelled() {
  Scenario story_of = story(
      "a_notice_that_is_taken_back_leaves_a_replica_where_it_is",
      [](World& world) {
        const auto stage = stage_of(world);
        stage->programs.set_listening(false);
        world.time().after(minutes(4), [stage] { stage->programs.set_listening(true); });
        const std::string node = node_of_rank(world);
        give_notice(world, node, minutes(15));
        world.time().after(seconds(3), [&world, node] { take_notice_back(world, node); });
      },
      [](World& world) {
        Problems problems = all_is_done(world, 1, 0);
        expect(problems, stage_of(world)->programs.runs().size() == kReplicas, "somebody moved");
        return problems;
      });
  story_of.nodes_lost = 0;
  return story_of;
}

Scenario unannounced() {
  Scenario story_of = story(
      "a_replica_whose_node_goes_without_a_word_resumes_from_its_own_checkpoint",
      [](World& world) { world.nodes().remove_node(node_of_rank(world, 1)); },
      [](World& world) { return only_one_was_moved(world, 1000); });
  story_of.nodes_lost = 1;
  return story_of;
}

Scenario suspended() {
  return story(
      "a_suspended_batch_saves_every_replica_first_and_each_resumes_where_it_was",
      [](World& world) {
        world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", true}}}});
        world.time().after(minutes(30), [&world] {
          world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", false}}}});
        });
      },
      [](World& world) { return all_is_done(world, 2, kSaveAndOutage); });
}

Scenario store_away() {
  return story(
      "a_store_that_cannot_be_reached_sends_no_replica_back_to_the_start",
      [](World& world) {
        const auto stage = stage_of(world);
        stage->store.set_faults(
            [](const StoreRequest&) { return StoreAnswer{.fate = StoreFate::kUnreachable}; });
        stage->programs.set_store_reachable(false);
        world.time().after(minutes(5), [stage] {
          stage->store.set_faults({});
          stage->programs.set_store_reachable(true);
        });
        world.nodes().remove_node(node_of_rank(world));
      },
      [](World& world) { return only_one_was_moved(world, 1000); });
}

Scenario deleted(std::string name, const json& checkpoint, bool prune,
                 std::function<Problems(World&)> expectations) {
  return {.name = std::move(name),
          .prepare =
              [prune](World& world) {
                set_stage(world);
                market_of_checkpoints(world);
                world.operator_options().checkpoints->stores.front().prune = prune;
              },
          .script =
              [checkpoint](World& world) {
                world.submit(sweep(checkpoint));
                world.time().after(minutes(40),
                                   [&world] { world.remove(control::kTrainingJobs, "train"); });
              },
          .duration = hours(2),
          .expectations =
              [expectations = std::move(expectations)](World& world) {
                Problems problems = expectations(world);
                expect(problems, !world.find(control::kTrainingJobs, "train"), "the job is there");
                expect(problems, world.server().all(kube::kPods).empty(), "there are pods left");
                return problems;
              }};
}

Scenario retained() {
  return deleted("a_deleted_batch_saves_every_replica_before_it_goes", json::object(), false,
                 [](World& world) {
                   Problems problems;
                   const std::size_t saved = stage_of(world)->manifests().size();
                   expect(problems, saved == 3 * kReplicas,
                          std::to_string(saved) + " checkpoints instead of three each");
                   return problems;
                 });
}

Scenario removed() {
  return deleted("a_deleted_batch_takes_the_checkpoints_of_all_replicas_with_it",
                 {{"deletionPolicy", "Delete"}}, true, [](World& world) {
                   Problems problems;
                   const auto& left = stage_of(world)->store.objects(kBucket);
                   expect(problems, left.empty(), std::to_string(left.size()) + " objects left");
                   return problems;
                 });
}

// Seven checkpoints each, of which two stay.
Scenario pruned() {
  Scenario story_of = story(
      "old_checkpoints_are_removed_replica_by_replica", [](World&) {},
      [](World& world) {
        Problems problems = all_is_done(world, 1, 0);
        std::map<std::string, int> kept;
        for (const std::string& key : stage_of(world)->manifests()) {
          const std::size_t index = key.find("index-");
          ++kept[key.substr(index, key.find('/', index) - index)];
        }
        expect(problems, kept.size() == kReplicas, "not every replica has checkpoints");
        for (const auto& [index, count] : kept)
          expect(problems, count == 2, index + " has " + std::to_string(count) + " checkpoints");
        return problems;
      });
  const auto prepare = story_of.prepare;
  story_of.prepare = [prepare](World& world) {
    prepare(world);
    world.operator_options().checkpoints->stores.front().prune = true;
  };
  story_of.script = [](World& world) { world.submit(sweep({{"keep", 2}})); };
  return story_of;
}

}  // namespace

std::vector<Scenario> replica_scenarios() {
  return {noticed(),    cancelled(), unannounced(), suspended(),
          store_away(), retained(),  removed(),     pruned()};
}

}  // namespace spillway::sim
