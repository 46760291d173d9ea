#pragma once
// Brings one finished checkpoint to the store: files first, the manifest last and only once.

#include <optional>

#include <spillway/storage/manifest.h>

#include "local_checkpoints.h"
#include "settings.h"

namespace spillway::agent {

struct Committed {
  storage::TrainingStep step;
  storage::Key folder;
  Bytes bytes;
  Instant committed_at{};
  Duration upload_time{};
};

class Uploader {
 public:
  // What is referred to outlives it.
  Uploader(Runtime runtime, storage::ObjectStore& store, JobSettings job)
      : runtime_(std::move(runtime)), store_(store), job_(std::move(job)) {}

  // Says that the attempt has begun, so that its predecessors stop.
  Task<Result<void>> announce();

  // kFenced: a later attempt has begun, nothing may be written any more. kConflict: the files
  // changed meanwhile, look again. What was committed before (by this container's earlier life, or
  // by this call's earlier try) is success.
  Task<Result<Committed>> upload(LocalCheckpoint checkpoint);

 private:
  Task<Result<void>> check_successor();
  Task<Result<bool>> committed_before(storage::Key manifest);
  [[nodiscard]] storage::Manifest manifest_of(const LocalCheckpoint& checkpoint,
                                              std::vector<storage::ManifestPart> parts) const;

  Runtime runtime_;
  storage::ObjectStore& store_;
  JobSettings job_;
};

}  // namespace spillway::agent
