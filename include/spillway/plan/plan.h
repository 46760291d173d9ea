#pragma once
// The specification of Spillway: one pure function from a picture of the world to what should be.
// No I/O, no clock, no log, no randomness, no state between calls. The operator, the CLI, the
// simulator and the property tests call this same function.
//
// Properties (tests/property/plan_test.cc):
//   - the order of the input never matters;
//   - planning the result of a plan again changes nothing;
//   - never more than a pool's room or `max`, never a forbidden tier, never a part of a gang, one
//   zone for a gang;
//   - raising a pool's price never draws a workload to it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spillway/plan/boxed.h>
#include <spillway/plan/checkpointing.h>
#include <spillway/plan/hours.h>
#include <spillway/plan/snapshot.h>

namespace spillway::plan {

class ProgrammeLibrary;  // programme_library.h

// Constants of the policy. Every one has a reason; none is tuned to recorded data.
struct Config {
  // A move must save at least this share of the remaining cost (against thrashing).
  std::int64_t move_margin_percent = 15;
  // A workload is left alone for this long after it starts or moves.
  Duration min_run = std::chrono::minutes(10);
  // Changeover: provisioning, image, start. Charged at the new offering's price until it is
  // measured per job.
  Duration restart_delay = std::chrono::minutes(6);
  // Remaining work of a job that gives no `duration`, for expected cost.
  Duration assumed_duration = std::chrono::hours(1);
  // Offerings this close in expected cost are equal; life, spread and what runs decide.
  std::int64_t near_equal_percent = 3;
  // A replica that is bound for longer than this without being ready is not loading but ill: it is
  // not covered any more (model load takes 2 to 7 minutes).
  Duration load_limit = std::chrono::minutes(30);
  // A pool that did not deliver: first retry, doubled each time, capped.
  Duration stock_out_base = std::chrono::minutes(2);
  Duration stock_out_cap = std::chrono::minutes(30);
  InterruptionLimits interruption;
  // Tables of the spot programme, for jobs with checkpoints and a deadline. Null: such a job is
  // decided by the rules for jobs without checkpoints. Belongs to the caller, outlives the call.
  const ProgrammeLibrary* programmes = nullptr;
  // How often such a job is decided anew without an event, at whole multiples of it.
  Duration decision_step = std::chrono::minutes(5);
};

// Why something is as it is: a reason in CamelCase for conditions and metrics, stable under
// renaming of sentences.
enum class Cause {
  kCheapest,  // placed or kept on the offering with the lowest expected cost per useful hour
  kReservedBaseline,  // placed on idle reserved capacity, or on a slot that is worth most to this
                      // workload
  kDeadline,          // on-demand because waiting for spot would endanger the deadline
  kFallback,          // on-demand because spot was not to be had for `fallback_after`
  kSpotUnavailable,   // an inference replica that should be on spot, on on-demand instead
  kPriceMove,         // moved: the saving over the remaining time exceeds restart and rework
  kDisplaced,         // lost its reserved slots to a workload that is worth more
  kLaunchTimeout,     // did not start in time
  kReplicaLost,       // a replica was lost; the gang starts again
  kNotice,            // capacity that it runs on is about to be taken
  kProgramFailed,     // the program failed; restarted within maxRestarts
  kPoolUnusable,      // the pool was deleted or no longer admits the workload
  kSuspended,
  kAsleep,  // outside of its hours, or put to sleep by a person
  kTerminating,
  kEarlierAttemptEnding,
  kCheckpointUnknown,  // the store does not tell what there is to resume from
  kNoProgress,         // too many unexplained restarts without a newer checkpoint
  kNoCapacity,         // every eligible pool is full or stocked out
  kNoEligiblePool,     // no pool has the model, tier, size or constraints asked for: waiting alone
                       // will not help
  kRateLimit,          // every offering is dearer than maxRate
  kWaitingForSpot,     // on-demand has room but fallback_after has not passed
  kPriceUnknown,       // the only room is on pools whose price is unknown
  kRestartsExhausted,
  kSucceeded,
};
std::string_view to_string(
    Cause cause);  // "CheapestOffering", "ReservedBaseline", ...: CamelCase for conditions

// What the next best would have cost.
struct Alternative {
  std::size_t pool = 0;
  HourlyRate rate;                     // of the whole workload
  double dollars_per_useful_hour = 0;  // expected; infinity when it cannot finish there
  std::optional<Cause> excluded;  // why it was not eligible now; nullopt = eligible, only dearer
};

enum class TrainingVerdict {
  kKeep,     // as recorded
  kPlace,    // record `placement` (a new attempt); children of earlier attempts are to end
  kRelease,  // record no placement; children are to end
  kWait,     // has no placement and gets none
  kSucceed,  // finished well
  kFail,     // finished badly
};

struct TrainingDecision {
  std::size_t workload = 0;
  Boxed<AwakeState> hours;  // null: nothing ever puts it to sleep
  TrainingVerdict verdict = TrainingVerdict::kKeep;
  Cause cause = Cause::kCheapest;
  std::optional<TrainingPlacement> placement;  // what is to be in force after this pass
  bool counts_as_user_failure = false;    // the attempt that ends was the program's own failure
  std::vector<Alternative> alternatives;  // filled for kPlace and kWait, at most 5, cheapest first
  std::optional<std::size_t>
      displaced_by;  // index into Snapshot::inference or ::training, see displaced_by_inference
  bool displaced_by_inference = false;

  // Set for a job with checkpoints whose attempt is to leave or to save. While it may not end yet
  // the verdict is kKeep, `cause` says why it is to leave, and `nominated` is the pool in which
  // room is held for its next attempt. For a job that is being deleted: may_end releases it.
  Boxed<InterruptionStep> interruption;
  std::optional<std::size_t> nominated;

  // For a placement whose children are not created: whether they may be (an earlier attempt has
  // ended, the store has told what there is), and what they resume from; nullopt: the beginning.
  // The resume point is recorded before they are created.
  bool may_start = true;
  std::optional<api::StepNumber> resume_step;
  // Work of the predecessor that is to be done again, as compute time on the first-listed model; to
  // be booked when the resume point is recorded.
  Duration lost_work{};
  // Work that the attempt in force has done up to now, of all attempts together: to be recorded
  // (status.ended) when the verdict ends it.
  Duration work_done{};
  std::int64_t restarts_without_progress = 0;  // to be in status
  std::optional<Duration> suggested_interval;  // to be in status; nullopt: nothing to suggest
};

struct InferenceShare {
  std::size_t pool = 0;
  std::int64_t replicas = 0;
  // When bound replicas are given back: the nodes that they are to leave, one entry a replica,
  // because their room is promised already. A ReplicaSet picks by
  // `controller.kubernetes.io/pod-deletion-cost` (KEP-2255); unbound replicas go before them.
  std::vector<std::size_t> leave;
  std::int64_t leaving = 0;  // on nodes that are about to go, beyond `replicas`; to be recorded
  friend bool operator==(const InferenceShare&, const InferenceShare&) = default;
};

// The replicas of a workload on a node that is about to go are to end now: as many others serve, or
// there is only time left to drain.
struct Drain {
  std::size_t pool = 0;
  std::size_t node = 0;
  std::int64_t replicas = 0;  // not necessarily all that are there
  // When it has to have ended, whatever it would like for its drain; nullopt: nobody says.
  std::optional<Instant> ends_by;
  friend bool operator==(const Drain&, const Drain&) = default;
};

// Replicas that serve beyond their pool's share: they go on until what takes their place serves.
struct Kept {
  std::size_t pool = 0;
  std::int64_t replicas = 0;
  friend bool operator==(const Kept&, const Kept&) = default;
};

struct InferenceDecision {
  std::size_t workload = 0;
  Boxed<AwakeState> hours;             // null: nothing ever puts it to sleep
  std::vector<InferenceShare> shares;  // by pool, none with zero replicas
  std::vector<Drain> drains;           // the earliest deadline first
  std::vector<Kept> kept;              // by pool, each once
  std::int64_t covering = 0;  // on on-demand beyond what was asked for, until spot replicas serve
  std::int64_t spare = 0;     // beyond what was asked for, so that a loss is no loss
  std::int64_t spot_missing = 0;   // of the spot share, on another tier or without a place
  std::int64_t unplaced = 0;       // replicas that no pool can take now
  std::int64_t unprotected = 0;    // that the loss of a zone would leave below what was promised
  bool baseline_clamped = false;   // baseline above replicas
  Cause cause = Cause::kCheapest;  // of the first thing worth telling: what is missing, else why it
                                   // is where it is
  std::vector<Alternative> alternatives;
};

// A pool that was given work and did not deliver within the launch timeout. Recorded in
// CapacityPool.status before the placement is taken back, so that a crash between the two cannot
// count one failure twice: `since` identifies it.
struct StockOut {
  std::size_t pool = 0;
  Instant since{};  // of the placement that failed
};

// Room and use of a pool, for CapacityPool.status.
struct PoolUse {
  AcceleratorCount capacity;  // on nodes that are there and usable
  AcceleratorCount used;      // bound replicas of Spillway's workloads
  AcceleratorCount free;
};

struct Plan {
  // Confirmed gone, with pods of ours still listed on them: these pods are to be force-deleted, so
  // that their gang can re-form.
  std::vector<std::size_t> gone_nodes;
  std::vector<TrainingDecision> training;    // one per workload of the snapshot, same order
  std::vector<InferenceDecision> inference;  // likewise
  std::vector<StockOut> stock_outs;
  std::vector<PoolUse> pools;      // one per pool, same order
  std::optional<Instant> wake_at;  // when to plan again although nothing happened
};

// Time: linear in workloads. `now` is never earlier than an instant of the snapshot by more than
// clock skew; a later instant is treated as now.
Plan make_plan(const Snapshot& snapshot, Instant now, const Config& config);

// One sentence for people, ending without a full stop: "cheapest of 4 eligible pools: $0.97/h on
// spot us-west-2a, ...". Rendered on demand: a pass over thousands of workloads needs the words of
// a few.
std::string explain(const Snapshot& snapshot, const TrainingDecision& decision, Instant now);
std::string explain(const Snapshot& snapshot, const InferenceDecision& decision, Instant now);

}  // namespace spillway::plan
