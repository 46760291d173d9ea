#pragma once
// What the plan knows of a job's checkpoints, and what it asks for when the job is to leave its
// capacity (docs/interruption.md). The state machine is one pure, total function; its
// only memory is status.save, which is written before anything is asked.
//
//   Undisturbed ──leave──> Saving ──verified──────────────────> Ended: the verdict takes effect
//        ^                   │  └───does not fit, too late────>   (pods end, the next attempt is
//        └──no more reason───┘                                    placed and resumes)
//
// The place of the next attempt is chosen, and its room held, from the first pass on: the attempt
// keeps its placement until it has saved, and TrainingDecision::nominated says where it will go.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <spillway/api/checkpoint.h>
#include <spillway/core/ids.h>
#include <spillway/core/time.h>

namespace spillway::plan {

// A checkpoint that was verified complete in its store.
struct VerifiedCheckpoint {
  api::StepNumber step;
  AttemptNumber attempt;   // that wrote it
  Instant committed_at{};  // by the operator's clock
  Duration work{};         // that it saves: compute time on the first-listed model
  friend bool operator==(const VerifiedCheckpoint&, const VerifiedCheckpoint&) = default;
};

// How far `verified` can be trusted to be the newest there is.
enum class StoreSight {
  kCurrent,     // the store was listed after the last pods of ended attempts were gone
  kBehind,      // not since then: there may be a newer one
  kUnreadable,  // it was asked and did not answer, or refused; no verdict is not a negative verdict
};

struct Checkpointing {
  Duration interval = std::chrono::minutes(30);      // between the program's own saves
  Duration grace = std::chrono::seconds(30);         // from SIGTERM to SIGKILL
  Duration save_timeout = std::chrono::minutes(10);  // of saves that no notice limits
  bool can_ask =
      false;  // a save can be asked for before SIGTERM: a trigger, and somebody to pull it
  std::optional<Duration> save_time;           // measured, from the request to the last part
  std::optional<VerifiedCheckpoint> verified;  // the newest
  StoreSight sight = StoreSight::kCurrent;
  std::optional<api::SaveStatus> save;  // status.save, of whatever attempt
  // The highest step that a rank says it saved for the request in `save`: a claim. The save is done
  // when that step is verified.
  std::optional<api::StepNumber> answered;
  // Of the placement's attempt: what it resumed from (placement.resumeFrom).
  std::optional<api::StepNumber> resumed_step;
  Duration resumed_work{};
  // status.ended: the predecessor whose lost work is not in the books yet.
  struct Ended {
    AttemptNumber attempt;
    Instant at{};
    Duration work{};
  };
  std::optional<Ended> ended;
  std::optional<Duration> suggested_interval;  // as in status
  // Saves asked for at a notice of this job's pools, and those of them that were verified: how far
  // to count on the next.
  std::int64_t notice_saves = 0;
  std::int64_t notice_saves_verified = 0;
};

// Why an attempt is to leave, or, with kPrecaution, only to save.
struct Leave {
  api::SaveReason reason = api::SaveReason::kNotice;
  Instant since{};                  // first sight of a notice; of a deletion: any instant before it
  std::optional<Instant> deadline;  // of a notice: when the capacity goes
  friend bool operator==(const Leave&, const Leave&) = default;
};

// Why no save is waited for (any more).
enum class NoSave {
  kNothingToSave,  // not every rank runs (any more)
  kCannotAsk,      // no trigger: what the program writes after SIGTERM counts all the same
  kDoesNotFit,     // the notice leaves less time than a save takes
  kTooLate,        // it was asked for and did not come in time
};

enum class InterruptionState {
  kUndisturbed,  // there is no reason to save, or none any more
  kSaving,       // the pods are being asked, or have been and save
  kSaved,        // verified: an attempt that is to leave may end
  kUnsaved,      // no save is waited for: `no_save` says why; an attempt that is to leave may end
};

struct InterruptionStep {
  InterruptionState state = InterruptionState::kUndisturbed;
  // What status.save has to say before anything else happens; nullopt: as it is. Its instants are
  // whole seconds, as status carries them.
  std::optional<api::SaveStatus> save;
  bool ask = false;  // deliver the request to the pods until they have taken it (its id is attempt
                     // and requested_at)
  bool may_end = false;  // the attempt may be ended now
  // Ended pods get this long from SIGTERM to SIGKILL; nullopt: what their template says.
  std::optional<Duration> grace;
  std::optional<NoSave> no_save;   // with kUnsaved
  std::optional<Instant> wake_at;  // when time alone changes the answer
  friend bool operator==(const InterruptionStep&, const InterruptionStep&) = default;
};

struct InterruptionLimits {
  // The last part of a notice belongs to ending the pods: this long, but never more than a third of
  // the notice (120 s are to be planned with as 100 s, 30 s as 20 s).
  Duration end_reserve = std::chrono::seconds(20);
  // Telling the ranks and verifying afterwards.
  Duration overhead = std::chrono::seconds(4);
  // How long an attempt waits for a look into the store before it resumes from the last verified
  // checkpoint that is known. Without a known one it waits for as long as it takes: never from zero
  // because of an error.
  Duration store_patience = std::chrono::minutes(2);
  // Unexplained restarts in a row without a newer checkpoint after which the job has failed.
  std::int64_t max_restarts_without_progress = 5;
};

// The part of the state of an attempt that the machine needs.
struct AttemptFacts {
  AttemptNumber attempt;
  bool running = false;  // every rank runs: there is something to save
  std::optional<Instant> running_since;
};

// One step. `leave` is nullopt when there is no reason (any more). The same observation gives the
// same answer, and recording `save` and observing again changes nothing but what time changes.
//   - A save counts when it was verified: of the step that the pods answered, or, without an
//     answer, one that was committed after the request.
//   - A checkpoint that is younger than a save takes is as good as a new one.
//   - A second reason while a save is in flight asks no second time: it only brings the deadline
//     forward.
//   - A verified or given-up save of a notice, a hint or a deletion stands for as long as that very
//     reason does; of others it is meant for the pass that ends the attempt.
[[nodiscard]] InterruptionStep interruption_step(const AttemptFacts& attempt,
                                                 const Checkpointing& checkpointing,
                                                 const std::optional<Leave>& leave, Instant now,
                                                 const InterruptionLimits& limits);

// The last instant at which a save for this notice still helps: its deadline less the reserve.
[[nodiscard]] Instant save_by(const Leave& leave, const InterruptionLimits& limits);

// One sentence without a full stop: "the notice leaves 14s and a save takes 40s".
[[nodiscard]] std::string explain(NoSave why, const Checkpointing& checkpointing);

}  // namespace spillway::plan
