#pragma once
// Files to objects and back, in chunks, many at a time: a file of any size needs no more memory
// than the chunks in flight. Every chunk is hashed on its way; restoring compares each with the
// manifest before it counts. Used on the control thread; reading, writing and hashing take it some
// milliseconds a chunk, unless there are helper threads.

#include <string>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/storage/manifest.h>
#include <spillway/storage/object_store.h>

namespace spillway::storage {

struct TransferOptions {
  // Of a chunk. Files of more than 10,000 chunks get larger ones, because an upload has at most
  // 10,000 parts: 80 GB fit with 8 MiB.
  Bytes chunk_size = Bytes(std::int64_t{8} << 20);
  // Chunks in memory never exceed this, unless a single one does.
  Bytes memory = Bytes(std::int64_t{40} << 20);
  int parallel = 8;  // requests in flight
  // Threads of the transfer's own that read, hash and write while the control thread sends and
  // receives; 0 = none, for virtual time.
  int helper_threads = 0;
  // Of downloads: wait until the files are on the disk and not only in its cache.
  bool durable = true;
};

struct FileToSend {
  std::string path;  // on this machine
  Key key;           // below `folder`
};

// Sends all files below `folder` and returns what the manifest says of them, in their order. Large
// files are uploads in parts, which are given back when anything fails. kConflict when a file
// changes meanwhile.
Task<Result<std::vector<ManifestPart>>> upload_files(const Runtime& runtime, ObjectStore& store,
                                                     Key folder, std::vector<FileToSend> files,
                                                     TransferOptions options = {});

// Fetches the parts from below `folder` into the directory `target`, which exists and is empty. An
// object whose bytes are not those of the manifest is kRejected. What was written before an error
// stays: the caller renames the directory only after success.
Task<Result<void>> download_files(const Runtime& runtime, ObjectStore& store, Key folder,
                                  std::vector<ManifestPart> parts, std::string target,
                                  TransferOptions options = {});

}  // namespace spillway::storage
