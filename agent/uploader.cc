#include "uploader.h"

#include <algorithm>

#include <spillway/core/log.h>
#include <spillway/storage/checkpoint_search.h>

namespace spillway::agent {
namespace {

// The same files with the same sizes and times: what was sent is what lies there.
bool unchanged(const LocalSight& sight, const LocalCheckpoint& checkpoint) {
  const auto& all = sight.finished;
  const auto same = std::find_if(all.begin(), all.end(), [&](const LocalCheckpoint& other) {
    return other.folder == checkpoint.folder;
  });
  if (same == all.end()) return false;
  // The file beside the folders belongs to the newest of them and may have moved on.
  const auto inside = [&](const std::vector<storage::ObjectInfo>& files) {
    std::vector<storage::ObjectInfo> kept;
    for (const storage::ObjectInfo& file : files) {
      if (file.key.str().starts_with(checkpoint.folder)) kept.push_back(file);
    }
    return kept;
  };
  return inside(same->files) == inside(checkpoint.files);
}

}  // namespace

Task<Result<void>> Uploader::announce() {
  co_return co_await storage::announce(store_, job_.writer_prefix());
}

Task<Result<void>> Uploader::check_successor() {
  TRY_CO(successor, co_await storage::successor_of(store_, job_.prefix, job_.attempt));
  if (successor) {
    co_return fail(ErrorCode::kFenced, "attempt " + std::to_string(successor->value()) +
                                           " has taken over: this one writes nothing any more");
  }
  if (!job_.retry) co_return Result<void>();
  storage::Key attempt = storage::attempt_prefix(job_.prefix, job_.attempt);
  TRY_CO(later, co_await storage::later_retry_of(store_, std::move(attempt), job_.retry->number()));
  if (!later) co_return Result<void>();
  co_return fail(ErrorCode::kFenced,
                 "a later pod of this replica has taken over: this one writes nothing any more");
}

Task<Result<bool>> Uploader::committed_before(storage::Key manifest) {
  const auto there = co_await store_.head(std::move(manifest));
  if (there) co_return true;
  if (there.error().code == ErrorCode::kNotFound) co_return false;
  co_return fail(there.error());
}

storage::Manifest Uploader::manifest_of(const LocalCheckpoint& checkpoint,
                                        std::vector<storage::ManifestPart> parts) const {
  return {.job = job_.job,
          .uid = job_.uid,
          .attempt = job_.attempt,
          .step = checkpoint.step,
          .rank = job_.rank,
          .saved_at = checkpoint.finished_at,
          .parts = std::move(parts)};
}

Task<Result<Committed>> Uploader::upload(LocalCheckpoint checkpoint) {
  const MonotonicTime started = runtime_.clock.monotonic();
  TRY_VOID_CO(co_await check_successor());
  const storage::Key folder = storage::step_prefix(job_.writer_prefix(), checkpoint.step);
  const storage::Key manifest_key(folder.str() + storage::manifest_name(job_.rank));
  Committed committed{.step = checkpoint.step, .folder = folder, .bytes = checkpoint.bytes};
  TRY_CO(before, co_await committed_before(manifest_key));
  if (!before) {
    auto files = files_to_send(job_.directory, checkpoint, storage::rank_folder(job_.rank));
    TRY_CO(parts, co_await storage::upload_files(runtime_, store_, folder, std::move(files),
                                                 job_.transfer));
    TRY_CO(sight, look_at_directory(job_.directory, job_.format));
    if (!unchanged(sight, checkpoint)) {
      co_return fail(ErrorCode::kConflict,
                     checkpoint.folder + " changed while it was uploaded: it is tried again");
    }
    // Once more, as late as can be. What still gets through is ordered behind the successor by its
    // attempt (storage/checkpoint.h).
    TRY_VOID_CO(co_await check_successor());
    std::string bytes = storage::write_manifest(manifest_of(checkpoint, std::move(parts)));
    const auto put =
        co_await store_.put(manifest_key, std::move(bytes), storage::WriteCondition::kIfAbsent);
    if (!put && put.error().code != ErrorCode::kAlreadyExists) co_return fail(put.error());
    if (!put) log::warning("the step was committed by another", {{"key", manifest_key.str()}});
  }
  committed.committed_at = runtime_.clock.now();
  committed.upload_time = runtime_.clock.monotonic() - started;
  co_return committed;
}

}  // namespace spillway::agent
