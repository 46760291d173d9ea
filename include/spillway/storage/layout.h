#pragma once
// Where a job's checkpoints are. The attempt stands in the prefix, so that two attempts can never
// write the same key, and before the step, because it decides first (see newer_than):
//
//   <root>/<namespace>/<name>/<uid>/                      of one job; the uid tells it from a
//                                                         later job of the same name
//     attempt-0003/                                       what attempt 3 writes
//       ATTEMPT                                           says that it has begun
//       step-000000001200/MANIFEST.json                   agent: the commit of a single writer
//       step-000000001200/MANIFEST-00001-of-00004.json    agent: that of rank 1 of 4 writers
//       step-000000001200/rank-00001/...                  and its files, named as on its disk
//       checkpoint-1200/...                               native: whatever the program writes
//
// Replicas that retry alone have a prefix each, and below an attempt each of their pods has its
// own:
//
//   <root>/<namespace>/<name>/<uid>/index-7/              of replica 7; as a job's from here on
//     attempt-0003/retry-1-0/step-000000001200/...        what its second pod of attempt 3 writes
//
// Numbers are padded with zeros: the order of a listing is the order of steps.

#include <optional>
#include <string>
#include <string_view>

#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/replica.h>
#include <spillway/core/result.h>
#include <spillway/storage/object_info.h>

namespace spillway::storage {

using TrainingStep = StrongInt<struct TrainingStepTag>;  // optimizer steps done, from 0

// A process among those that save one checkpoint together; (0, 1) = a single writer.
struct Rank {
  int index = 0;
  int world_size = 1;
  friend bool operator==(const Rank&, const Rank&) = default;
};

// `root` is the prefix that the administrator gave the store; "" or "a/b" with or without '/' at
// the end. The result ends with '/'.
Key job_prefix(std::string_view root, const ObjectKey& job, const Uid& uid);
Key attempt_prefix(const Key& job_prefix, AttemptNumber attempt);
Key step_prefix(const Key& attempt_prefix, TrainingStep step);

// Of a replica that retries alone: to be used as a job's prefix is.
Key replica_prefix(const Key& job_prefix, ReplicaIndex index);

// The pods that a replica had before in the same attempt, as Kubernetes counts them: failures that
// its limit of restarts counts, and those that its failure policy ignores (KEP-3850). Neither ever
// shrinks, so their sum orders the pods.
struct Retry {
  std::int64_t counted = 0;
  std::int64_t ignored = 0;
  [[nodiscard]] RetryNumber number() const { return RetryNumber(counted + ignored); }
  friend bool operator==(const Retry&, const Retry&) = default;
};
// "1-2"; a number that is left out is 0 ("1-": nothing was ignored so far).
std::optional<Retry> parse_retry(std::string_view text);
Key retry_prefix(const Key& attempt_prefix, const Retry& retry);

// "attempt-0003" -> 3; nullopt for any other name.
std::optional<AttemptNumber> parse_attempt_folder(std::string_view name);
// "retry-1-2" -> 3; nullopt for any other name.
std::optional<RetryNumber> parse_retry_folder(std::string_view name);
// The number that a checkpoint's folder name ends with ("checkpoint-1200", "global_step1200",
// "1200", "iter_0001200"), nullopt when there is none or it does not fit.
std::optional<TrainingStep> step_of_folder(std::string_view name);

inline constexpr std::string_view kManifestName = "MANIFEST.json";
// "MANIFEST.json" for a single writer, "MANIFEST-00001-of-00004.json" else.
std::string manifest_name(const Rank& rank);
// The reverse; nullopt for a name that is not a manifest's.
std::optional<Rank> parse_manifest_name(std::string_view name);
// "rank-00001/": where the files of a writer are.
std::string rank_folder(const Rank& rank);

}  // namespace spillway::storage
