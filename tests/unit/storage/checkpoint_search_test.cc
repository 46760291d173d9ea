#include <spillway/storage/checkpoint_search.h>

#include <gtest/gtest.h>

#include <spillway/storage/manifest.h>

#include "support/memory_object_store.h"
#include "support/run_task.h"

namespace spillway::storage {
namespace {

const Key kJob("root/team-a/llama/u1/");
const Expectation kExpected{.uid = Uid("u1")};

class CheckpointSearch : public ::testing::Test {
 protected:
  void commit(std::int64_t attempt, std::int64_t step) {
    const std::string folder = folder_of(attempt, step);
    store_.write(folder + "model.bin", "weights");
    Manifest manifest{.job = {Namespace("team-a"), ObjectName("llama")},
                      .uid = Uid("u1"),
                      .attempt = AttemptNumber(attempt),
                      .step = TrainingStep(step),
                      .saved_at = time_.now()};
    manifest.parts.push_back({.key = Key("model.bin"),
                              .size = Bytes(7),
                              .chunk_size = Bytes(7),
                              .chunks = {Sha256(std::string(64, '0'))}});
    store_.write(folder + "MANIFEST.json", write_manifest(manifest));
  }
  static std::string folder_of(std::int64_t attempt, std::int64_t step) {
    return step_prefix(attempt_prefix(kJob, AttemptNumber(attempt)), TrainingStep(step)).str();
  }
  template <class T>
  T run(Task<T> task) {
    return std::move(*testing::run_task(io_, time_, std::move(task)));
  }
  Result<SearchResult> newest() {
    return run(find_newest_valid(runtime_, store_, kJob, CheckpointFormat::kManifest, kExpected));
  }
  void fail_when(std::string doing, std::string part, ErrorCode code) {
    store_.set_fault([=](std::string_view what, const Key& key) -> std::optional<Error> {
      if (what != doing || key.str().find(part) == std::string::npos) return std::nullopt;
      return Error{.code = code, .message = "as the test asked"};
    });
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  testing::MemoryObjectStore store_{time_};
};

TEST_F(CheckpointSearch, finds_the_highest_step_that_is_complete) {
  commit(1, 100);
  commit(1, 200);
  store_.write(folder_of(1, 300) + "model.bin", "weights");
  const auto found = newest();
  ASSERT_TRUE(found && found->newest);
  EXPECT_EQ(found->newest->judgement.step, TrainingStep(200));
  ASSERT_EQ(found->passed_over.size(), 1U);
  EXPECT_EQ(found->passed_over[0].judgement.validity, Validity::kInvalid);
  EXPECT_FALSE(found->uncertain());
}

TEST_F(CheckpointSearch, a_zombie_never_wins_over_the_attempt_that_replaced_it) {
  commit(1, 100);
  commit(2, 150);
  commit(1, 900);  // attempt 1 was thought dead
  const auto found = newest();
  ASSERT_TRUE(found && found->newest);
  EXPECT_EQ(found->newest->judgement.attempt, AttemptNumber(2));
  EXPECT_EQ(found->newest->judgement.step, TrainingStep(150));
}

TEST_F(CheckpointSearch, falls_back_to_the_earlier_attempt_while_the_later_has_committed_nothing) {
  commit(1, 100);
  store_.write(folder_of(2, 150) + "model.bin", "weights");
  const auto found = newest();
  ASSERT_TRUE(found && found->newest);
  EXPECT_EQ(found->newest->judgement.step, TrainingStep(100));
}

TEST_F(CheckpointSearch, nothing_there_is_an_answer_and_a_refusal_is_not) {
  const auto nothing = newest();
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(nothing->newest);
  EXPECT_FALSE(nothing->uncertain());
  commit(1, 100);
  fail_when("list", "", ErrorCode::kForbidden);
  const auto refused = newest();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
}

TEST_F(CheckpointSearch, says_when_a_newer_one_could_not_be_judged) {
  commit(1, 100);
  commit(1, 200);
  fail_when("get", "step-000000000200", ErrorCode::kForbidden);
  const auto found = newest();
  ASSERT_TRUE(found && found->newest);
  EXPECT_EQ(found->newest->judgement.step, TrainingStep(100));
  EXPECT_TRUE(found->uncertain());
}

TEST_F(CheckpointSearch, does_not_see_the_checkpoints_of_a_job_of_the_same_name) {
  commit(1, 100);
  const auto found = run(find_newest_valid(runtime_, store_, Key("root/team-a/llama/u2/"),
                                           CheckpointFormat::kManifest, {.uid = Uid("u2")}));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->newest);
}

TEST_F(CheckpointSearch, verifies_one_folder) {
  commit(1, 100);
  const auto verdict = [&](const std::string& folder) {
    return run(verify_checkpoint(runtime_, store_, kJob, Key(folder), CheckpointFormat::kManifest,
                                 kExpected))
        .judgement;
  };
  EXPECT_EQ(verdict(folder_of(1, 100)).validity, Validity::kValid);
  EXPECT_EQ(verdict(folder_of(1, 101)).validity, Validity::kInvalid);
  EXPECT_EQ(verdict("elsewhere/step-1/").validity, Validity::kUnknown);
  fail_when("list", "", ErrorCode::kUnavailable);
  EXPECT_EQ(verdict(folder_of(1, 100)).validity, Validity::kUnknown);
}

TEST_F(CheckpointSearch, verifies_deepspeed_by_the_file_beside_the_folder) {
  const std::string parent = kJob.str() + "attempt-0001/";
  store_.write(parent + "global_step5/mp_rank_00_model_states.pt", "m");
  store_.write(parent + "global_step5/zero_pp_rank_0_mp_rank_00_optim_states.pt", "o");
  store_.write(parent + "latest", "global_step5");
  const auto found = run(verify_checkpoint(runtime_, store_, kJob, Key(parent + "global_step5/"),
                                           CheckpointFormat::kDeepSpeed, {.world_size = 1}));
  EXPECT_EQ(found.judgement.validity, Validity::kValid) << found.judgement.reason;
}

TEST_F(CheckpointSearch, an_attempt_that_has_begun_is_seen_by_the_one_before) {
  const auto successor = [&](std::int64_t attempt) {
    return run(successor_of(store_, kJob, AttemptNumber(attempt))).value();
  };
  EXPECT_EQ(successor(1), std::nullopt);
  EXPECT_TRUE(run(announce(store_, attempt_prefix(kJob, AttemptNumber(1)))));
  EXPECT_TRUE(run(announce(store_, attempt_prefix(kJob, AttemptNumber(1)))));
  EXPECT_EQ(successor(1), std::nullopt);
  EXPECT_TRUE(run(announce(store_, attempt_prefix(kJob, AttemptNumber(2)))));
  EXPECT_EQ(successor(1), AttemptNumber(2));
  EXPECT_EQ(successor(2), std::nullopt);
}

TEST_F(CheckpointSearch, keeps_two_and_what_is_in_use) {
  for (std::int64_t step = 1; step <= 5; ++step)
    commit(1, step);
  const auto valid =
      run(list_valid(runtime_, store_, kJob, CheckpointFormat::kManifest, kExpected));
  ASSERT_TRUE(valid);
  ASSERT_EQ(valid->size(), 5U);
  const auto steps = [&](int keep, std::optional<Key> in_use) {
    std::vector<std::int64_t> all;
    for (const Candidate& candidate : prunable(*valid, keep, in_use))
      all.push_back(candidate.step.value());
    return all;
  };
  EXPECT_EQ(steps(3, std::nullopt), (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(steps(1, std::nullopt), (std::vector<std::int64_t>{3, 2, 1}));
  EXPECT_EQ(steps(2, Key(folder_of(1, 2))), (std::vector<std::int64_t>{3, 1}));
}

TEST_F(CheckpointSearch, a_removal_cut_off_anywhere_leaves_no_valid_half) {
  commit(1, 100);
  commit(1, 200);
  const auto before =
      run(list_valid(runtime_, store_, kJob, CheckpointFormat::kManifest, kExpected));
  ASSERT_TRUE(before);
  const Candidate oldest = before->back().candidate;
  for (std::size_t allowed = 1; allowed < oldest.files.size(); ++allowed) {
    std::size_t removals = 0;
    store_.set_fault([&](std::string_view doing, const Key&) -> std::optional<Error> {
      if (doing != "remove" || ++removals <= allowed) return std::nullopt;
      return Error{.code = ErrorCode::kUnavailable, .message = "down"};
    });
    EXPECT_FALSE(run(remove_checkpoint(store_, CheckpointFormat::kManifest, oldest)));
    store_.set_fault({});
    const auto left =
        run(list_valid(runtime_, store_, kJob, CheckpointFormat::kManifest, kExpected));
    ASSERT_TRUE(left);
    EXPECT_EQ(left->size(), 1U);
  }
  EXPECT_TRUE(run(remove_checkpoint(store_, CheckpointFormat::kManifest, oldest)));
  EXPECT_FALSE(store_.objects.contains(folder_of(1, 100) + "model.bin"));
}

}  // namespace
}  // namespace spillway::storage
