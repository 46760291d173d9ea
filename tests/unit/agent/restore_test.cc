// A replica that retries alone finds what it resumes from itself: an earlier pod of it has uploaded
// that, and the store answers, or does not.
#include "restore.h"

#include <gtest/gtest.h>

#include "resume_file.h"
#include "support/memory_object_store.h"
#include "support/run_task.h"
#include "support/temporary_folder.h"
#include "uploader.h"

namespace spillway::agent {
namespace {

class ReplicaRestore : public ::testing::Test {
 protected:
  JobSettings pod(const testing::TemporaryFolder& folder, storage::Retry retry,
                  std::int64_t attempt = 3) const {
    return {.job = {Namespace("team-a"), ObjectName("sweep")},
            .uid = Uid("u1"),
            .attempt = AttemptNumber(attempt),
            .prefix = storage::replica_prefix(storage::Key("job/"), ReplicaIndex(7)),
            .retry = retry,
            .directory = folder.path().string(),
            .format = storage::CheckpointFormat::kSuccessFile};
  }

  // What an earlier pod of the replica leaves in the store.
  Result<Committed> save(const JobSettings& of, int step) {
    testing::TemporaryFolder folder;
    JobSettings job = of;
    job.directory = folder.path().string();
    const std::string name = "step-" + std::to_string(step);
    folder.write(name + "/model.bin", "weights of " + name);
    folder.write(name + "/_SUCCESS", "");
    Uploader uploader(runtime_, store_, job);
    const auto sight = look_at_directory(job.directory, job.format);
    EXPECT_TRUE(sight && sight->finished.size() == 1);
    return *testing::run_task(io_, time_, uploader.upload(sight->finished.front()));
  }

  Restored restore_pod(const JobSettings& job) {
    RestoreSettings settings{.job = job};
    settings.store.s3.bucket = storage::BucketName("models");
    const auto restored =
        testing::run_task(io_, time_, restore(runtime_, store_, std::move(settings)));
    EXPECT_TRUE(restored && *restored) << (*restored ? "" : restored->error().message);
    return (*restored).value_or(Restored{});
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_, make_system_clock()->now()};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  testing::MemoryObjectStore store_{time_};
  testing::TemporaryFolder here_;
};

TEST_F(ReplicaRestore, a_retry_begins_with_what_the_pod_before_it_saved) {
  ASSERT_TRUE(save(pod(here_, {}), 40));
  const Restored restored = restore_pod(pod(here_, {.ignored = 1}));
  EXPECT_EQ(restored.step, storage::TrainingStep(40));
  EXPECT_EQ(here_.read("step-40/model.bin"), "weights of step-40");
  EXPECT_EQ(resumed_step_in(here_.path().string()), storage::TrainingStep(40));
  EXPECT_EQ(here_.read(".spillway-resume"),
            "SPILLWAY_RESUME_FROM=s3://models/job/index-7/attempt-0003/retry-0-0/"
            "step-000000000040/\nSPILLWAY_RESUME_STEP=40\nSPILLWAY_RESUME_ATTEMPT=3\n");
}

TEST_F(ReplicaRestore, nothing_of_another_replica_or_of_nobody_is_taken) {
  JobSettings other = pod(here_, {});
  other.prefix = storage::replica_prefix(storage::Key("job/"), ReplicaIndex(70));
  ASSERT_TRUE(save(other, 40));
  here_.write(".spillway-resume", "SPILLWAY_RESUME_STEP=9\n");  // an earlier pod's, on its own disk
  EXPECT_FALSE(restore_pod(pod(here_, {})).anything);
  EXPECT_EQ(resumed_step_in(here_.path().string()), std::nullopt);
}

TEST_F(ReplicaRestore, a_pod_that_lives_on_commits_nothing_when_its_successor_has_begun) {
  const JobSettings cut_off = pod(here_, {});
  ASSERT_TRUE(save(cut_off, 40));
  EXPECT_EQ(restore_pod(pod(here_, {.ignored = 1})).step, storage::TrainingStep(40));
  const auto late = save(cut_off, 50);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kFenced);
}

TEST_F(ReplicaRestore, what_slips_through_all_the_same_counts_behind_the_successor) {
  testing::TemporaryFolder elsewhere;
  ASSERT_TRUE(save(pod(elsewhere, {.counted = 1}), 50));  // as if it had not looked
  ASSERT_TRUE(save(pod(elsewhere, {.counted = 1, .ignored = 1}), 45));
  EXPECT_EQ(restore_pod(pod(here_, {.counted = 2, .ignored = 1})).step, storage::TrainingStep(45));
}

TEST_F(ReplicaRestore, a_later_attempt_resumes_from_the_last_pod_of_the_one_before) {
  ASSERT_TRUE(save(pod(here_, {.counted = 2}, 3), 40));
  EXPECT_EQ(restore_pod(pod(here_, {}, 4)).step, storage::TrainingStep(40));
}

TEST_F(ReplicaRestore, an_error_of_the_store_sends_nobody_back_to_the_beginning) {
  ASSERT_TRUE(save(pod(here_, {}), 40));
  const MonotonicTime recovers = time_.monotonic() + std::chrono::minutes(10);
  store_.set_fault([&](std::string_view, const storage::Key&) -> std::optional<Error> {
    if (time_.monotonic() >= recovers) return std::nullopt;
    return Error{.code = ErrorCode::kForbidden, .message = "403"};
  });
  EXPECT_EQ(restore_pod(pod(here_, {.ignored = 1})).step, storage::TrainingStep(40));
  EXPECT_GE(time_.monotonic(), recovers);
  EXPECT_LT(time_.monotonic(), recovers + std::chrono::minutes(1));
}

}  // namespace
}  // namespace spillway::agent
