// What is saved: the shard as a file format, and the directory that it is kept in.

#include "shelf.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace spillway::trainer {
namespace {

namespace fs = std::filesystem;

State some_state(std::int64_t step, std::size_t parameters = 101) {
  State state{.step = Step(step), .weights = {}, .momentum = {}};
  for (std::size_t i = 0; i < parameters; ++i) {
    state.weights.push_back(static_cast<float>(i) / 7.0F);
    state.momentum.push_back(-static_cast<float>(i) / 3.0F);
  }
  return state;
}

TEST(Shard, those_of_all_ranks_make_the_whole_state) {
  const State state = some_state(1200);
  State merged{.step = {}, .weights = std::vector<float>(101), .momentum = std::vector<float>(101)};
  for (int rank = 0; rank < 3; ++rank) {
    const Place place{.rank = rank, .world_size = 3};
    const auto shard = parse_shard(write_shard(state, place), 101, place);
    ASSERT_TRUE(shard) << shard.error().message;
    merge(merged, *shard, share(101, place));
  }
  EXPECT_EQ(merged, state);
  EXPECT_EQ(fingerprint(merged), fingerprint(state));
}

TEST(Shard, another_ranks_or_another_models_or_a_cut_one_is_refused) {
  const Place place{.rank = 1, .world_size = 2};
  const std::string bytes = write_shard(some_state(7), place);
  EXPECT_FALSE(parse_shard(bytes, 101, {.rank = 0, .world_size = 2}));
  EXPECT_FALSE(parse_shard(bytes, 101, {.rank = 1, .world_size = 3}));
  EXPECT_FALSE(parse_shard(bytes, 99, place));
  for (std::size_t length = 0; length < bytes.size(); length += 13)
    EXPECT_FALSE(parse_shard(std::string_view(bytes).substr(0, length), 101, place)) << length;
}

class DirectoryShelf : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(::testing::TempDir()) /
                 ("shelf-" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    shelf_ = make_directory_shelf(directory_.string(), kPlace, 2);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void save(std::int64_t step) {
    ASSERT_TRUE(shelf_->write(Step(step), write_shard(some_state(step), kPlace)));
    ASSERT_TRUE(shelf_->commit(Step(step)));
  }

  static constexpr Place kPlace{.rank = 1, .world_size = 2};
  fs::path directory_;
  std::unique_ptr<Shelf> shelf_;
};

TEST_F(DirectoryShelf, gives_back_what_was_written) {
  save(1200);
  EXPECT_EQ(shelf_->steps().value_or(std::vector<Step>{}), std::vector<Step>{Step(1200)});
  EXPECT_EQ(shelf_->read(Step(1200)).value_or(""), write_shard(some_state(1200), kPlace));
  EXPECT_TRUE(fs::exists(directory_ / "step-000000001200" / "_SUCCESS"));
}

TEST_F(DirectoryShelf, keeps_the_newest) {
  for (const int step : {100, 200, 300})
    save(step);
  EXPECT_EQ(shelf_->steps().value_or(std::vector<Step>{}),
            (std::vector<Step>{Step(200), Step(300)}));
}

TEST_F(DirectoryShelf, what_a_power_cut_left_half_written_is_not_seen_and_in_nobodys_way) {
  const fs::path half = directory_ / "step-000000000300.partial";
  fs::create_directories(half);
  std::ofstream(half / shard_name(kPlace)) << "half a sha";
  EXPECT_TRUE(shelf_->steps().value_or(std::vector<Step>{Step(1)}).empty());
  save(300);
  EXPECT_EQ(shelf_->steps().value_or(std::vector<Step>{}), std::vector<Step>{Step(300)});
  EXPECT_FALSE(fs::exists(half));
}

TEST_F(DirectoryShelf, a_step_is_written_again_after_a_life_that_did_not_count) {
  save(300);
  ASSERT_TRUE(shelf_->write(Step(300), "another"));
  EXPECT_EQ(shelf_->read(Step(300)).value_or(""), "another");
}

TEST_F(DirectoryShelf, the_shard_of_another_rank_is_not_its_own) {
  save(1200);
  auto other = make_directory_shelf(directory_.string(), {.rank = 0, .world_size = 2}, 2);
  EXPECT_TRUE(other->steps().value_or(std::vector<Step>{Step(1)}).empty());
}

TEST_F(DirectoryShelf, a_directory_that_is_not_there_is_an_error_and_not_a_beginning) {
  auto nowhere = make_directory_shelf((directory_ / "not-mounted").string(), kPlace, 2);
  EXPECT_FALSE(nowhere->steps());
}

}  // namespace
}  // namespace spillway::trainer
