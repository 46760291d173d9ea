// The verdict on every format, over listings as the writers leave them.
#include <spillway/storage/checkpoint.h>

#include <gtest/gtest.h>

#include <spillway/storage/manifest.h>

namespace spillway::storage {
namespace {

struct TestFile {
  std::string name;
  std::string bytes;
  int written_at = 0;  // seconds
};

const Instant kStart = parse_instant("2026-11-21T09:00:00Z").value();

ObjectInfo info(const std::string& key, const TestFile& file) {
  return {.key = Key(key),
          .size = Bytes(static_cast<std::int64_t>(file.bytes.size())),
          .tag = EntityTag("\"x\""),
          .modified_at = kStart + std::chrono::seconds(file.written_at)};
}

// One folder of attempt 3, judged with its reads answered from the files.
class Folder {
 public:
  Folder(std::string name, std::vector<TestFile> files)
      : name_(std::move(name)), files_(std::move(files)) {}

  Judgement judged(CheckpointFormat format, const Expectation& expectation = {},
                   const std::string& unreadable = {}) const {
    std::vector<ObjectInfo> listing;
    for (const TestFile& file : files_)
      listing.push_back(info(key_of(file.name), file));
    const auto candidates = find_candidates(Key("job/"), listing);
    if (candidates.empty()) return {.reason = "no candidate"};
    std::vector<ReadAnswer> answers;
    for (auto wanted = wanted_reads(format, candidates[0], answers); !wanted.empty();
         wanted = wanted_reads(format, candidates[0], answers)) {
      for (const ReadRequest& read : wanted)
        answers.push_back({read, bytes_of(read, unreadable)});
    }
    return judge(format, candidates[0], answers, expectation);
  }

 private:
  [[nodiscard]] std::string key_of(const std::string& file) const {
    const bool beside = file.starts_with("../");
    return "job/attempt-0003/" + (beside ? file.substr(3) : name_ + "/" + file);
  }
  [[nodiscard]] Result<std::string> bytes_of(const ReadRequest& read,
                                             const std::string& unreadable) const {
    if (read.key.str() == unreadable) return fail(ErrorCode::kForbidden, "access denied");
    for (const TestFile& file : files_) {
      if (file.name == read.key.str()) return file.bytes.substr(0, read.max_bytes);
    }
    return fail(ErrorCode::kNotFound, "no such key");
  }

  std::string name_;
  std::vector<TestFile> files_;
};

void expect(const Judgement& judgement, Validity validity, const std::string& reason) {
  EXPECT_EQ(judgement.validity, validity) << judgement.reason;
  EXPECT_NE(judgement.reason.find(reason), std::string::npos) << judgement.reason;
}

// --- Manifest ---

Manifest manifest_of(const std::vector<TestFile>& parts, Rank rank = {}) {
  Manifest manifest{.job = {Namespace("team-a"), ObjectName("llama")},
                    .uid = Uid("u1"),
                    .attempt = AttemptNumber(3),
                    .step = TrainingStep(500),
                    .rank = rank,
                    .saved_at = kStart};
  for (const TestFile& part : parts) {
    const Bytes size(static_cast<std::int64_t>(part.bytes.size()));
    manifest.parts.push_back({.key = Key(part.name),
                              .size = size,
                              .chunk_size = std::max(size, Bytes(1)),
                              .chunks = {Sha256(std::string(64, '0'))}});
  }
  return manifest;
}
TestFile manifest_file(const std::vector<TestFile>& parts, Rank rank = {}, int at = 10) {
  return {manifest_name(rank), write_manifest(manifest_of(parts, rank)), at};
}
const std::vector<TestFile> kParts{{"model.bin", "weights", 1}, {"optim.bin", "state", 2}};
constexpr const char* kStep = "step-000000000500";

TEST(ManifestFormat, is_valid_when_all_named_files_are_there) {
  auto files = kParts;
  files.push_back(manifest_file(kParts));
  const auto judgement = Folder(kStep, files).judged(CheckpointFormat::kManifest);
  expect(judgement, Validity::kValid, "2 files");
  EXPECT_EQ(judgement.step, TrainingStep(500));
  EXPECT_EQ(judgement.attempt, AttemptNumber(3));
  EXPECT_EQ(judgement.files, 3);
  EXPECT_EQ(judgement.committed_at, kStart + std::chrono::seconds(10));
}

TEST(ManifestFormat, is_invalid_at_every_point_before_its_commit) {
  std::vector<TestFile> files = kParts;
  files.push_back(manifest_file(kParts));
  for (std::size_t written = 1; written < files.size(); ++written) {
    const std::vector<TestFile> cut(files.begin(), files.begin() + static_cast<long>(written));
    expect(Folder(kStep, cut).judged(CheckpointFormat::kManifest), Validity::kInvalid,
           "not committed");
  }
}

TEST(ManifestFormat, does_not_trust_a_marker_written_before_its_data) {
  expect(Folder(kStep, {kParts[0], manifest_file(kParts)}).judged(CheckpointFormat::kManifest),
         Validity::kInvalid, "optim.bin is missing");
  auto longer = kParts;
  longer[1].bytes = "state and more";
  auto files = kParts;
  files.push_back(manifest_file(longer));
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest), Validity::kInvalid,
         "has 5 bytes, the manifest says 14");
}

TEST(ManifestFormat, sees_a_part_overwritten_after_the_commit) {
  auto files = kParts;
  files[0].written_at = 11;
  files.push_back(manifest_file(kParts));
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest), Validity::kInvalid,
         "after the manifest");
}

TEST(ManifestFormat, belongs_to_the_job_of_that_uid_step_and_attempt) {
  auto files = kParts;
  files.push_back(manifest_file(kParts));
  const Folder folder(kStep, files);
  expect(folder.judged(CheckpointFormat::kManifest, {.uid = Uid("u2")}), Validity::kInvalid,
         "another job of this name");
  expect(folder.judged(CheckpointFormat::kManifest, {.uid = Uid("u1")}), Validity::kValid, "");
  expect(Folder("step-000000000600", files).judged(CheckpointFormat::kManifest), Validity::kInvalid,
         "is of step 500");
  auto manifest = manifest_of(kParts);
  manifest.attempt = AttemptNumber(2);
  files.back().bytes = write_manifest(manifest);
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest), Validity::kInvalid,
         "written by attempt 2");
}

TEST(ManifestFormat, needs_the_commit_of_every_rank) {
  std::vector<TestFile> files;
  for (int rank = 0; rank < 3; ++rank) {
    const Rank writer{.index = rank, .world_size = 3};
    const TestFile part{rank_folder(writer) + "shard.bin", "x", 1};
    files.push_back(part);
    expect(rank == 0 ? Folder(kStep, files).judged(CheckpointFormat::kManifest)
                     : Folder(kStep, files).judged(CheckpointFormat::kManifest),
           Validity::kInvalid, rank == 0 ? "not committed" : "has not committed");
    files.push_back(manifest_file({part}, writer));
  }
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest), Validity::kValid, "3 files");
}

TEST(ManifestFormat, stays_unknown_when_the_manifest_cannot_be_read) {
  auto files = kParts;
  files.push_back(manifest_file(kParts));
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest, {}, "MANIFEST.json"),
         Validity::kUnknown, "access denied");
}

TEST(ManifestFormat, is_invalid_when_the_manifest_is_cut_off) {
  auto files = kParts;
  files.push_back(manifest_file(kParts));
  files.back().bytes.resize(40);
  expect(Folder(kStep, files).judged(CheckpointFormat::kManifest), Validity::kInvalid,
         "not understood");
}

// --- torch DCP ---

// As a pickle has them: a length byte, the name, an opcode.
std::string pickled(const std::vector<std::string>& names) {
  std::string text = "\x80\x02}";
  for (const std::string& name : names)
    text +=
        "X" + std::string(1, static_cast<char>(name.size())) + std::string(3, '\0') + name + "q";
  return text;
}
const std::vector<std::string> kShards{"__0_0.distcp", "__0_1.distcp", "__1_0.distcp"};

std::vector<TestFile> dcp_files() {
  std::vector<TestFile> files;
  for (const std::string& name : kShards)
    files.push_back({name, "tensor", 1});
  files.push_back({".metadata", pickled(kShards), 2});
  return files;
}

TEST(TorchDistributedFormat, is_valid_when_every_file_that_metadata_names_is_there) {
  expect(Folder("checkpoint-500", dcp_files()).judged(CheckpointFormat::kTorchDistributed),
         Validity::kValid, "names 3 files");
}

TEST(TorchDistributedFormat, is_invalid_at_every_point_of_the_write_sequence) {
  const auto files = dcp_files();
  for (std::size_t written = 1; written < files.size(); ++written) {
    const std::vector<TestFile> cut(files.begin(), files.begin() + static_cast<long>(written));
    expect(Folder("checkpoint-500", cut).judged(CheckpointFormat::kTorchDistributed),
           Validity::kInvalid, "not committed");
  }
}

TEST(TorchDistributedFormat, misses_the_file_of_one_rank) {
  auto files = dcp_files();
  files.erase(files.begin() + 2);
  expect(Folder("500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kInvalid,
         "__1_0.distcp is missing");
}

TEST(TorchDistributedFormat, sees_empty_and_newer_files) {
  auto files = dcp_files();
  files[1].bytes.clear();
  expect(Folder("500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kInvalid,
         "is empty");
  files = dcp_files();
  files[1].written_at = 3;
  expect(Folder("500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kInvalid,
         "after the marker");
}

TEST(TorchDistributedFormat, judges_each_folder_of_several_by_its_own_marker) {
  std::vector<TestFile> files;
  for (const TestFile& file : dcp_files()) {
    files.push_back({"model/" + file.name, file.bytes, file.written_at});
    files.push_back({"optim/" + file.name, file.bytes, file.written_at + 5});
  }
  expect(Folder("step-500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kValid,
         "");
  std::erase_if(files, [](const TestFile& file) { return file.name == "optim/.metadata"; });
  expect(Folder("step-500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kInvalid,
         "optim/.metadata is not there");
}

TEST(TorchDistributedFormat, stays_unknown_when_metadata_names_nothing_or_cannot_be_read) {
  auto files = dcp_files();
  files.back().bytes = "something else";
  expect(Folder("500", files).judged(CheckpointFormat::kTorchDistributed), Validity::kUnknown,
         "names no .distcp");
  expect(Folder("500", dcp_files()).judged(CheckpointFormat::kTorchDistributed, {}, ".metadata"),
         Validity::kUnknown, "could not be read");
}

// --- formats with a bare marker ---

TEST(MarkerFormats, are_valid_with_their_marker_and_invalid_without) {
  const std::vector<TestFile> orbax{{"default/manifest.ocdbt", "m", 1},
                                    {"default/d/0123", "data", 1},
                                    {"commit_success.txt", "Checkpoint commit was successful", 2}};
  expect(Folder("500", orbax).judged(CheckpointFormat::kOrbax), Validity::kValid, "");
  expect(Folder("500", {orbax[0], orbax[1]}).judged(CheckpointFormat::kOrbax), Validity::kInvalid,
         "commit_success.txt");
  const std::vector<TestFile> success{{"a.bin", "data", 1}, {"_SUCCESS", "", 2}};
  expect(Folder("step_500", success).judged(CheckpointFormat::kSuccessFile), Validity::kValid, "");
  expect(Folder("step_500", {success[0]}).judged(CheckpointFormat::kSuccessFile),
         Validity::kInvalid, "not committed");
  expect(Folder("step_500", {success[1]}).judged(CheckpointFormat::kSuccessFile),
         Validity::kInvalid, "nothing else");
}

TEST(MarkerFormats, see_empty_files_and_files_newer_than_the_marker) {
  expect(Folder("500", {{"a", "", 1}, {"_SUCCESS", "", 2}}).judged(CheckpointFormat::kSuccessFile),
         Validity::kInvalid, "is empty");
  expect(Folder("500", {{"a", "x", 3}, {"_SUCCESS", "", 2}}).judged(CheckpointFormat::kSuccessFile),
         Validity::kInvalid, "after the marker");
}

TEST(UnmarkedFormat, is_never_more_than_unknown) {
  expect(Folder("500", {{"a.bin", "x", 1}}).judged(CheckpointFormat::kUnmarked), Validity::kUnknown,
         "allowUnverified");
}

// --- DeepSpeed ---

std::vector<TestFile> deepspeed_files(const std::string& latest) {
  return {{"mp_rank_00_model_states.pt", "m", 1},
          {"bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", "o", 1},
          {"bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt", "o", 1},
          {"../latest", latest, 2}};
}

TEST(DeepSpeedFormat, is_confirmed_by_latest_naming_it_or_a_later_one) {
  const Expectation two{.world_size = 2};
  for (const char* latest : {"global_step500", "global_step500\n", "global_step700"}) {
    auto files = deepspeed_files(latest);
    expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed, two),
           Validity::kValid, "2 ranks");
  }
  expect(Folder("global_step500", deepspeed_files("global_step400"))
             .judged(CheckpointFormat::kDeepSpeed, two),
         Validity::kInvalid, "still names global_step400");
}

TEST(DeepSpeedFormat, needs_latest_and_the_state_of_every_rank) {
  auto files = deepspeed_files("global_step500");
  expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed, {.world_size = 3}),
         Validity::kInvalid, "rank 2 of 3");
  expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed), Validity::kUnknown,
         "how many ranks");
  files.erase(files.begin() + 1);
  expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed, {.world_size = 2}),
         Validity::kInvalid, "rank 0 is missing");
  files = deepspeed_files("global_step500");
  files.pop_back();
  expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed, {.world_size = 2}),
         Validity::kInvalid, "'latest'");
}

TEST(DeepSpeedFormat, sees_the_empty_files_of_a_power_loss) {
  auto files = deepspeed_files("global_step500");
  files[0].bytes.clear();
  expect(Folder("global_step500", files).judged(CheckpointFormat::kDeepSpeed, {.world_size = 2}),
         Validity::kInvalid, "is empty");
}

// --- safetensors and Hugging Face ---

std::string safetensors(std::size_t data) {
  std::string header = R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1],)"
                       R"("data_offsets":[0,)" +
                       std::to_string(data) + "]}}";
  std::string out(8, '\0');
  out[0] = static_cast<char>(header.size());
  return out + header + std::string(data, 'w');
}

TEST(SafetensorsFormat, knows_the_length_of_a_file_from_its_head) {
  const std::string whole = safetensors(40);
  expect(Folder("500", {{"model.safetensors", whole, 1}}).judged(CheckpointFormat::kSafetensors),
         Validity::kValid, "1 weight file");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Folder cut("500", {{"model.safetensors", whole.substr(0, length), 1}});
    expect(cut.judged(CheckpointFormat::kSafetensors), Validity::kInvalid, "model.safetensors");
  }
}

TEST(SafetensorsFormat, reads_a_header_longer_than_the_first_read) {
  std::string header =
      R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"x":")";
  header += std::string(100'000, 'x') + "\"}}";
  std::string file(8, '\0');
  for (std::size_t i = 0, rest = header.size(); i < 8; ++i, rest >>= 8)
    file[i] = static_cast<char>(rest & 255U);
  file += header + "data";
  expect(Folder("500", {{"model.safetensors", file, 1}}).judged(CheckpointFormat::kSafetensors),
         Validity::kValid, "");
}

TEST(SafetensorsFormat, misses_shards_by_index_and_by_name) {
  const std::string index =
      R"({"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}})";
  const TestFile first{"model-00001-of-00002.safetensors", safetensors(8), 1};
  const TestFile second{"model-00002-of-00002.safetensors", safetensors(8), 1};
  const TestFile map{"model.safetensors.index.json", index, 1};
  const auto judged = [](std::vector<TestFile> files) {
    return Folder("500", std::move(files)).judged(CheckpointFormat::kSafetensors);
  };
  expect(judged({first, second, map}), Validity::kValid, "2 weight files");
  expect(judged({first, second}), Validity::kUnknown, "not model.safetensors.index.json");
  expect(judged({first, map}), Validity::kInvalid, "00002-of-00002");
  expect(judged({first}), Validity::kInvalid, "00002-of-00002");
  expect(judged({map}), Validity::kInvalid, "index names it");
  expect(judged({first, second, {map.name, index.substr(0, 30), 1}}), Validity::kInvalid,
         "cut off");
}

std::vector<TestFile> trainer_files(int step = 500) {
  return {{"model.safetensors", safetensors(16), 1},
          {"optimizer.pt", "o", 1},
          {"scheduler.pt", "s", 1},
          {"rng_state_1.pth", "r", 9},
          {"trainer_state.json", R"({"global_step": )" + std::to_string(step) + "}", 2}};
}

TEST(TransformersFormat, is_valid_with_its_state_and_whole_weights) {
  expect(Folder("checkpoint-500", trainer_files()).judged(CheckpointFormat::kTransformers),
         Validity::kValid, "1 weight file");
}

TEST(TransformersFormat, does_not_trust_the_name_of_the_folder) {
  auto files = trainer_files();
  files.pop_back();
  expect(Folder("checkpoint-500", files).judged(CheckpointFormat::kTransformers),
         Validity::kInvalid, "trainer_state.json");
  expect(Folder("checkpoint-500", trainer_files(400)).judged(CheckpointFormat::kTransformers),
         Validity::kInvalid, "of step 400");
  files = trainer_files();
  files[0].bytes.resize(files[0].bytes.size() - 1);
  expect(Folder("checkpoint-500", files).judged(CheckpointFormat::kTransformers),
         Validity::kInvalid, "its header says");
  files = trainer_files();
  files.back().bytes.resize(5);
  expect(Folder("checkpoint-500", files).judged(CheckpointFormat::kTransformers),
         Validity::kInvalid, "cut off");
  files = trainer_files();
  files.erase(files.begin());
  expect(Folder("checkpoint-500", files).judged(CheckpointFormat::kTransformers),
         Validity::kInvalid, "no weights");
}

// --- candidates and order ---

std::vector<std::string> order_of(const std::vector<std::string>& keys) {
  std::vector<ObjectInfo> listing;
  for (const std::string& key : keys)
    listing.push_back(info("job/" + key, {"", "x", 0}));
  std::vector<std::string> folders;
  for (const Candidate& candidate : find_candidates(Key("job/"), listing))
    folders.push_back(candidate.folder.str().substr(4));
  return folders;
}

TEST(Candidates, of_a_later_attempt_come_first_however_many_steps_an_earlier_one_did) {
  EXPECT_EQ(
      order_of({"attempt-0002/step-900/a", "attempt-0003/step-500/a", "step-9999/a",
                "attempt-0003/step-600/a", "attempt-0010/step-1/a"}),
      (std::vector<std::string>{"attempt-0010/step-1/", "attempt-0003/step-600/",
                                "attempt-0003/step-500/", "attempt-0002/step-900/", "step-9999/"}));
}

TEST(Candidates, of_a_later_pod_of_a_replica_come_first_however_many_steps_an_earlier_one_did) {
  EXPECT_EQ(order_of({"attempt-0002/retry-5-0/step-900/a", "attempt-0003/retry-0-0/step-800/a",
                      "attempt-0003/retry-1-9/step-10/a", "attempt-0003/retry-2-0/step-500/a"}),
            (std::vector<std::string>{
                "attempt-0003/retry-1-9/step-10/", "attempt-0003/retry-2-0/step-500/",
                "attempt-0003/retry-0-0/step-800/", "attempt-0002/retry-5-0/step-900/"}));
}

TEST(Candidates, are_folders_that_say_a_step) {
  EXPECT_EQ(
      order_of({"attempt-0001/run/checkpoint-5/a/b", "attempt-0001/ATTEMPT", "attempt-0001/logs/x",
                "attempt-0001/7.orbax-checkpoint-tmp-3/a", "attempt-0001/step-000000000009/"}),
      (std::vector<std::string>{"attempt-0001/run/checkpoint-5/"}));
}

TEST(Formats, are_named_and_read_back) {
  for (int i = 0; i <= static_cast<int>(CheckpointFormat::kUnmarked); ++i) {
    const auto format = static_cast<CheckpointFormat>(i);
    EXPECT_EQ(parse_checkpoint_format(to_string(format)), format);
  }
  EXPECT_NE(parse_checkpoint_format("Zip").error().message.find("write one of"), std::string::npos);
}

TEST(Removal, takes_the_marker_first) {
  std::vector<ObjectInfo> listing;
  for (const char* name : {"A.bin", "MANIFEST.json", "Z.bin"})
    listing.push_back(info("job/step-5/" + std::string(name), {"", "x", 0}));
  const auto candidates = find_candidates(Key("job/"), listing);
  ASSERT_EQ(candidates.size(), 1U);
  const auto keys = removal_order(CheckpointFormat::kManifest, candidates[0]);
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].str(), "job/step-5/MANIFEST.json");
}

TEST(Removal, half_done_leaves_nothing_that_is_valid) {
  auto files = kParts;
  files.push_back(manifest_file(kParts));
  std::vector<ObjectInfo> listing;
  for (const TestFile& file : files)
    listing.push_back(info("job/attempt-0003/step-500/" + file.name, file));
  const auto keys =
      removal_order(CheckpointFormat::kManifest, find_candidates(Key("job/"), listing).at(0));
  for (std::size_t removed = 1; removed < keys.size(); ++removed) {
    std::erase_if(files, [&](const TestFile& file) {
      return keys[removed - 1].str().ends_with("/" + file.name);
    });
    expect(Folder("step-500", files).judged(CheckpointFormat::kManifest), Validity::kInvalid, "");
  }
}

}  // namespace
}  // namespace spillway::storage
