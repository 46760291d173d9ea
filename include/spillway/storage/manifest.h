#pragma once
// MANIFEST.json: the commit of a checkpoint in Spillway's own layout. It is written last, with
// If-None-Match: *, and never changed; it names every file with its size and hashes. Of several
// writers each has its own (layout.h), and the checkpoint is complete when all are there and agree.
//
//   {"version": 1, "job": {"namespace": "team-a", "name": "llama", "uid": "..."},
//    "attempt": 3, "step": 1200, "rank": 0, "worldSize": 1, "savedAt": "2026-11-21T09:14:01Z",
//    "parts": [{"key": "model.bin", "size": 20971520, "chunkSize": 8388608,
//               "sha256": ["..", "..", ".."]}]}
//
// Keys are relative to the manifest's folder. A file is hashed in chunks of equal size, so that
// chunks are uploaded, and verified while they are read, independently of each other; one string
// instead of the list is the hash of the whole file. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/storage/layout.h>

namespace spillway::storage {

struct ManifestPart {
  Key key;  // relative, without "..", "." or empty segments
  Bytes size;
  Bytes chunk_size;            // of all chunks but the last; at least `size` for a single one
  std::vector<Sha256> chunks;  // one for an empty file, too
  friend bool operator==(const ManifestPart&, const ManifestPart&) = default;
};

struct Manifest {
  ObjectKey job;
  Uid uid;
  AttemptNumber attempt;
  TrainingStep step;
  Rank rank;
  Instant saved_at{};
  std::vector<ManifestPart> parts;  // by key, at most 100,000
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{64} << 20;

std::string write_manifest(const Manifest& manifest);
// Errors say what is wrong with the text; hostile keys (absolute, "..") are refused here.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace spillway::storage
