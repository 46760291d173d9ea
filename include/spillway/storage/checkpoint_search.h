#pragma once
// Checkpoints in an object store: verifying one, finding the newest valid one of a job, pruning.
// Used on the control thread. What is passed by reference outlives the call.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/storage/checkpoint.h>
#include <spillway/storage/object_store.h>

namespace spillway::storage {

struct FoundCheckpoint {
  Candidate candidate;
  Judgement judgement;
};

struct SearchResult {
  std::optional<FoundCheckpoint> newest;  // the newest valid one
  // What is newer than it and was passed over, newest first: invalid or unknown, with the reason.
  std::vector<FoundCheckpoint> passed_over;
  // True when something newer is unknown: the answer may change without anybody writing, and a
  // caller that knows a newer verified checkpoint keeps it.
  [[nodiscard]] bool uncertain() const;
};

struct SearchLimits {
  std::size_t max_objects = 100'000;  // of the job's prefix
  std::size_t max_candidates = 50;    // judged; older ones are not looked at
  std::size_t max_reads = 2'000;      // small objects for one candidate
};

// An error when the job's prefix could not be listed completely: then nothing is known, and what
// was known before still stands. Nothing valid and no error is the proof that there is none.
Task<Result<SearchResult>> find_newest_valid(const Runtime& runtime, ObjectStore& store,
                                             Key job_prefix, CheckpointFormat format,
                                             Expectation expectation, SearchLimits limits = {});

// The verdict on one folder ("…/step-000000001200/"). An error of the store while listing or
// reading makes it kUnknown, with the error in the reason.
Task<FoundCheckpoint> verify_checkpoint(const Runtime& runtime, ObjectStore& store, Key job_prefix,
                                        Key folder, CheckpointFormat format,
                                        Expectation expectation, SearchLimits limits = {});

// The highest attempt that has begun below the job's prefix and is higher than `attempt`; nullopt
// when there is none. A process that finds one has been replaced and writes nothing more.
Task<Result<std::optional<AttemptNumber>>> successor_of(ObjectStore& store, Key job_prefix,
                                                        AttemptNumber attempt);
// The same of the pods of a replica that retries alone, below the prefix of the attempt.
Task<Result<std::optional<RetryNumber>>> later_retry_of(ObjectStore& store, Key attempt_prefix,
                                                        RetryNumber retry);
// Says that who writes below this prefix has begun (attempt_prefix, retry_prefix): an object below
// it. Calling again changes nothing.
Task<Result<void>> announce(ObjectStore& store, Key writer_prefix);

// Of valid checkpoints, newest first, those that may be removed: all but the newest `keep` (never
// fewer than two) and all but the one that a running attempt resumed from or is resuming from.
std::vector<Candidate> prunable(const std::vector<FoundCheckpoint>& valid_newest_first, int keep,
                                const std::optional<Key>& in_use);

// Removes marker first, then the rest. Stops at the first error; calling again goes on.
Task<Result<void>> remove_checkpoint(ObjectStore& store, CheckpointFormat format,
                                     Candidate candidate);

// The valid checkpoints of a job, newest first: what prunable() takes. Errors as find_newest_valid.
Task<Result<std::vector<FoundCheckpoint>>> list_valid(const Runtime& runtime, ObjectStore& store,
                                                      Key job_prefix, CheckpointFormat format,
                                                      Expectation expectation,
                                                      SearchLimits limits = {});

}  // namespace spillway::storage
