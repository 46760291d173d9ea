// Stories of interruptions: notice, verified checkpoint, resume. Each is run through the matrices.

#include <algorithm>

#include "checkpoint_stage.h"
#include "matrix.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

Problems work_since_the_last_checkpoint_is_lost(World& world) {
  Problems problems = work_is_done(world, 2);
  expect(problems, steps_redone(world) > 100 && steps_redone(world) < 1000,
         std::to_string(steps_redone(world)) + " steps were done again");
  return problems;
}

// A save takes 40 s and a second a rank.
Scenario noticed() {
  return with_notice(
      checkpoint_story("a_notice_is_answered_with_a_checkpoint_and_the_job_resumes_from_it", {},
                       done_again_at_most(200)),
      {});
}

// It does not fit into 30; ten seconds before the end the attempt is ended in order.
Scenario short_notice() {
  return with_notice(
      checkpoint_story("a_notice_that_is_too_short_costs_what_was_done_since_the_last_checkpoint",
                       {}, work_since_the_last_checkpoint_is_lost),
      {.length = seconds(30), .missed_after = seconds(10)});
}

Scenario that_loses(std::int64_t nodes, Scenario story) {
  story.nodes_lost = nodes;
  return story;
}

Scenario unannounced() {
  return checkpoint_story(
      "a_node_that_goes_without_a_word_costs_what_was_done_since_the_last_checkpoint",
      [](World& world) { world.nodes().remove_node(node_of_rank(world, 1)); },
      work_since_the_last_checkpoint_is_lost);
}

Act notice_taken_back_after(Duration delay) {
  return [delay](World& world) {
    const std::string node = node_of_rank(world);
    give_notice(world, node, minutes(15));
    world.time().after(delay, [&world, node] { take_notice_back(world, node); });
  };
}

// Who has saved before he hears that it is taken back has ended the attempt.
Scenario cancelled() {
  Scenario story = checkpoint_story("a_notice_that_is_taken_back_does_not_end_the_attempt",
                                    notice_taken_back_after(seconds(3)),
                                    [](World& world) { return work_is_done(world, 1); });
  story.unheard = Scenario::Unheard{.after = seconds(40),
                                    .script = at_forty_minutes(notice_taken_back_after(minutes(5))),
                                    .expectations = done_again_at_most(200)};
  return story;
}

// On one pool: where the successor goes depends on how long after the loss it is decided, and with
// an outage in between that is minutes later. It is not what this is about.
Scenario zombie() {
  Scenario story = checkpoint_story(
      "an_attempt_that_is_cut_off_commits_nothing_over_its_successor",
      [](World& world) {
        const auto stage = stage_of(world);
        for (const int rank : {0, 1}) {
          const std::string node = node_of_rank(world, rank);
          stage->programs.cut_off(node);
          world.nodes().lose(node);
          world.time().after(minutes(3), [&world, node] { world.nodes().remove_node(node); });
        }
      },
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        const auto& runs = stage_of(world)->programs.runs();
        expect(problems, runs.size() == 2 && runs.front().attempt == 1, "not two lives");
        return problems;
      });
  story.prepare = [](World& world) {
    set_stage(world);
    world.add_pool({.name = "spot-a",
                    .tier = api::Tier::kSpot,
                    .zone = "zone-a",
                    .spot = "8.00",
                    .on_demand = "24.00"});
  };
  return story;
}

// Whoever is told to end minutes after it has saved computes in vain for as long.
Scenario suspended() {
  Scenario story = checkpoint_story(
      "a_suspended_job_saves_first_and_resumes_where_it_was",
      [](World& world) {
        world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", true}}}});
        world.time().after(minutes(30), [&world] {
          world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", false}}}});
        });
      },
      done_again_at_most(200));
  constexpr std::int64_t kStepsOfAnOutage = kMinutesOfAnOutage / seconds(1);
  story.unheard = Scenario::Unheard{.after = kMinutesOfAnOutage,
                                    .script = story.script,
                                    .expectations = done_again_at_most(200 + kStepsOfAnOutage)};
  return story;
}

Scenario store_away() {
  return checkpoint_story(
      "a_store_that_cannot_be_reached_sends_nobody_back_to_the_start",
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
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        expect(problems, stage_of(world)->programs.runs().back().from_step > 1000,
               "it began with step " +
                   std::to_string(stage_of(world)->programs.runs().back().from_step));
        return problems;
      });
}

}  // namespace

std::vector<Scenario> checkpoint_scenarios() {
  return {noticed(),
          short_notice(),
          that_loses(1, unannounced()),
          that_loses(0, cancelled()),
          zombie(),
          suspended(),
          store_away()};
}

}  // namespace spillway::sim
