#pragma once
// What operator, agent and program say to each other: names and shapes that all three have to agree
// on, in one place. Constants only.
//
//   operator ──POST /v1/save──> agent (or the program itself, mode Native)     "save until then"
//   operator ──GET /v1/status─> agent                                          "how far are you?"
//   node agent ──taint, annotations──> its own Node ──watch──> operator        "this node will go"
//   operator ──environment──> pods of an attempt                               "continue from here"
//
// A request is delivered when it was answered with 2xx. Whatever is answered is a claim: a
// checkpoint counts when the operator has verified it in the store (docs/interruption.md).

#include <cstdint>
#include <string_view>

namespace spillway::api::agent {

// ---- save requests -----------------------------------------------------------------------------

// Every agent listens here on the pod's address; a program in mode Native on the port and path of
// its trigger.
inline constexpr std::uint16_t kPort = 8467;
inline constexpr std::string_view kPortName = "spillway";

// POST, "Authorization: Bearer <token>", application/json:
//   {"id": "3-1700000000", "attempt": 3, "deadline": "2026-11-21T12:00:00Z", "reason": "..."}
// `id` is that of the request: the same id again is the same request and answered as the first was.
// `deadline` is absolute: the checkpoint has to be in the store by then. Answered at once with 202
// and the body of kStatusPath; 401 for a wrong token, 409 for another attempt than the pod's own.
inline constexpr std::string_view kSavePath = "/v1/save";

// GET, same authorization, application/json; every field but attempt and rank may be missing:
//   {"attempt": 3, "rank": 0,
//    "request": {"id": "3-1700000000", "state": "Saving", "message": "...", "receivedAt": "..."},
//    "saved": {"step": 1200, "uri": "s3://...", "bytes": 123, "savedAt": "...",
//              "saveSeconds": 3.2, "uploadSeconds": 1.1}}
// `saved` is the newest checkpoint whose last part is in the store.
inline constexpr std::string_view kStatusPath = "/v1/status";

// request.state, in this order; kFailed may follow any of them.
namespace request_state {
inline constexpr std::string_view kReceived = "Received";    // the program was not asked yet
inline constexpr std::string_view kSaving = "Saving";        // the program was asked
inline constexpr std::string_view kUploading = "Uploading";  // its files are complete
inline constexpr std::string_view kSaved = "Saved";          // the manifest is in the store
inline constexpr std::string_view kFailed = "Failed";        // message says why
}  // namespace request_state

// ---- environment of the pods of an attempt -----------------------------------------------------

namespace environment {
inline constexpr std::string_view kAttempt = "SPILLWAY_ATTEMPT";
inline constexpr std::string_view kRank = "RANK";
inline constexpr std::string_view kWorldSize = "WORLD_SIZE";
inline constexpr std::string_view kToken = "SPILLWAY_TOKEN";
inline constexpr std::string_view kJobNamespace = "SPILLWAY_JOB_NAMESPACE";
inline constexpr std::string_view kJobName = "SPILLWAY_JOB_NAME";
inline constexpr std::string_view kJobUid = "SPILLWAY_JOB_UID";
// Set only when there is something to resume from: the URI of a checkpoint that was verified, its
// step, and the attempt that wrote it.
inline constexpr std::string_view kResumeFrom = "SPILLWAY_RESUME_FROM";
inline constexpr std::string_view kResumeStep = "SPILLWAY_RESUME_STEP";
inline constexpr std::string_view kResumeAttempt = "SPILLWAY_RESUME_ATTEMPT";
// Of replicas that retry alone: which one the pod is ("7"), and how often its pod was replaced
// before in this attempt ("1-0", storage/layout.h). Nothing names what they resume from, because
// the environment is that of all of them: who finds kReplica looks below its own prefix for the
// newest. The other two are what kRetry is made of.
inline constexpr std::string_view kReplica = "SPILLWAY_REPLICA";
inline constexpr std::string_view kRetry = "SPILLWAY_RETRY";
inline constexpr std::string_view kRetriesCounted = "SPILLWAY_RETRIES_COUNTED";
inline constexpr std::string_view kRetriesIgnored = "SPILLWAY_RETRIES_IGNORED";
// Mode Native, replicas that retry alone: everything that the replica and its earlier pods have
// written is below it, "s3://bucket/prefix/namespace/name/uid/index-7/".
inline constexpr std::string_view kReplicaUri = "SPILLWAY_REPLICA_URI";
// Where checkpoints go, always with the slash at the end. Of the agent's containers: the prefix of
// the job, "s3://bucket/prefix/namespace/name/uid/", or of the replica, "…/uid/index-7/". Of a
// program in mode Native: that of its attempt, "…/attempt-0003/", or of its pod,
// "…/index-7/attempt-0003/retry-1-0/", so that two attempts never write the same key.
inline constexpr std::string_view kCheckpointUri = "SPILLWAY_CHECKPOINT_URI";
inline constexpr std::string_view kCheckpointDirectory = "SPILLWAY_CHECKPOINT_DIR";
inline constexpr std::string_view kCheckpointFormat = "SPILLWAY_CHECKPOINT_FORMAT";
// How many pods save a part of each checkpoint, the first ranks.
inline constexpr std::string_view kCheckpointWriters = "SPILLWAY_CHECKPOINT_WRITERS";
// How to reach the store. kStorePathStyle is "true" or "false". kStoreCredentials is "environment",
// "web-identity", "container" or the path of a folder (cloud/credentials.h).
inline constexpr std::string_view kStoreEndpoint = "SPILLWAY_STORE_ENDPOINT";
inline constexpr std::string_view kStoreRegion = "SPILLWAY_STORE_REGION";
inline constexpr std::string_view kStorePathStyle = "SPILLWAY_STORE_PATH_STYLE";
inline constexpr std::string_view kStoreCredentials = "SPILLWAY_STORE_CREDENTIALS";
inline constexpr std::string_view kStoreCa =
    "SPILLWAY_STORE_CA";  // a PEM file; unset: the system's
// What the agent does to make the program save: "signal:SIGUSR1", "http:8080/checkpoint" (POST on
// localhost) or "file:/path" (made when a checkpoint is wanted). Unset: the program saves by itself
// and the agent uploads what it finds.
inline constexpr std::string_view kTrigger = "SPILLWAY_TRIGGER";
}  // namespace environment

// In the directory of a replica that retries alone, left by `restore`: lines NAME=VALUE with the
// three variables of what was resumed from. Not there at the beginning.
inline constexpr std::string_view kResumeFile = ".spillway-resume";

// What the operator adds to a pod in mode Agent.
inline constexpr std::string_view kRestoreContainer = "spillway-restore";
inline constexpr std::string_view kSyncContainer = "spillway-sync";
inline constexpr std::string_view kCheckpointVolume = "spillway-checkpoints";
inline constexpr std::string_view kCredentialsVolume = "spillway-store-credentials";
inline constexpr std::string_view kCredentialsDirectory = "/var/run/spillway/store";

// ---- marks of the node agent on its own Node ---------------------------------------------------

namespace node_mark {
// Taint "spillway.dev/interruption=<kind>:NoSchedule", kind as below. It says that the node will
// go; the annotations say when and who said so. All three are removed when the cloud takes its word
// back.
inline constexpr std::string_view kTaint = "spillway.dev/interruption";
inline constexpr std::string_view kEffect = "NoSchedule";
// RFC 3339, absolute, never moved to a later time while the taint is there. Without it the operator
// reckons from its first sight of the taint, with the pool's notice.
inline constexpr std::string_view kDeadline = "spillway.dev/interruption-deadline";
// "aws-metadata", "gcp-metadata", "azure-metadata".
inline constexpr std::string_view kSource = "spillway.dev/interruption-source";

inline constexpr std::string_view kKindInterruption = "interruption";  // spot capacity is taken
inline constexpr std::string_view kKindMaintenance = "maintenance";    // reboot, redeploy, retire
inline constexpr std::string_view kKindRebalance = "rebalance";        // a hint: the risk is higher
}  // namespace node_mark

}  // namespace spillway::api::agent
