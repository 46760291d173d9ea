#include <spillway/storage/transfer.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/memory_object_store.h"
#include "support/run_task.h"
#include "support/temporary_folder.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;

class Transfer : public ::testing::Test {
 protected:
  Transfer() {
    fs::create_directories(root_ / "in");
    fs::create_directories(root_ / "out");
  }

  void file(const std::string& name, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random_->next());
    folder_.write("in/" + name, bytes);
    sent_[name] = bytes;
  }
  std::vector<FileToSend> files() {
    std::vector<FileToSend> all;
    for (const auto& [name, bytes] : sent_)
      all.push_back({.path = (root_ / "in" / name).string(), .key = Key(name)});
    return all;
  }
  Result<std::vector<ManifestPart>> upload() {
    return *testing::run_task(io_, time_,
                              upload_files(runtime_, store_, Key("job/step-1/"), files(), kSmall));
  }
  Result<void> download(std::vector<ManifestPart> parts) {
    return *testing::run_task(io_, time_,
                              download_files(runtime_, store_, Key("job/step-1/"), std::move(parts),
                                             (root_ / "out").string(), kSmall));
  }
  std::string received(const std::string& name) { return folder_.read("out/" + name); }

  static constexpr TransferOptions kSmall{
      .chunk_size = Bytes(1000), .memory = Bytes(3000), .parallel = 4};
  testing::TemporaryFolder folder_;
  const fs::path root_ = folder_.path();
  std::map<std::string, std::string> sent_;
  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(7);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  testing::MemoryObjectStore store_{time_};
};

TEST_F(Transfer, brings_back_every_byte_of_files_of_every_size) {
  for (const std::size_t size : {0U, 1U, 999U, 1000U, 1001U, 2000U, 12345U})
    file("folder/size-" + std::to_string(size), size);
  const auto parts = upload();
  ASSERT_TRUE(parts) << parts.error().message;
  const auto done = download(*parts);
  ASSERT_TRUE(done) << done.error().message;
  for (const auto& [name, bytes] : sent_)
    EXPECT_TRUE(received(name) == bytes) << name;
  EXPECT_TRUE(store_.uploads.empty());
}

// In real time, because the threads are real.
template <class T>
T run(asio::io_context& io, Task<T> task) {
  std::optional<T> out;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& thrown, T result) {
    EXPECT_FALSE(thrown);
    out = std::move(result);
  });
  io.restart();
  io.run();
  return *std::move(out);
}

TEST_F(Transfer, helper_threads_change_nothing_but_the_time) {
  for (const std::size_t size : {0U, 1U, 1000U, 54321U})
    file("size-" + std::to_string(size), size);
  const auto here = upload();
  TransferOptions helped = kSmall;
  helped.helper_threads = 3;
  const auto timers = make_system_timers(io_.get_executor());
  const auto clock = make_system_clock();
  const Runtime runtime{io_.get_executor(), *clock, *timers, *random_};
  const auto parts = run(io_, upload_files(runtime, store_, Key("helped/"), files(), helped));
  ASSERT_TRUE(here && parts);
  EXPECT_EQ(*parts, *here);
  const std::string target = (root_ / "out").string();
  const auto done =
      run(io_, download_files(runtime, store_, Key("helped/"), *parts, target, helped));
  ASSERT_TRUE(done) << done.error().message;
  for (const auto& [name, bytes] : sent_)
    EXPECT_TRUE(received(name) == bytes) << name;
  store_.objects["helped/size-54321"].bytes[50'000] ^= 1;
  fs::remove_all(target);
  fs::create_directories(target);
  const auto damaged =
      run(io_, download_files(runtime, store_, Key("helped/"), *parts, target, helped));
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kRejected);
}

TEST_F(Transfer, completes_a_file_before_the_next_one_is_sent) {
  file("a", 5000);
  file("b", 5000);
  int parts = 0;
  bool complete = false;
  store_.set_fault([&](std::string_view doing, const Key&) -> std::optional<Error> {
    if (doing == "part" && ++parts == 10) complete = store_.objects.contains("job/step-1/a");
    return std::nullopt;
  });
  ASSERT_TRUE(upload());
  EXPECT_TRUE(complete);
}

TEST_F(Transfer, reads_a_whole_file_hash_piece_by_piece) {
  file("a", 5000);
  auto parts = upload();
  ASSERT_TRUE(parts);
  file("b", 1);
  ManifestPart whole = parts->at(0);
  whole.chunk_size = Bytes(5000);
  // The hash of the whole: that of the same bytes sent as one chunk.
  const auto single = *testing::run_task(
      io_, time_,
      upload_files(runtime_, store_, Key("other/"), {{(root_ / "in/a").string(), Key("a")}},
                   {.chunk_size = Bytes(5000)}));
  ASSERT_TRUE(single);
  whole.chunks = single->at(0).chunks;
  ASSERT_EQ(whole.chunks.size(), 1U);
  const auto done = download({whole});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(received("a") == sent_["a"]);
}

TEST_F(Transfer, notices_a_single_changed_byte) {
  file("a", 2500);
  const auto parts = upload();
  ASSERT_TRUE(parts);
  store_.objects["job/step-1/a"].bytes[1700] ^= 1;
  const auto done = download(*parts);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::kRejected);
  EXPECT_NE(done.error().message.find("damaged"), std::string::npos);
}

TEST_F(Transfer, notices_another_size) {
  file("a", 2500);
  const auto parts = upload();
  ASSERT_TRUE(parts);
  store_.objects["job/step-1/a"].bytes += "more";
  EXPECT_FALSE(download(*parts));
}

TEST_F(Transfer, gives_back_what_it_began_when_anything_fails) {
  file("a", 5000);
  file("b", 5000);
  int parts = 0;
  store_.set_fault([&](std::string_view doing, const Key&) -> std::optional<Error> {
    if (doing != "part" || ++parts < 4) return std::nullopt;
    return Error{.code = ErrorCode::kForbidden, .message = "no"};
  });
  const auto sent = upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kForbidden);
  EXPECT_TRUE(store_.uploads.empty());
  EXPECT_TRUE(store_.objects.empty());
}

TEST_F(Transfer, refuses_a_file_that_grows_meanwhile) {
  file("a", 2500);
  store_.set_fault([&](std::string_view doing, const Key&) -> std::optional<Error> {
    if (doing == "part") std::ofstream(root_ / "in/a", std::ios::app) << "more";
    return std::nullopt;
  });
  const auto sent = upload();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kConflict);
}

TEST_F(Transfer, says_which_file_is_missing) {
  const auto sent = *testing::run_task(
      io_, time_, upload_files(runtime_, store_, Key("x/"), {{"/nonexistent/file", Key("a")}}));
  ASSERT_FALSE(sent);
  EXPECT_NE(sent.error().message.find("/nonexistent/file"), std::string::npos);
}

}  // namespace
}  // namespace spillway::storage
