#pragma once
// Is a checkpoint complete? The formats that trainers write, and the verdict on each. Pure: what
// the verdict rests on, a listing and a few small objects, comes in as values.
//
// The rule (for every format): valid only if the commit marker is there, every file it names is
// there with the size it records, no file is empty, and none is newer than the marker. A name alone
// proves nothing. What could not be read, or what a format does not record, is kUnknown, never
// kInvalid: an error of the store must not send a job back to an older checkpoint.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>
#include <spillway/storage/layout.h>
#include <spillway/storage/object_info.h>

namespace spillway::storage {

// What commits a checkpoint, and how the names and sizes of its files are known.
enum class CheckpointFormat {
  kManifest,          // MANIFEST.json, written last: names, sizes and hashes (manifest.h)
  kTorchDistributed,  // .metadata, renamed last: the names in it
  kOrbax,             // commit_success.txt, written last: no names
  kDeepSpeed,         // latest, beside the folder, written last: one file a rank
  kTransformers,      // trainer_state.json, written last: the index of the weights, if there is one
  kSuccessFile,       // _SUCCESS, written last: no names
  kSafetensors,       // no marker: the index names files, and each file records its own length
  kUnmarked,          // nothing: always kUnknown
};
std::string_view to_string(CheckpointFormat format);
Result<CheckpointFormat> parse_checkpoint_format(std::string_view text);

enum class Validity {
  kValid,
  kInvalid,  // proven incomplete or damaged
  kUnknown,  // neither is proven
};
std::string_view to_string(Validity validity);

// A folder that may be a checkpoint, as a listing shows it.
struct Candidate {
  Key folder;             // ends with '/'
  AttemptNumber attempt;  // 0 = not below an attempt's prefix
  RetryNumber retry;      // of a replica that retries alone; else 0
  TrainingStep step;
  std::vector<ObjectInfo> files;  // keys relative to `folder`
  // "latest" of DeepSpeed lies beside the folder; nullopt when there is none.
  std::optional<ObjectInfo> beside;
};

// The order of resuming: first the attempt, then the retry, then the step. What an attempt commits
// after its successor has committed anything never counts again, however many steps it did: a
// process that outlives its attempt cannot commit over the one that replaced it. So it is with the
// pods of a replica that retries alone.
bool newer_than(const Candidate& a, const Candidate& b);

// What is known of the job; what is left out is not compared.
struct Expectation {
  std::optional<ObjectKey> job;
  std::optional<Uid> uid;
  std::optional<int> world_size;  // writers; a torch DCP or DeepSpeed set needs it to be proven
};

// A small object that a verdict needs. `bytes` holds the first `max_bytes` of it.
struct ReadRequest {
  Key key;  // relative to the candidate's folder; "../latest" is the file beside it
  std::size_t max_bytes = 0;
  friend bool operator==(const ReadRequest&, const ReadRequest&) = default;
};
struct ReadAnswer {
  ReadRequest request;
  Result<std::string> bytes;
};

struct Judgement {
  Validity validity = Validity::kUnknown;
  std::string reason;  // one sentence: what is missing, or what it rests on
  TrainingStep step;
  AttemptNumber attempt;
  RetryNumber retry;
  Bytes bytes;  // of all files
  std::int64_t files = 0;
  std::optional<Instant> committed_at;  // when the marker was written, by the store's clock
};

// Which folders of a job's listing may be checkpoints: those whose name says a step (layout.h),
// newest first. Keys of `listing` begin with `prefix`.
std::vector<Candidate> find_candidates(const Key& prefix, const std::vector<ObjectInfo>& listing);

// What has to be read before judge(); depends on what was read so far (an index names files whose
// heads are wanted next). Empty = judge now. Each request is made once.
std::vector<ReadRequest> wanted_reads(CheckpointFormat format, const Candidate& candidate,
                                      const std::vector<ReadAnswer>& answers);

Judgement judge(CheckpointFormat format, const Candidate& candidate,
                const std::vector<ReadAnswer>& answers, const Expectation& expectation);

// Keys of the checkpoint in the order in which they have to be removed: the marker first, so that
// what is left half-way is not taken for a checkpoint.
std::vector<Key> removal_order(CheckpointFormat format, const Candidate& candidate);

}  // namespace spillway::storage
