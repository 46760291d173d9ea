// Stories of interruptions: notice, verified checkpoint, resume. Each is run through the matrices.

#include <algorithm>

#include "checkpoint_stage.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

void stage_and_market(World& world) {
  set_stage(world);
  usual_market(world);
  world.set_spot("spot-b", "9.00");
}

// What holds of every story with checkpoints: the work is done, nothing that was verified was lost,
// nothing was computed on something incomplete.
Problems work_is_done(World& world, std::int64_t attempts) {
  Problems problems;
  const auto stage = stage_of(world);
  expect_equal(problems, "phase", world.phase("train"), "Succeeded");
  expect(problems, attempt_of(world, "train") == attempts,
         "it took " + std::to_string(attempt_of(world, "train")) + " attempts instead of " +
             std::to_string(attempts));
  const auto& found = stage->programs.violations();
  problems.insert(problems.end(), found.begin(), found.end());
  const auto& runs = stage->programs.runs();
  expect(problems, !runs.empty() && runs.back().to_step == 7200, "the last step was not reached");
  return problems;
}

// Of the last resume: the steps between where the attempt before it ended and where it began.
std::int64_t steps_redone(World& world) {
  const auto& runs = stage_of(world)->programs.runs();
  if (runs.size() < 2) return 0;
  return runs[runs.size() - 2].to_step - runs.back().from_step;
}

// `act` at 40 minutes: ten minutes after the second checkpoint.
Scenario story(std::string name, std::function<void(World&)> act,
               std::function<Problems(World&)> expectations, bool hurried = false) {
  return {.name = std::move(name),
          .prepare = stage_and_market,
          .script =
              [act = std::move(act)](World& world) {
                world.submit(saving_job());
                world.time().after(minutes(40), [&world, act] { act(world); });
              },
          .duration = hours(5),
          .hurried = hurried,
          .expectations = std::move(expectations)};
}

Scenario noticed() {
  return story(
      "a_notice_is_answered_with_a_checkpoint_and_the_job_resumes_from_it",
      [](World& world) {
        const std::string node = node_of_rank(world);
        give_notice(world, node, seconds(120));
        world.time().after(seconds(120), [&world, node] { world.nodes().remove_node(node); });
      },
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        expect(problems, steps_redone(world) <= 200,
               std::to_string(steps_redone(world)) + " steps were done again");
        return problems;
      },
      true);
}

// A save takes 40 s and a second a rank; it does not fit into 30.
Scenario short_notice() {
  return story(
      "a_notice_that_is_too_short_costs_what_was_done_since_the_last_checkpoint",
      [](World& world) {
        const std::string node = node_of_rank(world);
        give_notice(world, node, seconds(30));
        world.time().after(seconds(30), [&world, node] { world.nodes().remove_node(node); });
      },
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        expect(problems, steps_redone(world) > 100 && steps_redone(world) < 1000,
               std::to_string(steps_redone(world)) + " steps were done again");
        return problems;
      },
      true);
}

Scenario unannounced() {
  return story(
      "a_node_that_goes_without_a_word_costs_what_was_done_since_the_last_checkpoint",
      [](World& world) { world.nodes().remove_node(node_of_rank(world, 1)); },
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        expect(problems, steps_redone(world) > 100 && steps_redone(world) < 1000,
               std::to_string(steps_redone(world)) + " steps were done again");
        return problems;
      });
}

Scenario cancelled() {
  return story(
      "a_notice_that_is_taken_back_does_not_end_the_attempt",
      [](World& world) {
        const std::string node = node_of_rank(world);
        give_notice(world, node, minutes(15));
        world.time().after(seconds(3), [&world, node] { take_notice_back(world, node); });
      },
      [](World& world) { return work_is_done(world, 1); });
}

Scenario zombie() {
  return story(
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
}

Scenario suspended() {
  return story(
      "a_suspended_job_saves_first_and_resumes_where_it_was",
      [](World& world) {
        world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", true}}}});
        world.time().after(minutes(30), [&world] {
          world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", false}}}});
        });
      },
      [](World& world) {
        Problems problems = work_is_done(world, 2);
        expect(problems, steps_redone(world) <= 200,
               std::to_string(steps_redone(world)) + " steps were done again");
        return problems;
      });
}

Scenario store_away() {
  return story(
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
  return {noticed(), short_notice(), unannounced(), cancelled(),
          zombie(),  suspended(),    store_away()};
}

}  // namespace spillway::sim
