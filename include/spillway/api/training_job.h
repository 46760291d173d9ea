#pragma once
// TrainingJob (namespaced, `tj`): work that ends. Texts, bounds and rules of each field are in
// src/api/training_job_fields.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/checkpoint.h>
#include <spillway/api/condition.h>
#include <spillway/api/enums.h>
#include <spillway/api/pod_template.h>
#include <spillway/api/workload.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::api {

struct TrainingJobSpec {
  PodTemplate pod_template;  // spec.template
  std::int32_t replicas = 1;
  bool gang = true;
  AcceleratorRequest accelerator;
  TierSet tiers = TierSet::all();
  std::optional<Duration> duration;  // compute time on the first-listed model, estimated
  std::optional<std::int64_t> total_steps;
  std::optional<Instant> deadline;  // only with a duration
  std::optional<HourlyRate> max_rate;
  Duration fallback_after = std::chrono::minutes(15);
  Duration launch_timeout = std::chrono::minutes(10);
  std::optional<CheckpointSpec> checkpoint;
  std::int32_t max_restarts = 3;
  std::int32_t priority = 0;
  bool suspend = false;
  std::optional<std::int32_t> ttl_seconds_after_finished;
  Attribution attribution;

  friend bool operator==(const TrainingJobSpec&, const TrainingJobSpec&) = default;
};

struct TrainingPlacement {
  PoolName pool;
  Tier tier = Tier::kSpot;
  AttemptNumber attempt;
  std::optional<HourlyRate> rate;  // whole job; nullopt = the pool's price is not known
  Instant since{};
  std::string reason;
  std::vector<Alternative> alternatives;   // at most 5
  std::optional<ResumePoint> resume_from;  // nullopt: from the beginning

  friend bool operator==(const TrainingPlacement&, const TrainingPlacement&) = default;
};

// Attempts that ended through no fault of the program: a lost node, a displacement, a move.
struct Interruptions {
  std::int32_t count = 0;
  std::chrono::seconds lost{0};  // rework, summed
  std::optional<Money> cost;     // what the lost work had cost

  friend bool operator==(const Interruptions&, const Interruptions&) = default;
};

struct TrainingJobStatus {
  std::int64_t observed_generation = 0;
  TrainingJobPhase phase = TrainingJobPhase::kPending;
  AttemptNumber attempt;  // the latest; 0 = none yet
  std::optional<TrainingPlacement> placement;
  std::optional<Instant> started_at;  // of the running attempt: when all its ranks ran
  std::optional<Instant> finished_at;
  std::optional<Instant> eta;
  std::int32_t restarts = 0;          // attempts after the first, whatever the cause
  std::int32_t restarts_counted = 0;  // those caused by the program: what maxRestarts bounds
  std::optional<Interruptions> interruptions;
  std::optional<CheckpointStatus> checkpoint;
  std::optional<SaveStatus> save;
  std::optional<EndedAttempt> ended;
  std::optional<ProgressStatus> progress;
  std::optional<CostStatus> cost;
  Conditions conditions;

  friend bool operator==(const TrainingJobStatus&, const TrainingJobStatus&) = default;
};

// While it is on a TrainingJob, deleting the job waits for the operator, which saves first or
// removes checkpoints (docs/interruption.md).
inline constexpr std::string_view kCheckpointFinalizer = "spillway.dev/checkpoint";

struct TrainingJob {
  ObjectMeta meta;
  TrainingJobSpec spec;
  TrainingJobStatus status;
  bool holds_deletion = false;  // kCheckpointFinalizer is among metadata.finalizers

  friend bool operator==(const TrainingJob&, const TrainingJob&) = default;
};

}  // namespace spillway::api
