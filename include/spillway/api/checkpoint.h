#pragma once
// What a TrainingJob says about its checkpoints (spec.checkpoint), and what is known of them
// (status.checkpoint, status.save, status.progress). Texts, bounds and rules of each field are in
// src/api/checkpoint_fields.h. The rules behind the words: docs/interruption.md.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/api/enums.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/time.h>

namespace spillway::api {

// A store of the operator's configuration: endpoint, bucket, identity, forced prefix.
using StoreName = StrongString<struct StoreNameTag>;
// The program's own count of its work: optimiser steps, batches, epochs.
using StepNumber = StrongInt<struct StepNumberTag>;

// Who brings checkpoints to the store.
enum class CheckpointMode : std::uint8_t {
  kAgent,   // containers that Spillway adds to the pods
  kNative,  // the program itself
};

// How a finished checkpoint is told from a half-written one: which file or object is written last.
enum class CheckpointFormat : std::uint8_t {
  kManifest,          // MANIFEST.json, Spillway's own
  kTorchDistributed,  // .metadata of torch.distributed.checkpoint
  kOrbax,             // commit_success.txt
  kDeepSpeed,         // latest
  kTransformers,      // trainer_state.json
  kSafetensors,       // the index, or the single file
  kSuccessFile,       // _SUCCESS
  kUnmarked,          // nothing tells: never verified, usable with allowUnverified only
};

// Signals that a program may take as "save now".
enum class SaveSignal : std::uint8_t { kUsr1, kUsr2, kHup, kInt };

enum class DeletionPolicy : std::uint8_t { kRetain, kDelete };

// The newest checkpoint that was seen in the store.
enum class CheckpointState : std::uint8_t {
  kSaving,     // its marker is not there yet
  kCommitted,  // verified complete
  kInvalid,    // a part is missing, empty or not what the marker says
  kUnknown,    // the store could not be asked, or nothing tells
};

// Why an attempt is to save and, but for kPrecaution, to end.
enum class SaveReason : std::uint8_t {
  kNotice,      // capacity that it runs on will be taken
  kPrecaution,  // the risk is higher than usual: it saves and goes on
  kDisplaced,   // its reserved slots are worth more to another workload
  kMoved,       // other capacity is better, or this one may not be used any more
  kSuspended,   // spec.suspend
  kDeleted,     // the job is being deleted
};

enum class SaveState : std::uint8_t {
  kRequested,  // the pods are being asked
  kVerified,   // a checkpoint from after the request was verified
  kGivenUp,    // it cannot or did not come in time: the last verified one is used
  kCancelled,  // the reason went away: the attempt goes on
};

std::string_view to_string(CheckpointMode value);
std::string_view to_string(CheckpointFormat value);
std::string_view to_string(SaveSignal value);  // "SIGUSR1"
std::string_view to_string(DeletionPolicy value);
std::string_view to_string(CheckpointState value);
std::string_view to_string(SaveReason value);
std::string_view to_string(SaveState value);

template <>
Result<CheckpointMode> parse_enum<CheckpointMode>(std::string_view text);
template <>
Result<CheckpointFormat> parse_enum<CheckpointFormat>(std::string_view text);
template <>
Result<SaveSignal> parse_enum<SaveSignal>(std::string_view text);
template <>
Result<DeletionPolicy> parse_enum<DeletionPolicy>(std::string_view text);
template <>
Result<CheckpointState> parse_enum<CheckpointState>(std::string_view text);
template <>
Result<SaveReason> parse_enum<SaveReason>(std::string_view text);
template <>
Result<SaveState> parse_enum<SaveState>(std::string_view text);

struct HttpTrigger {
  std::int32_t port = 0;
  std::string path = "/checkpoint";

  friend bool operator==(const HttpTrigger&, const HttpTrigger&) = default;
};

// How the program is asked to save: at most one of them. None: it saves by itself only, and what it
// writes after SIGTERM counts as well.
struct CheckpointTrigger {
  std::optional<HttpTrigger> http;   // mode Agent: on localhost; mode Native: on the pod's address
  std::optional<SaveSignal> signal;  // mode Agent only
  std::string file;                  // mode Agent only: made when a checkpoint is wanted

  [[nodiscard]] bool empty() const { return !http && !signal && file.empty(); }
  friend bool operator==(const CheckpointTrigger&, const CheckpointTrigger&) = default;
};

struct CheckpointSpec {
  StoreName store;
  CheckpointFormat format = CheckpointFormat::kManifest;
  CheckpointMode mode = CheckpointMode::kAgent;
  std::string directory;                         // mode Agent: where the program writes them
  Duration interval = std::chrono::minutes(30);  // between the program's own saves
  CheckpointTrigger trigger;
  Duration grace = std::chrono::seconds(30);         // from SIGTERM to SIGKILL
  Duration save_timeout = std::chrono::minutes(10);  // of a save that no notice limits
  std::int32_t keep = 3;                             // verified ones; older are removed if allowed
  DeletionPolicy deletion_policy = DeletionPolicy::kRetain;
  bool allow_unverified = false;
  std::optional<std::int32_t> world_size;  // processes that save; nullopt: replicas x perReplica

  friend bool operator==(const CheckpointSpec&, const CheckpointSpec&) = default;
};

// The checkpoint that an attempt begins with.
struct ResumePoint {
  std::string uri;
  StepNumber step;
  AttemptNumber attempt;  // that wrote it

  friend bool operator==(const ResumePoint&, const ResumePoint&) = default;
};

// `uri` to `compute_time` describe the newest verified one and are absent while there is none.
struct CheckpointStatus {
  CheckpointState state = CheckpointState::kUnknown;  // of the newest one that was seen
  std::string uri;
  std::optional<StepNumber> step;
  std::optional<AttemptNumber> attempt;  // that wrote it
  std::optional<Instant> committed_at;   // when its last part was stored, by the store's clock
  std::optional<Instant> verified_at;
  std::optional<Bytes> bytes;
  std::optional<std::int32_t> parts;
  // Work that it saves, as compute time on the first-listed model, all attempts together.
  std::optional<Duration> compute_time;
  std::optional<Duration> save_time;           // measured, from the request to the last part
  std::optional<Duration> suggested_interval;  // from save time and expected life
  // Restarts in a row that no newer checkpoint was made between and that neither the program nor
  // the loss of its node explains.
  std::int32_t restarts_without_progress = 0;
  std::string message;  // why the newest one does not count; empty if it does

  friend bool operator==(const CheckpointStatus&, const CheckpointStatus&) = default;
};

// The save that was asked for last. Recorded before the pods are asked, so that a crash in between
// neither asks for another nor gives it more time.
struct SaveStatus {
  AttemptNumber attempt;
  SaveReason reason = SaveReason::kNotice;
  Instant requested_at{};
  Instant deadline{};  // absolute: of the notice, or requested_at + saveTimeout
  SaveState state = SaveState::kRequested;
  std::optional<StepNumber> after_step;  // newest verified one when it was asked for
  std::optional<Instant> settled_at;     // when it was verified or given up
  std::optional<StepNumber> step;        // that was saved
  std::string message;                   // why it was given up

  friend bool operator==(const SaveStatus&, const SaveStatus&) = default;
};

// The attempt that ended last: what its successor is measured against. Cleared when the successor's
// resume point is settled and the lost work is in the books.
struct EndedAttempt {
  AttemptNumber attempt;
  Instant ended_at{};
  std::string reason;              // CamelCase
  Duration compute_time{};         // work it had done, as compute time on the first-listed model
  std::optional<HourlyRate> rate;  // what the job cost then

  friend bool operator==(const EndedAttempt&, const EndedAttempt&) = default;
};

// What the program reported last. A claim: only checkpoints are verified.
struct ProgressStatus {
  StepNumber step;
  std::optional<std::int32_t> percent;  // of totalSteps
  Instant observed_at{};

  friend bool operator==(const ProgressStatus&, const ProgressStatus&) = default;
};

}  // namespace spillway::api
