#include <spillway/storage/layout.h>

#include <gtest/gtest.h>

namespace spillway::storage {
namespace {

const ObjectKey kJob{Namespace("team-a"), ObjectName("llama")};

TEST(Layout, puts_the_uid_and_the_attempt_before_the_step) {
  const Key job = job_prefix("checkpoints/", kJob, Uid("0815"));
  EXPECT_EQ(job.str(), "checkpoints/team-a/llama/0815/");
  EXPECT_EQ(step_prefix(attempt_prefix(job, AttemptNumber(3)), TrainingStep(1200)).str(),
            "checkpoints/team-a/llama/0815/attempt-0003/step-000000001200/");
}

TEST(Layout, takes_a_root_with_or_without_slashes) {
  EXPECT_EQ(job_prefix("", kJob, Uid("u")).str(), "team-a/llama/u/");
  EXPECT_EQ(job_prefix("/a/b", kJob, Uid("u")).str(), "a/b/team-a/llama/u/");
}

TEST(Layout, orders_steps_as_a_listing_does) {
  const Key attempt("a/");
  EXPECT_LT(step_prefix(attempt, TrainingStep(999)), step_prefix(attempt, TrainingStep(1000)));
}

TEST(Layout, reads_attempts_back) {
  EXPECT_EQ(parse_attempt_folder("attempt-0003"), AttemptNumber(3));
  EXPECT_EQ(parse_attempt_folder("attempt-12345"), AttemptNumber(12345));
  for (const char* other : {"attempt-", "attempt-0", "attempt--1", "attempt-3x", "attempts-3", ""})
    EXPECT_FALSE(parse_attempt_folder(other)) << other;
}

TEST(Layout, gives_each_pod_of_a_replica_that_retries_alone_a_prefix_of_its_own) {
  const Key replica = replica_prefix(Key("job/"), ReplicaIndex(7));
  EXPECT_EQ(replica.str(), "job/index-7/");
  const Key attempt = attempt_prefix(replica, AttemptNumber(3));
  EXPECT_EQ(retry_prefix(attempt, {.counted = 1}).str(), "job/index-7/attempt-0003/retry-1-0/");
  EXPECT_EQ(parse_retry("1-2"), (Retry{.counted = 1, .ignored = 2}));
  EXPECT_EQ(parse_retry("0-"), Retry{}) << "Kubernetes does not write what it has not counted";
  EXPECT_EQ(parse_retry_folder("retry-1-2"), RetryNumber(3));
  for (const char* other : {"retry-", "retry-x-0", "retry-1", "retry--1-0", "step-5", "1-2"})
    EXPECT_FALSE(parse_retry_folder(other)) << other;
}

TEST(Layout, knows_the_folders_of_the_frameworks) {
  for (const char* name : {"step-000000001200", "checkpoint-1200", "global_step1200", "1200",
                           "iter_0001200", "step=1200", "epoch=3-step=1200", "ckpt_1200"})
    EXPECT_EQ(step_of_folder(name), TrainingStep(1200)) << name;
}

TEST(Layout, takes_no_other_folder_for_a_step) {
  for (const char* name : {"rank-00001", "run1", "checkpoint-", "1200.orbax-checkpoint-tmp-1",
                           "checkpoint-1200.tmp", "99999999999999999999", "", "tmp-5"})
    EXPECT_FALSE(step_of_folder(name)) << name;
}

TEST(Layout, names_manifests_by_rank_and_reads_them_back) {
  EXPECT_EQ(manifest_name({}), "MANIFEST.json");
  const Rank second{.index = 1, .world_size = 4};
  EXPECT_EQ(manifest_name(second), "MANIFEST-00001-of-00004.json");
  EXPECT_EQ(parse_manifest_name("MANIFEST-00001-of-00004.json"), second);
  EXPECT_EQ(parse_manifest_name("MANIFEST.json"), Rank{});
  for (const char* name : {"MANIFEST-00004-of-00004.json", "MANIFEST-00000-of-00001.json",
                           "MANIFEST-x-of-00002.json", "manifest.json", "MANIFEST-.json"})
    EXPECT_FALSE(parse_manifest_name(name)) << name;
}

}  // namespace
}  // namespace spillway::storage
