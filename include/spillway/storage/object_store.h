#pragma once
// An object store as checkpoints need it: one bucket, keys below it, whole objects of bounded size
// in memory. Large files go through transfer.h, which cuts them into parts. Implemented by s3.h.
//
// Used on the control thread. An object store has no rename; a write is whole or not there at all.
// Absence is only ever said by the store (kNotFound of head() and get(), or a complete listing):
// every other error, kForbidden above all, leaves open what is there.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/async/asio.h>
#include <spillway/core/result.h>
#include <spillway/storage/object_info.h>

namespace spillway::storage {

struct ListRequest {
  Key prefix;
  Key start_after;        // only keys after this one; empty = all
  std::string delimiter;  // "/" folds what lies deeper into `folders`; empty = everything
  // More than this is an error, never a cut listing.
  std::size_t max_entries = 100'000;
};

struct Listing {
  std::vector<ObjectInfo> objects;  // in the order of their keys
  std::vector<Key> folders;         // common prefixes, with the delimiter at the end
};

// The bytes first, first + 1, ... first + length - 1.
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
};

struct ObjectData {
  std::string bytes;
  EntityTag tag;
  Bytes object_size;  // of the whole object, also for a range
};

enum class WriteCondition {
  kNone,
  kIfAbsent,  // If-None-Match: *
};

struct UploadedPart {
  int number = 0;  // from 1
  EntityTag tag;
};

struct OpenUpload {
  Key key;
  UploadId id;
  Instant started_at{};
};

// What all calls can fail with: kForbidden and kUnauthorized (the message says which permission or
// credential), kThrottled, kUnavailable, kTimeout and kUnknownOutcome (after the retries of the
// implementation), kRejected (also: the bucket does not exist), kInternal (undecodable answer).
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Complete or an error: a page that fails, fails the listing.
  virtual Task<Result<Listing>> list(ListRequest request) = 0;
  virtual Task<Result<ObjectInfo>> head(Key key) = 0;
  // kRejected when more than `max_bytes` would come.
  virtual Task<Result<ObjectData>> get(Key key, std::optional<ByteRange> range,
                                       std::size_t max_bytes) = 0;
  // kIfAbsent: kAlreadyExists when the key holds something else. An object with exactly these bytes
  // counts as written by this call, because the answer to an earlier try may have been lost.
  virtual Task<Result<EntityTag>> put(Key key, std::string bytes, WriteCondition condition) = 0;
  // Removing what is not there succeeds.
  virtual Task<Result<void>> remove(Key key) = 0;

  // Parts of one upload may be sent in parallel and in any order; nothing is visible at the key
  // before complete_upload(). All parts but the last have at least 5 MiB, at most 10,000 of them.
  virtual Task<Result<UploadId>> begin_upload(Key key) = 0;
  // `hash` is that of the bytes where the caller has it, else empty.
  virtual Task<Result<UploadedPart>> upload_part(Key key, UploadId id, int number,
                                                 std::string bytes, Sha256 hash) = 0;
  virtual Task<Result<EntityTag>> complete_upload(Key key, UploadId id,
                                                  std::vector<UploadedPart> parts) = 0;
  // Gives the parts back; an upload that is not there any more is aborted already.
  virtual Task<Result<void>> abort_upload(Key key, UploadId id) = 0;
  // Uploads below a prefix that were neither completed nor aborted: listings do not show them, but
  // they cost.
  virtual Task<Result<std::vector<OpenUpload>>> open_uploads(Key prefix) = 0;
};

}  // namespace spillway::storage
