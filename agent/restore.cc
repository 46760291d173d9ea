#include "restore.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <spillway/core/log.h>
#include <spillway/storage/checkpoint_search.h>
#include <spillway/storage/manifest.h>
#include <spillway/storage/transfer.h>

#include "resume_file.h"

namespace spillway::agent {
namespace {

namespace fs = std::filesystem;
using storage::Manifest;
using storage::ManifestPart;

constexpr std::string_view kPartial = ".spillway-restore";

tl::unexpected<Error> failed(const std::string& doing, const std::error_code& error) {
  return fail(ErrorCode::kInternal, doing + ": " + error.message());
}

// All manifests of the checkpoint, in the order of their ranks.
Task<Result<std::vector<Manifest>>> read_manifests(storage::ObjectStore* store,
                                                   storage::Key folder) {
  storage::ListRequest request{.prefix = folder, .delimiter = "/"};
  TRY_CO(listing, co_await store->list(std::move(request)));
  std::vector<Manifest> manifests;
  for (const storage::ObjectInfo& object : listing.objects) {
    const auto rank = storage::parse_manifest_name(object.key.str().substr(folder.str().size()));
    if (!rank) continue;
    TRY_CO(data, co_await store->get(object.key, std::nullopt, storage::kMaxManifestBytes));
    TRY_CO(manifest, storage::parse_manifest(data.bytes));
    manifests.push_back(std::move(manifest));
  }
  std::sort(manifests.begin(), manifests.end(),
            [](const Manifest& a, const Manifest& b) { return a.rank.index < b.rank.index; });
  co_return manifests;
}

Result<void> check(const std::vector<Manifest>& manifests, const storage::S3Uri& from,
                   const RestoreSettings& settings) {
  if (manifests.empty()) {
    return fail(ErrorCode::kNotFound, to_string(from) +
                                          " has no MANIFEST.json: it is not a checkpoint of an "
                                          "agent, or it was removed");
  }
  const Manifest& first = manifests.front();
  if (first.uid != settings.job.uid) {
    return fail(ErrorCode::kRejected,
                "the checkpoint belongs to another job (uid " + first.uid.str() + ")");
  }
  if (settings.step && first.step != *settings.step) {
    return fail(ErrorCode::kRejected, "the checkpoint is of step " +
                                          std::to_string(first.step.value()) + ", not " +
                                          std::to_string(settings.step->value()));
  }
  const auto world_size = static_cast<std::size_t>(first.rank.world_size);
  if (manifests.size() != world_size) {
    return fail(ErrorCode::kRejected, "the checkpoint has the parts of " +
                                          std::to_string(manifests.size()) + " writers of " +
                                          std::to_string(world_size));
  }
  return {};
}

// The parts that this pod gets, and the folder of their writer, which is left out on its disk.
struct Wanted {
  ManifestPart part;
  std::string folder;
};
std::vector<Wanted> wanted_parts(const std::vector<Manifest>& manifests,
                                 const storage::Rank& mine) {
  const int then = manifests.front().rank.world_size;
  const bool own = then > 1 && then == mine.world_size;
  std::vector<Wanted> wanted;
  std::set<std::string> names;
  for (const Manifest& manifest : manifests) {
    if (own && manifest.rank.index != mine.index) continue;
    const std::string folder = storage::rank_folder(manifest.rank);
    for (const ManifestPart& part : manifest.parts) {
      // A marker that every writer has is the same for all: the first one's.
      const std::string& key = part.key.str();
      const bool inside = key.starts_with(folder);
      if (!names.insert(inside ? key.substr(folder.size()) : key).second) continue;
      wanted.push_back({.part = part, .folder = inside ? folder : std::string()});
    }
  }
  return wanted;
}

Result<std::vector<std::string>> move_into_place(const fs::path& partial,
                                                 const fs::path& directory) {
  std::vector<std::string> entries;
  std::error_code error;
  for (fs::directory_iterator at(partial, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path().filename().string());
  if (error) return failed("reading " + partial.string(), error);
  // Folders first: a file beside them (DeepSpeed's latest) names one.
  std::sort(entries.begin(), entries.end(), [&](const std::string& a, const std::string& b) {
    const bool folder_a = fs::is_directory(partial / a);
    const bool folder_b = fs::is_directory(partial / b);
    return folder_a != folder_b ? folder_a : a < b;
  });
  for (const std::string& entry : entries) {
    fs::remove_all(directory / entry, error);
    if (!error) fs::rename(partial / entry, directory / entry, error);
    if (error) return failed("renaming " + entry, error);
  }
  fs::remove_all(partial, error);
  if (error) return failed("removing " + partial.string(), error);
  return entries;
}

Result<fs::path> fresh_folder(const std::string& directory) {
  const fs::path partial = fs::path(directory) / kPartial;
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error) fs::remove_all(partial, error);
  if (error) return failed("preparing " + directory, error);
  return partial;
}

// Downloads every writer's files, without the writer's folder in their names.
Task<Result<Bytes>> fetch(const Runtime* runtime, storage::ObjectStore* store, storage::Key folder,
                          std::vector<Wanted> wanted, std::string target,
                          storage::TransferOptions options) {
  std::map<std::string, std::vector<ManifestPart>> by_folder;
  Bytes bytes;
  for (Wanted& entry : wanted) {
    bytes += entry.part.size;
    entry.part.key = storage::Key(entry.part.key.str().substr(entry.folder.size()));
    by_folder[entry.folder].push_back(std::move(entry.part));
  }
  // A node that loses power starts its init containers again: nothing is gained by waiting for the
  // disk.
  options.durable = false;
  for (auto& [writer, parts] : by_folder) {
    const storage::Key from(folder.str() + writer);
    TRY_VOID_CO(co_await storage::download_files(*runtime, *store, from, std::move(parts), target,
                                                 options));
  }
  co_return bytes;
}

// Of a replica that retries alone; nullopt: there is none, proven by the store.
Task<std::optional<storage::FoundCheckpoint>> newest_of_replica(const Runtime* runtime,
                                                                storage::ObjectStore* store,
                                                                JobSettings job,
                                                                RestoreTimes times) {
  const MonotonicTime began = runtime->clock.monotonic();
  const auto timer = runtime->timers.make();
  Duration pause = times.look_again;
  while (true) {
    // First that this pod has begun: an earlier one that lives on, cut off, commits nothing after
    // it has seen that.
    const auto begun = co_await storage::announce(*store, job.writer_prefix());
    storage::Expectation expected{.job = job.job, .uid = job.uid};
    auto found = co_await storage::find_newest_valid(
        *runtime, *store, job.prefix, storage::CheckpointFormat::kManifest, std::move(expected));
    if (!begun) found = fail(begun.error());
    const bool waited = runtime->clock.monotonic() - began >= times.patience;
    if (found && (!found->uncertain() || (found->newest && waited))) co_return found->newest;
    log::warning(
        "what to resume from is not known yet: the store is asked again",
        {{"why", found ? found->passed_over.front().judgement.reason : found.error().message}});
    co_await timer->wait_until(runtime->clock.monotonic() + pause);
    pause = std::min(pause * 2, times.look_again_longest);
  }
}

// Names the checkpoint in the settings, as the operator does for others.
Task<void> find_own(const Runtime* runtime, storage::ObjectStore* store, RestoreSettings* settings,
                    RestoreTimes times) {
  const auto found = co_await newest_of_replica(runtime, store, settings->job, times);
  if (!found) co_return;
  settings->from = storage::S3Uri{settings->store.s3.bucket, found->candidate.folder};
  settings->step = found->candidate.step;
  settings->written_by = found->candidate.attempt;
}

}  // namespace

Task<Result<Restored>> restore(const Runtime& runtime, storage::ObjectStore& store,
                               RestoreSettings settings, RestoreTimes times) {
  TRY_CO(partial, fresh_folder(settings.job.directory));
  if (settings.job.retry) {
    TRY_VOID_CO(remove_resume_file(settings.job.directory));
    co_await find_own(&runtime, &store, &settings, times);
  }
  if (!settings.from) co_return Restored{};
  const storage::Key folder = settings.from->key;
  TRY_CO(manifests, co_await read_manifests(&store, folder));
  TRY_VOID_CO(check(manifests, *settings.from, settings));
  std::error_code error;
  fs::create_directories(partial, error);
  if (error) co_return failed("making " + partial.string(), error);
  Restored restored{.step = manifests.front().step, .anything = true};
  auto wanted = wanted_parts(manifests, settings.job.rank);
  TRY_CO(bytes, co_await fetch(&runtime, &store, folder, std::move(wanted), partial.string(),
                               settings.job.transfer));
  restored.bytes = bytes;
  TRY_CO(entries, move_into_place(partial, settings.job.directory));
  restored.entries = std::move(entries);
  if (settings.job.retry)
    TRY_VOID_CO(write_resume_file(settings.job.directory, *settings.from, restored.step,
                                  settings.written_by));
  co_return restored;
}

}  // namespace spillway::agent
