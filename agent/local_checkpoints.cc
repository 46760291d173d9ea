#include "local_checkpoints.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

namespace spillway::agent {
namespace {

namespace fs = std::filesystem;
using storage::Candidate;
using storage::CheckpointFormat;
using storage::ObjectInfo;

constexpr std::size_t kMaxFiles = 100'000;

Result<ObjectInfo> info_of(const fs::path& path, const std::string& relative) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return fail(ErrorCode::kConflict, relative + " went away");  // the program tidies up
  }
  const Instant modified(
      std::chrono::duration_cast<Duration>(std::chrono::seconds(status.st_mtim.tv_sec) +
                                           std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
  return ObjectInfo{
      .key = storage::Key(relative), .size = Bytes(status.st_size), .modified_at = modified};
}

Result<std::vector<ObjectInfo>> list_tree(const std::string& directory) {
  std::vector<ObjectInfo> files;
  std::error_code error;
  if (!fs::exists(directory, error)) return files;
  fs::recursive_directory_iterator at(directory, error);
  for (const fs::recursive_directory_iterator end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (!at->is_regular_file(gone) || at->is_symlink(gone)) continue;
    if (files.size() == kMaxFiles) {
      return fail(ErrorCode::kRejected,
                  directory +
                      " holds more than 100000 files: let the program remove old "
                      "checkpoints");
    }
    const std::string relative = at->path().string().substr(directory.size() + 1);
    if (auto info = info_of(at->path(), relative)) files.push_back(*std::move(info));
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(ErrorCode::kInternal, "reading " + directory + ": " + error.message());
  }
  return files;
}

Result<std::string> read_head(const std::string& path, std::size_t max_bytes) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(ErrorCode::kNotFound, "no such file");
  std::string bytes(max_bytes, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return bytes;
}

std::string path_of(const std::string& directory, const Candidate& candidate,
                    const storage::Key& key) {
  return (fs::path(directory) / candidate.folder.str() / key.str()).lexically_normal().string();
}

// Where the marker says less on a file system than in an object store, or more.
std::optional<std::string> local_rule(CheckpointFormat format, const Candidate& candidate) {
  const auto has = [&](std::string_view name) {
    return std::any_of(candidate.files.begin(), candidate.files.end(), [&](const ObjectInfo& file) {
      return file.key.str() == name && file.size.value() > 0;
    });
  };
  if (format == CheckpointFormat::kUnmarked) {
    return "nothing tells a finished checkpoint of the format Unmarked: let the program write "
           "_SUCCESS last, and use the format SuccessFile";
  }
  if (format == CheckpointFormat::kManifest) {
    return has(storage::kManifestName) ? "" : "there is no MANIFEST.json yet";
  }
  return std::nullopt;
}

// Orbax renames a finished folder to its final name, and older versions leave no more to see than
// that name. Where it was told to write in place it commits as on an object store: each item's
// marker, the time in its metadata, the marker of the whole. Seen with 0.12.8.
std::string orbax_problem(const std::string& directory, const Candidate& candidate) {
  constexpr std::string_view kMarker = "commit_success.txt";
  const std::string metadata = "_CHECKPOINT_METADATA";
  bool item_marked = false;
  bool told = false;
  for (const ObjectInfo& file : candidate.files) {
    const std::string& key = file.key.str();
    if (key == kMarker) return "";
    item_marked = item_marked || key.ends_with("/" + std::string(kMarker));
    told = told || key == metadata;
  }
  if (candidate.files.empty()) return "it is empty";
  if (item_marked)
    return "its items are committed, and there is no commit_success.txt of the whole";
  if (!told) return "";
  const auto text = read_head(path_of(directory, candidate, storage::Key(metadata)), 64 * 1024);
  if (!text) return metadata + ": " + text.error().message;
  const auto read = nlohmann::json::parse(*text, nullptr, false);
  const auto at = read.is_object() ? read.find("commit_timestamp_nsecs") : read.end();
  const bool committed = read.is_object() && at != read.end() && at->is_number();
  return committed ? "" : metadata + " says that it is not committed yet";
}

// "" = finished.
std::string problem_of(const std::string& directory, CheckpointFormat format,
                       const Candidate& candidate) {
  if (format == CheckpointFormat::kOrbax) return orbax_problem(directory, candidate);
  if (auto problem = local_rule(format, candidate)) return *std::move(problem);
  std::vector<storage::ReadAnswer> answers;
  for (auto wanted = storage::wanted_reads(format, candidate, answers); !wanted.empty();
       wanted = storage::wanted_reads(format, candidate, answers)) {
    for (const storage::ReadRequest& read : wanted) {
      answers.push_back({read, read_head(path_of(directory, candidate, read.key), read.max_bytes)});
    }
  }
  // Which ranks save into this directory is not known; on a file system the marker follows a
  // barrier of them all.
  const storage::Expectation expected{.world_size = 1};
  const storage::Judgement verdict = storage::judge(format, candidate, answers, expected);
  return verdict.validity == storage::Validity::kValid ? std::string() : verdict.reason;
}

LocalCheckpoint local_checkpoint(const Candidate& candidate) {
  LocalCheckpoint local{.step = candidate.step, .folder = candidate.folder.str()};
  for (ObjectInfo file : candidate.files) {
    file.key = storage::Key(local.folder + file.key.str());
    local.files.push_back(std::move(file));
  }
  if (candidate.beside) local.files.push_back(*candidate.beside);
  for (const ObjectInfo& file : local.files) {
    local.bytes += file.size;
    local.finished_at = std::max(local.finished_at, file.modified_at);
  }
  return local;
}

}  // namespace

Result<LocalSight> look_at_directory(const std::string& directory, CheckpointFormat format) {
  TRY(files, list_tree(directory));
  auto candidates = storage::find_candidates(storage::Key(), files);
  const auto newer = [](const Candidate& a, const Candidate& b) {
    return a.step != b.step ? a.step > b.step : a.folder < b.folder;
  };
  std::sort(candidates.begin(), candidates.end(), newer);
  LocalSight sight;
  bool first = true;
  for (const Candidate& candidate : candidates) {
    std::string problem = problem_of(directory, format, candidate);
    if (problem.empty()) sight.finished.push_back(local_checkpoint(candidate));
    if (first) sight.unfinished = std::move(problem);
    first = false;
  }
  return sight;
}

std::vector<storage::FileToSend> files_to_send(const std::string& directory,
                                               const LocalCheckpoint& checkpoint,
                                               const std::string& prefix) {
  std::vector<storage::FileToSend> files;
  files.reserve(checkpoint.files.size());
  for (const ObjectInfo& file : checkpoint.files) {
    files.push_back(
        {.path = directory + "/" + file.key.str(), .key = storage::Key(prefix + file.key.str())});
  }
  return files;
}

}  // namespace spillway::agent
