#include "local_checkpoints.h"

#include <gtest/gtest.h>

#include "support/temporary_folder.h"

namespace spillway::agent {
namespace {

using storage::CheckpointFormat;

class LocalCheckpoints : public ::testing::Test {
 protected:
  std::vector<std::int64_t> finished(CheckpointFormat format) {
    const auto sight = look_at_directory(folder_.path().string(), format);
    EXPECT_TRUE(sight) << sight.error().message;
    unfinished_ = sight->unfinished;
    std::vector<std::int64_t> steps;
    for (const LocalCheckpoint& checkpoint : sight->finished)
      steps.push_back(checkpoint.step.value());
    return steps;
  }
  using Steps = std::vector<std::int64_t>;

  testing::TemporaryFolder folder_;
  std::string unfinished_;
};

TEST_F(LocalCheckpoints, are_those_with_their_marker_newest_first) {
  folder_.write("step-5/model", "x");
  folder_.write("step-5/_SUCCESS", "");
  folder_.write("step-20/model", "x");
  folder_.write("step-20/_SUCCESS", "");
  folder_.write("step-30/model", "x");
  folder_.write("step-40.partial/_SUCCESS", "");
  EXPECT_EQ(finished(CheckpointFormat::kSuccessFile), (Steps{20, 5}));
  EXPECT_NE(unfinished_.find("_SUCCESS"), std::string::npos);
}

TEST_F(LocalCheckpoints, of_orbax_count_by_their_final_name) {
  folder_.write("5/default/data", "x");
  folder_.write("6.orbax-checkpoint-tmp-17/default/data", "x");
  EXPECT_EQ(finished(CheckpointFormat::kOrbax), (Steps{5}));
}

TEST_F(LocalCheckpoints, of_orbax_written_in_place_count_by_their_marker) {
  folder_.write("7/_CHECKPOINT_METADATA", R"({"commit_timestamp_nsecs": null})");
  EXPECT_EQ(finished(CheckpointFormat::kOrbax), Steps{});
  EXPECT_NE(unfinished_.find("not committed"), std::string::npos);
  folder_.write("7/default/d/1", "x");
  folder_.write("7/default/commit_success.txt", "x");
  folder_.write("7/_CHECKPOINT_METADATA", R"({"commit_timestamp_nsecs": 12})");
  EXPECT_EQ(finished(CheckpointFormat::kOrbax), Steps{});
  EXPECT_NE(unfinished_.find("of the whole"), std::string::npos);
  folder_.write("7/commit_success.txt", "x");
  EXPECT_EQ(finished(CheckpointFormat::kOrbax), Steps{7});
}

TEST_F(LocalCheckpoints, of_torch_count_when_all_named_files_are_there) {
  folder_.write("step-5/__0_0.distcp", "x");
  EXPECT_EQ(finished(CheckpointFormat::kTorchDistributed), Steps{});
  folder_.write("step-5/.metadata", "xx__0_0.distcpx__1_0.distcpx");
  EXPECT_EQ(finished(CheckpointFormat::kTorchDistributed), Steps{});
  EXPECT_NE(unfinished_.find("__1_0.distcp"), std::string::npos);
  folder_.write("step-5/__1_0.distcp", "x");
  folder_.write("step-5/.metadata", "xx__0_0.distcpx__1_0.distcpx");
  EXPECT_EQ(finished(CheckpointFormat::kTorchDistributed), Steps{5});
}

TEST_F(LocalCheckpoints, of_deepspeed_carry_the_file_beside_them) {
  folder_.write("global_step5/mp_rank_00_model_states.pt", "x");
  folder_.write("global_step5/zero_pp_rank_0_mp_rank_00_optim_states.pt", "x");
  EXPECT_EQ(finished(CheckpointFormat::kDeepSpeed), Steps{});
  folder_.write("latest", "global_step5");
  const auto sight = look_at_directory(folder_.path().string(), CheckpointFormat::kDeepSpeed);
  ASSERT_TRUE(sight);
  ASSERT_EQ(sight->finished.size(), 1U) << sight->unfinished;
  EXPECT_EQ(sight->finished[0].files.back().key.str(), "latest");
}

TEST_F(LocalCheckpoints, of_the_manifest_format_need_the_programs_own) {
  folder_.write("step-5/model", "x");
  EXPECT_EQ(finished(CheckpointFormat::kManifest), Steps{});
  folder_.write("step-5/MANIFEST.json", "{}");
  EXPECT_EQ(finished(CheckpointFormat::kManifest), Steps{5});
}

TEST_F(LocalCheckpoints, without_a_marker_never_count) {
  folder_.write("step-5/model", "x");
  EXPECT_EQ(finished(CheckpointFormat::kUnmarked), Steps{});
  EXPECT_NE(unfinished_.find("_SUCCESS"), std::string::npos);
}

TEST_F(LocalCheckpoints, may_not_be_there_at_all) {
  const auto sight = look_at_directory("/nonexistent/folder", CheckpointFormat::kSuccessFile);
  ASSERT_TRUE(sight);
  EXPECT_TRUE(sight->finished.empty());
}

TEST_F(LocalCheckpoints, do_not_follow_links_out_of_the_directory) {
  folder_.write("step-5/model", "x");
  folder_.write("step-5/_SUCCESS", "");
  std::filesystem::create_symlink("/etc/passwd", folder_.path() / "step-5/link");
  const auto sight = look_at_directory(folder_.path().string(), CheckpointFormat::kSuccessFile);
  ASSERT_TRUE(sight);
  ASSERT_EQ(sight->finished.size(), 1U);
  EXPECT_EQ(sight->finished[0].files.size(), 2U);
  const auto files = files_to_send("/dir", sight->finished[0], "rank-00000/");
  EXPECT_EQ(files[1].path, "/dir/step-5/model");
  EXPECT_EQ(files[1].key.str(), "rank-00000/step-5/model");
}

}  // namespace
}  // namespace spillway::agent
