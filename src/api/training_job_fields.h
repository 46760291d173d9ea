#pragma once
// Field tables of TrainingJob.

#include <spillway/api/training_job.h>

#include "checkpoint_fields.h"
#include "field.h"
#include "template_rules.h"
#include "workload_fields.h"

namespace spillway::api {

template <>
struct Described<TrainingJobSpec> {
  static constexpr auto fields = std::tuple(
      field("template", &TrainingJobSpec::pod_template,
            "Pod template of one replica (a Kubernetes PodTemplateSpec). Rank, world size and "
            "master address are added to the "
            "environment, the pool's node affinity and tolerations to the scheduling.",
            {.required = true}),
      field("replicas", &TrainingJobSpec::replicas, "Pods of an attempt: the ranks of a gang.",
            {.defaulted = true, .minimum = 1, .maximum = kMaxReplicas}),
      field(
          "gang", &TrainingJobSpec::gang,
          "true: the replicas start together in one zone and any lost rank ends the attempt. "
          "false: replicas start, save and are retried alone, as for sweeps of experiments, batch "
          "inference and preprocessing.",
          {.defaulted = true}),
      field("accelerator", &TrainingJobSpec::accelerator, "Accelerators that a replica needs.",
            {.required = true}),
      field("tiers", &TrainingJobSpec::tiers, "Tiers that the job may run on.",
            {.defaulted = true}),
      field("duration", &TrainingJobSpec::duration,
            "Estimated compute time on the first-listed model, such as 36h. Needed for a deadline "
            "and an ETA.",
            {.format = &kPositiveDuration}),
      field("totalSteps", &TrainingJobSpec::total_steps,
            "Steps after which the work is done, as the program counts them: for progress.",
            {.minimum = 1}),
      field("deadline", &TrainingJobSpec::deadline,
            "When the job has to be done, with time zone. Spot is used while the rest can still be "
            "done on demand in time.",
            {.format = &kInstant}),
      field("maxRate", &TrainingJobSpec::max_rate,
            "Most that the whole job may cost, in US dollars per hour. Capacity that costs more is "
            "not taken.",
            {.format = &kAmount}),
      field("fallbackAfter", &TrainingJobSpec::fallback_after,
            "How long a job without a deadline waits for spot or reserved capacity before it takes "
            "on-demand; 0s does not wait.",
            {.defaulted = true, .format = &kDuration}),
      field("launchTimeout", &TrainingJobSpec::launch_timeout,
            "How long an attempt may take until all its ranks run. Then everything is given back, "
            "the pool counts as stocked "
            "out and the next best is tried.",
            {.defaulted = true, .format = &kPositiveDuration}),
      field("checkpoint", &TrainingJobSpec::checkpoint,
            "Where and how the work is saved. Without it an attempt that loses its capacity starts "
            "from the beginning."),
      field("maxRestarts", &TrainingJobSpec::max_restarts,
            "Failures of the program itself after which the job has failed. Lost nodes and "
            "displacements never count.",
            {.defaulted = true, .minimum = 0, .maximum = 1'000}),
      field("priority", &TrainingJobSpec::priority,
            "Who is placed first, and who may displace whom: higher goes first.",
            {.defaulted = true, .minimum = -1'000, .maximum = 1'000}),
      field("suspend", &TrainingJobSpec::suspend,
            "true ends the attempt and starts no other until it is false again.",
            {.defaulted = true}),
      field("ttlSecondsAfterFinished", &TrainingJobSpec::ttl_seconds_after_finished,
            "Seconds after which a finished job is deleted; absent keeps it.",
            {.minimum = 0, .maximum = kMaxInt32}),
      field("attribution", &TrainingJobSpec::attribution,
            "Who pays. The values become labels of every object and pod made for the job."));
  static constexpr std::array rules{
      Rule<TrainingJobSpec>{
          "!has(self.deadline) || has(self.duration)",
          "write duration beside deadline: without an estimate of the compute time nothing can be "
          "planned "
          "towards it",
          [](const TrainingJobSpec& spec) { return !spec.deadline || spec.duration; }},
      template_is_understood<TrainingJobSpec>, accelerators_agree<TrainingJobSpec>};
};

template <>
struct Described<TrainingPlacement> {
  static constexpr auto fields =
      std::tuple(field("pool", &TrainingPlacement::pool, "CapacityPool that the job runs in.",
                       {.required = true, .max_length = 63}),
                 field("tier", &TrainingPlacement::tier, "Tier of the pool.", {.required = true}),
                 field("attempt", &TrainingPlacement::attempt, "Attempt that the placement is for.",
                       {.required = true, .minimum = 1}),
                 field("rate", &TrainingPlacement::rate,
                       "What the whole job costs there, in US dollars per hour, when it was "
                       "decided; absent while the price is not "
                       "known.",
                       {.format = &kSignedAmount}),
                 field("since", &TrainingPlacement::since, "When it was decided.",
                       {.required = true, .format = &kInstant}),
                 field("reason", &TrainingPlacement::reason, "Why this pool, in one sentence.",
                       {.required = true, .max_length = kMaxSentence}),
                 field("alternatives", &TrainingPlacement::alternatives,
                       "The next best choices and what they would have cost.",
                       {.max_items = kMaxAlternatives}),
                 field("resumeFrom", &TrainingPlacement::resume_from,
                       "Checkpoint that the attempt begins with; absent: it begins at the "
                       "beginning."));
  static constexpr std::array<Rule<TrainingPlacement>, 0> rules{};
};

template <>
struct Described<Interruptions> {
  static constexpr auto fields = std::tuple(
      field("count", &Interruptions::count, "Attempts that ended through no fault of the program.",
            {.required = true, .minimum = 0}),
      field("lostSeconds", &Interruptions::lost, "Work that was lost with them, in seconds.",
            {.required = true, .minimum = 0}),
      field("cost", &Interruptions::cost, "What the lost work had cost, in US dollars.",
            {.format = &kSignedAmount}));
  static constexpr std::array<Rule<Interruptions>, 0> rules{};
};

template <>
struct Described<TrainingJobStatus> {
  static constexpr auto fields = std::tuple(
      field("observedGeneration", &TrainingJobStatus::observed_generation,
            "The metadata.generation that this status was computed for.", {.minimum = 0}),
      field("phase", &TrainingJobStatus::phase,
            "Where the job is, in one word, for people; programs read the conditions."),
      field("attempt", &TrainingJobStatus::attempt,
            "Number of the latest attempt; 0 before the first.", {.minimum = 0}),
      field("placement", &TrainingJobStatus::placement,
            "Where the job runs or is about to run, and why."),
      field("startedAt", &TrainingJobStatus::started_at,
            "When all ranks of the running attempt ran.", {.format = &kInstant}),
      field("finishedAt", &TrainingJobStatus::finished_at, "When the job succeeded or failed.",
            {.format = &kInstant}),
      field("eta", &TrainingJobStatus::eta, "When the job is expected to be done, as it runs now.",
            {.format = &kInstant}),
      field("restarts", &TrainingJobStatus::restarts,
            "Attempts after the first, whatever ended the one before.", {.minimum = 0}),
      field("restartsCounted", &TrainingJobStatus::restarts_counted,
            "Failures of the program itself, which maxRestarts bounds.", {.minimum = 0}),
      field("interruptions", &TrainingJobStatus::interruptions,
            "Attempts that ended through no fault of the program."),
      field("checkpoint", &TrainingJobStatus::checkpoint,
            "What is known of the job's checkpoints."),
      field("save", &TrainingJobStatus::save,
            "The last checkpoint that Spillway asked for, and what came of it."),
      field("ended", &TrainingJobStatus::ended,
            "The attempt that ended last, until its successor knows what to resume from."),
      field("progress", &TrainingJobStatus::progress, "What the program reported last."),
      field("cost", &TrainingJobStatus::cost, "What the job costs and has cost."),
      field(
          "conditions", &TrainingJobStatus::conditions,
          "Placed: a pool was chosen. Running: all ranks run. Checkpointed: the newest checkpoint "
          "was verified, or what to fix. Interrupted: its capacity is about to go. Complete and "
          "Failed: how it ended.",
          {.max_items = kMaxConditions, .list_key = "type"}));
  static constexpr std::array<Rule<TrainingJobStatus>, 0> rules{};
};

template <>
struct Described<TrainingJob> {
  static constexpr std::string_view doc =
      "TrainingJob is accelerator work that ends. Spillway chooses the cheapest capacity that "
      "meets its promises, starts an "
      "attempt there, and begins another when capacity is taken away.";
  static constexpr auto fields =
      std::tuple(field("spec", &TrainingJob::spec, "What is to be done, and within which limits.",
                       {.required = true}),
                 field("status", &TrainingJob::status,
                       "What the operator decided and observed; written by it alone."));
  static constexpr const TextFormat& name = kWorkloadName;
  static constexpr std::array columns{
      PrinterColumn{"Phase", "string", ".status.phase", "Where the job is"},
      PrinterColumn{"Pool", "string", ".status.placement.pool", "CapacityPool that it runs in"},
      PrinterColumn{"Tier", "string", ".status.placement.tier", "Tier of the pool"},
      PrinterColumn{"USD/h", "string", ".status.cost.rate", "What the job costs now"},
      PrinterColumn{"Replicas", "integer", ".spec.replicas", "Pods of an attempt"},
      PrinterColumn{"Why", "string", ".status.conditions[?(@.type==\"Placed\")].reason",
                    "Why it is where it is, or is not placed, in one word"},
      PrinterColumn{"Attempt", "integer", ".status.attempt", "Number of the latest attempt", true},
      PrinterColumn{"Step", "integer", ".status.checkpoint.step",
                    "Step of the newest verified checkpoint", true},
      PrinterColumn{"Restarts", "integer", ".status.restarts", "Attempts after the first", true},
      PrinterColumn{"Total USD", "string", ".status.cost.total",
                    "Cost up to the last change of the rate", true},
      PrinterColumn{"ETA", "string", ".status.eta", "When it is expected to be done", true},
      PrinterColumn{"Reason", "string", ".status.conditions[?(@.type==\"Placed\")].message",
                    "Why it is where it is, or is not placed", true},
      PrinterColumn{"Age", "date", ".metadata.creationTimestamp",
                    "Time since the job was created"}};
};

}  // namespace spillway::api
