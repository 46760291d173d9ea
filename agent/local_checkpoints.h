#pragma once
// The checkpoints that a program leaves in its directory, and which of them are finished. The rule
// is that of the object store (storage/checkpoint.h) on local files, where a rename is atomic.

#include <string>
#include <vector>

#include <spillway/storage/checkpoint.h>
#include <spillway/storage/transfer.h>

namespace spillway::agent {

struct LocalCheckpoint {
  storage::TrainingStep step;
  std::string folder;                      // relative to the directory, with '/' at the end
  Instant finished_at{};                   // of its newest file
  std::vector<storage::ObjectInfo> files;  // relative to the directory, the marker beside included
  Bytes bytes;
};

struct LocalSight {
  std::vector<LocalCheckpoint> finished;  // newest first, by step
  std::string unfinished;  // why the newest folder is not among them; empty when it is
};

// Reads the whole tree, at most 100,000 files of it; symbolic links are not followed. An absent
// directory holds nothing.
Result<LocalSight> look_at_directory(const std::string& directory,
                                     storage::CheckpointFormat format);

// What to send, keys below `prefix`.
std::vector<storage::FileToSend> files_to_send(const std::string& directory,
                                               const LocalCheckpoint& checkpoint,
                                               const std::string& prefix);

}  // namespace spillway::agent
