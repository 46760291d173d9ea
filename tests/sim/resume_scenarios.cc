// Stories of what a checkpoint belongs to and when it was made: other credentials, another number
// of ranks, another job of the same name, other clocks. Each is run through the matrices.

#include <algorithm>

#include "checkpoint_stage.h"
#include "matrix.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;

// The token of the operator's identity changes every ten minutes and once more in the middle of the
// save; sessions last less than a save and its notice.
Scenario rotation() {
  Scenario story = with_notice(
      checkpoint_story("a_token_that_is_rotated_in_the_middle_of_a_save_does_not_disturb_it", {},
                       [](World& world) {
                         Problems problems = done_again_at_most(200)(world);
                         expect(problems, stage_of(world)->identity->tokens_taken() > 2,
                                "the token was not read again");
                         return problems;
                       }),
      {.before =
           [](World& world) {
             for (int i = 1; i <= 18; ++i)
               world.time().after(minutes(10 * i),
                                  [stage = stage_of(world)] { stage->identity->rotate(); });
           },
       .beside =
           [](World& world) {
             world.time().after(seconds(20),
                                [stage = stage_of(world)] { stage->identity->rotate(); });
           }});
  story.prepare = [](World& world) {
    set_stage(world, StoreAccess::kWebIdentity);
    market_of_checkpoints(world);
  };
  return story;
}

std::function<Problems(World&)> both_sizes_saved(std::int64_t done_again) {
  return [done_again](World& world) {
    Problems problems = done_again_at_most(done_again)(world);
    const auto manifests = stage_of(world)->manifests();
    for (const char* writers : {"-of-00002.json", "-of-00003.json"}) {
      expect(problems,
             std::ranges::any_of(manifests,
                                 [&](const std::string& key) { return key.ends_with(writers); }),
             std::string("there is no checkpoint ") + writers);
    }
    return problems;
  };
}

// A checkpoint is complete by the number of ranks that wrote it. Whoever is told to end minutes
// after it has saved computes in vain for as long.
Scenario more_ranks() {
  Scenario story = checkpoint_story(
      "a_job_that_comes_back_with_more_ranks_resumes_from_what_fewer_saved",
      [](World& world) {
        world.patch(control::kTrainingJobs, "train", {{"spec", {{"suspend", true}}}});
        world.time().after(minutes(10), [&world] {
          world.patch(
              control::kTrainingJobs, "train",
              {{"spec",
                {{"replicas", 3}, {"checkpoint", {{"worldSize", 3}}}, {"suspend", false}}}});
        });
      },
      both_sizes_saved(200));
  constexpr std::int64_t kStepsOfAnOutage = kMinutesOfAnOutage / seconds(1);
  story.unheard = Scenario::Unheard{.after = kMinutesOfAnOutage,
                                    .script = story.script,
                                    .expectations = both_sizes_saved(200 + kStepsOfAnOutage)};
  return story;
}

// As soon as the old one is gone.
void submit_again(World& world) {
  if (world.try_submit(saving_job())) return;
  world.time().after(seconds(10), [&world] { submit_again(world); });
}

Scenario same_name() {
  return checkpoint_story(
      "a_job_that_is_made_again_under_its_name_does_not_begin_where_the_other_was",
      [](World& world) {
        world.remove(control::kTrainingJobs, "train");
        world.time().after(minutes(10), [&world] { submit_again(world); });
      },
      [](World& world) {
        Problems problems = work_is_done(world, 1);
        const auto& runs = stage_of(world)->programs.runs();
        expect(problems, runs.size() == 2, "not two lives");
        expect(problems, !runs.empty() && runs.back().from_step == 0,
               "it did not begin at the beginning");
        const std::string uid =
            world.find(control::kTrainingJobs, "train")->at("metadata").at("uid");
        expect(problems,
               std::ranges::any_of(stage_of(world)->manifests(),
                                   [&](const std::string& key) {
                                     return key.find("/" + uid + "/") == std::string::npos;
                                   }),
               "the checkpoints of the first job are gone");
        return problems;
      });
}

// A suspension, which shows how long a save takes, and a notice some minutes after a checkpoint:
// it has to be noticed that this one is not of now.
Scenario other_clock(std::string name, Duration store_is_ahead) {
  Scenario story = with_notice(checkpoint_story(std::move(name), {}, done_again_at_most(200, 3)),
                               {.at = minutes(88), .attempts = 3, .before = [](World& world) {
                                  const auto suspend = [&world](Duration at, bool wanted) {
                                    world.time().after(at, [&world, wanted] {
                                      world.patch(control::kTrainingJobs, "train",
                                                  {{"spec", {{"suspend", wanted}}}});
                                    });
                                  };
                                  suspend(minutes(40), true);
                                  suspend(minutes(50), false);
                                }});
  story.prepare = [store_is_ahead](World& world) {
    set_stage(world)->store.set_clock_offset(store_is_ahead);
    market_of_checkpoints(world);
  };
  return story;
}

}  // namespace

std::vector<Scenario> resume_scenarios() {
  return {
      rotation(), more_ranks(), same_name(),
      other_clock("a_store_whose_clock_is_ahead_makes_no_checkpoint_newer_than_it_is", minutes(20)),
      other_clock("a_store_whose_clock_is_behind_makes_no_checkpoint_late", -minutes(7))};
}

}  // namespace spillway::sim
