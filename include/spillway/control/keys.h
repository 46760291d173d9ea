#pragma once
// Labels and annotations that Spillway puts on what it creates. Labels are stable for the life of a
// pod; anything that moves (a rate) is an annotation of the Job or Deployment object, never of its
// template.

#include <string_view>

namespace spillway::control {

namespace label {
inline constexpr std::string_view kManagedBy = "app.kubernetes.io/managed-by";
inline constexpr std::string_view kManagedByValue = "spillway";
inline constexpr std::string_view kTrainingJob = "spillway.dev/training-job";
inline constexpr std::string_view kInferencePool = "spillway.dev/inference-pool";
inline constexpr std::string_view kAttempt = "spillway.dev/attempt";
inline constexpr std::string_view kPool = "spillway.dev/pool";
inline constexpr std::string_view kTier = "spillway.dev/tier";
}  // namespace label

namespace annotation {
// US dollars per hour of all replicas, at the last placement.
inline constexpr std::string_view kRate = "spillway.dev/rate-usd-per-hour";
// When the placement was decided: with the pool label and the attempt label enough to rebuild a
// lost status.
inline constexpr std::string_view kPlacedAt = "spillway.dev/placed-at";
// Of the Job of an attempt: the work that it resumed with, as compute time ("1h30m").
inline constexpr std::string_view kResumedWork = "spillway.dev/resumed-compute-time";
// Of a TrainingJob, "true" set by a person: when it is deleted, nothing is saved or removed first.
inline constexpr std::string_view kDeleteNow = "spillway.dev/delete-now";
// Of a pod that retries alone: when it was asked to save before its node goes, and until when. What
// status.save is for a gang.
inline constexpr std::string_view kSaveAskedAt = "spillway.dev/save-asked-at";
inline constexpr std::string_view kSaveDeadline = "spillway.dev/save-deadline";
// Kubernetes': the failures of earlier pods of the same completion index (KEP-3850).
inline constexpr std::string_view kFailuresCounted = "batch.kubernetes.io/job-index-failure-count";
inline constexpr std::string_view kFailuresIgnored =
    "batch.kubernetes.io/job-index-ignored-failure-count";
// Kubernetes': the completion index, also a label of the pod.
inline constexpr std::string_view kCompletionIndex = "batch.kubernetes.io/job-completion-index";
// Hash of what we last applied; another one means that the object has to be applied again.
inline constexpr std::string_view kAppliedHash = "spillway.dev/applied-hash";
// Kubernetes': of the pods of a ReplicaSet that shrinks, those with a lower cost end first; 0
// without it.
inline constexpr std::string_view kDeletionCost = "controller.kubernetes.io/pod-deletion-cost";
inline constexpr std::string_view kLeavesFirst = "-1000";
}  // namespace annotation

}  // namespace spillway::control
