#include <spillway/storage/transfer.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/memory_object_store.h"
#include "support/run_task.h"

namespace spillway::storage {
namespace {

namespace fs = std::filesystem;

class Transfer : public ::testing::Test {
 protected:
  Transfer() {
    std::string pattern = ::testing::TempDir() + "transfer-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root_ = pattern;
    fs::create_directories(root_ / "in");
    fs::create_directories(root_ / "out");
  }
  ~Transfer() override { fs::remove_all(root_); }

  void file(const std::string& name, std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random_->next());
    fs::create_directories((root_ / "in" / name).parent_path());
    std::ofstream(root_ / "in" / name, std::ios::binary) << bytes;
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
  std::string received(const std::string& name) {
    std::ifstream in(root_ / "out" / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static constexpr TransferOptions kSmall{
      .chunk_size = Bytes(1000), .memory = Bytes(3000), .parallel = 4};
  fs::path root_;
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
