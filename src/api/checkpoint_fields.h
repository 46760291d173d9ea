#pragma once
// Field tables of what a TrainingJob says and knows about its checkpoints.

#include <spillway/api/checkpoint.h>

#include "checkpoint_names.h"
#include "field.h"
#include "workload_fields.h"

namespace spillway::api {

inline constexpr std::size_t kMaxUri = 1024;

template <>
struct Described<HttpTrigger> {
  static constexpr auto fields =
      std::tuple(field("port", &HttpTrigger::port, "Port that the program listens on.",
                       {.required = true, .minimum = 1, .maximum = 65'535}),
                 field("path", &HttpTrigger::path, "Path of the POST request.",
                       {.defaulted = true, .format = &kAbsolutePath}));
  static constexpr std::array<Rule<HttpTrigger>, 0> rules{};
};

template <>
struct Described<CheckpointTrigger> {
  static constexpr auto fields = std::tuple(
      field("http", &CheckpointTrigger::http,
            "A POST request: in mode Agent to localhost, in mode Native to the pod's address, "
            "with a token of the job's own."),
      field("signal", &CheckpointTrigger::signal,
            "A signal to the program's first process, in mode Agent."),
      field("file", &CheckpointTrigger::file,
            "A file that is made when a checkpoint is wanted and that the program removes, in mode "
            "Agent.",
            {.format = &kAbsolutePath}));
  static constexpr std::array rules{Rule<CheckpointTrigger>{
      "[has(self.http), has(self.signal), has(self.file)].filter(given, given).size() <= 1",
      "write at most one of http, signal and file: the program is asked in one way",
      [](const CheckpointTrigger& trigger) {
        return (trigger.http ? 1 : 0) + (trigger.signal ? 1 : 0) + (trigger.file.empty() ? 0 : 1) <=
               1;
      }}};
};

template <>
struct Described<CheckpointSpec> {
  static constexpr auto fields = std::tuple(
      field("store", &CheckpointSpec::store,
            "Store that the checkpoints are in: one of those that the administrator has "
            "configured. The job's own prefix in it is given to the pods.",
            {.required = true, .immutable = true, .format = &kLabelValue}),
      field("format", &CheckpointSpec::format,
            "What a finished checkpoint looks like. A checkpoint counts only when everything that "
            "its last-written file names is there.",
            {.required = true, .immutable = true}),
      field("mode", &CheckpointSpec::mode,
            "Agent: Spillway adds containers that bring the files of `directory` to the store and "
            "back. Native: the program reads and writes the store itself.",
            {.defaulted = true}),
      field("directory", &CheckpointSpec::directory,
            "Folder in the containers where the program leaves its checkpoints, one folder or file "
            "each. Needed in mode Agent, where it is a volume of Spillway's.",
            {.format = &kAbsolutePath}),
      field("interval", &CheckpointSpec::interval,
            "How often the program saves by itself, from 10s to 24h: what a loss without notice "
            "may cost. status.checkpoint.suggestedInterval says what would be best.",
            {.defaulted = true, .format = &kCheckpointInterval}),
      field("trigger", &CheckpointSpec::trigger,
            "How the program is asked to save at once. Without it a checkpoint that is wanted is "
            "asked for by SIGTERM alone."),
      field("grace", &CheckpointSpec::grace,
            "How long the program may take from SIGTERM to its end, at most 1h. At a notice it is "
            "cut to what the notice leaves.",
            {.defaulted = true, .format = &kGrace}),
      field("saveTimeout", &CheckpointSpec::save_timeout,
            "How long a save may take that Spillway asks for without a notice (to suspend, move, "
            "displace or delete the job), at most 1h. Then the attempt ends without it.",
            {.defaulted = true, .format = &kSaveTimeout}),
      field("keep", &CheckpointSpec::keep,
            "Verified checkpoints that are kept; older ones are removed where the administrator "
            "lets Spillway remove any.",
            {.defaulted = true, .minimum = 2, .maximum = 1'000}),
      field("deletionPolicy", &CheckpointSpec::deletion_policy,
            "What becomes of the checkpoints when the job is deleted. Retain: they stay. Delete: "
            "they are removed.",
            {.defaulted = true}),
      field("allowUnverified", &CheckpointSpec::allow_unverified,
            "true resumes from a checkpoint of which nothing tells whether it is complete. It may "
            "not be: the job may fail or learn from a damaged state.",
            {.defaulted = true}),
      field("worldSize", &CheckpointSpec::world_size,
            "Processes that save a part each; absent: replicas x accelerator.perReplica.",
            {.minimum = 1, .maximum = 1'000'000}));
  static constexpr std::array rules{
      Rule<CheckpointSpec>{
          "self.mode != 'Agent' || has(self.directory)",
          "write directory, the folder in the containers where the program leaves its checkpoints: "
          "in mode Agent they are brought to the store from there",
          [](const CheckpointSpec& spec) {
            return spec.mode != CheckpointMode::kAgent || !spec.directory.empty();
          }},
      Rule<CheckpointSpec>{
          "self.mode != 'Native' || !has(self.trigger) || "
          "(!has(self.trigger.signal) && !has(self.trigger.file))",
          "write trigger.http, or leave trigger out so that SIGTERM asks for a checkpoint: in mode "
          "Native nothing in the pod could send a signal or make a file",
          [](const CheckpointSpec& spec) {
            return spec.mode != CheckpointMode::kNative ||
                   (!spec.trigger.signal && spec.trigger.file.empty());
          }}};
};

template <>
struct Described<ResumePoint> {
  static constexpr auto fields = std::tuple(
      field("uri", &ResumePoint::uri, "Where the checkpoint is.",
            {.required = true, .max_length = kMaxUri}),
      field("step", &ResumePoint::step, "Step that it holds.", {.required = true, .minimum = 0}),
      field("attempt", &ResumePoint::attempt, "Attempt that wrote it.",
            {.required = true, .minimum = 0}));
  static constexpr std::array<Rule<ResumePoint>, 0> rules{};
};

template <>
struct Described<CheckpointStatus> {
  static constexpr auto fields = std::tuple(
      field("state", &CheckpointStatus::state,
            "Of the newest checkpoint in the store. Saving: its last file is not there yet. "
            "Committed: verified complete. Invalid: something of it is missing or not as its "
            "marker says. Unknown: the store could not be asked, or nothing tells.",
            {.required = true}),
      field("uri", &CheckpointStatus::uri,
            "Where the newest verified checkpoint is; this and the fields up to computeTime are "
            "absent while there is none.",
            {.max_length = kMaxUri}),
      field("step", &CheckpointStatus::step, "Step that it holds.", {.minimum = 0}),
      field("attempt", &CheckpointStatus::attempt, "Attempt that wrote it.", {.minimum = 0}),
      field("committedAt", &CheckpointStatus::committed_at,
            "When its last part was stored, by the store's clock.", {.format = &kInstant}),
      field("verifiedAt", &CheckpointStatus::verified_at,
            "When it was found complete for the first time.", {.format = &kInstant}),
      field("bytes", &CheckpointStatus::bytes, "Size of all its parts.", {.minimum = 0}),
      field("parts", &CheckpointStatus::parts, "Number of its parts.",
            {.minimum = 0, .maximum = kMaxInt32}),
      field("computeTime", &CheckpointStatus::compute_time,
            "Work that it saves, as compute time on the first-listed model.",
            {.format = &kDuration}),
      field("saveTime", &CheckpointStatus::save_time,
            "How long a save takes, as measured, from the request to the last part.",
            {.format = &kDuration}),
      field("suggestedInterval", &CheckpointStatus::suggested_interval,
            "How often the program should save, from the time that a save takes and the expected "
            "life of the capacity it runs on.",
            {.format = &kDuration}),
      field("restartsWithoutProgress", &CheckpointStatus::restarts_without_progress,
            "Restarts in a row without a newer checkpoint that neither the program's own failure "
            "nor the loss of a node explains; too many of them fail the job.",
            {.minimum = 0, .maximum = kMaxInt32}),
      field("message", &CheckpointStatus::message,
            "Why the newest checkpoint does not count, in a sentence.",
            {.max_length = kMaxSentence}));
  static constexpr std::array<Rule<CheckpointStatus>, 0> rules{};
};

template <>
struct Described<SaveStatus> {
  static constexpr auto fields = std::tuple(
      field("attempt", &SaveStatus::attempt, "Attempt that was asked to save.",
            {.required = true, .minimum = 1}),
      field(
          "reason", &SaveStatus::reason,
          "Why. Notice: its capacity will be taken. Precaution: the risk is higher than usual, it "
          "goes on after it. Displaced, Moved, Suspended, Deleted: Spillway or its user ends it.",
          {.required = true}),
      field("requestedAt", &SaveStatus::requested_at, "When it was decided.",
            {.required = true, .format = &kInstant}),
      field("deadline", &SaveStatus::deadline,
            "When the capacity goes, or the save is given up. Never moved to a later time.",
            {.required = true, .format = &kInstant}),
      field(
          "state", &SaveStatus::state,
          "Requested: the pods are being asked. Verified: a checkpoint from after the request "
          "was verified. GivenUp: the last verified one is used. Cancelled: the reason went away.",
          {.required = true}),
      field("afterStep", &SaveStatus::after_step,
            "Step of the newest verified checkpoint when it was asked for.", {.minimum = 0}),
      field("settledAt", &SaveStatus::settled_at, "When it was verified or given up.",
            {.format = &kInstant}),
      field("step", &SaveStatus::step, "Step that was saved.", {.minimum = 0}),
      field("message", &SaveStatus::message, "Why it was given up, in a sentence.",
            {.max_length = kMaxSentence}));
  static constexpr std::array<Rule<SaveStatus>, 0> rules{};
};

template <>
struct Described<EndedAttempt> {
  static constexpr auto fields = std::tuple(
      field("attempt", &EndedAttempt::attempt, "Its number.", {.required = true, .minimum = 1}),
      field("endedAt", &EndedAttempt::ended_at, "When it ended.",
            {.required = true, .format = &kInstant}),
      field("reason", &EndedAttempt::reason, "Why, in one word.",
            {.required = true, .format = &kConditionReason}),
      field("computeTime", &EndedAttempt::compute_time,
            "Work that was done when it ended, as compute time on the first-listed model.",
            {.required = true, .format = &kDuration}),
      field("rate", &EndedAttempt::rate, "What the job cost then, in US dollars per hour.",
            {.format = &kSignedAmount}));
  static constexpr std::array<Rule<EndedAttempt>, 0> rules{};
};

template <>
struct Described<ProgressStatus> {
  static constexpr auto fields =
      std::tuple(field("step", &ProgressStatus::step, "Step that the program reported.",
                       {.required = true, .minimum = 0}),
                 field("percent", &ProgressStatus::percent, "Share of totalSteps that is done.",
                       {.minimum = 0, .maximum = 100}),
                 field("observedAt", &ProgressStatus::observed_at, "When it was reported.",
                       {.required = true, .format = &kInstant}));
  static constexpr std::array<Rule<ProgressStatus>, 0> rules{};
};

}  // namespace spillway::api
