#pragma once
// What a pass wants done, as values: for each object a short chain of small, idempotent requests.
// The chain stops at the first that fails, and the next pass starts from what is then there; a
// crash between two of them leaves a state from which the next pass converges to the same result
// (docs/writes.md lists every write).

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/control/picture.h>
#include <spillway/control/status.h>
#include <spillway/kube/client.h>
#include <spillway/kube/events.h>

namespace spillway::control {

// Writes `status` if the object is still at the version that was decided on.
struct WriteStatus {
  kube::ResourceType type;
  ObjectKey key;
  ResourceVersion decided_on;
  nlohmann::json status;
};
// Reads the object live; the chain goes on only if it is still at the version that was decided on.
// Before anything is done to children that no status write precedes (caches may lie after
// a restart): after a restart the caches may show a past in which another placement was in force.
struct ConfirmCurrent {
  kube::ResourceType type;
  ObjectKey key;
  ResourceVersion decided_on;
};
// Reads the Job of an earlier attempt live; the chain goes on only if it is gone, or terminal.
// Before the next attempt is created, or its job let go, unless the cache has it as terminal.
struct ConfirmAttemptOver {
  ObjectKey job;
  Uid owner;
};
// Creates; an object of that name that has our owner already is success.
struct CreateChild {
  kube::ResourceType type;
  nlohmann::json object;
  Uid owner;
};
// Server-side apply; when nothing of that name is known it is read live first, so that an object of
// somebody else is never taken over.
struct ApplyChild {
  kube::ResourceType type;
  nlohmann::json object;
  Uid owner;
  bool known = false;
};
struct DeleteObject {
  kube::ResourceType type;
  ObjectKey key;
  Uid uid;
  kube::Propagation propagation = kube::Propagation::kForeground;
  std::optional<std::chrono::seconds> grace;  // 0: without the word of a kubelet that is no more
};
// Reads the Node live; the chain goes on only if it is gone, or marked as out of service. Before
// anything that rests on the loss of a node: a cache may lag behind, and pods of a node that lives
// on must not be taken for ended.
struct ConfirmNodeGone {
  NodeName node;
};
// Reads the Nodes live; the chain goes on only if one of them is gone, or is marked as about to go.
// Before an attempt ends for what its nodes say: a watch may lag behind a notice that was taken
// back.
struct ConfirmNotice {
  std::vector<NodeName> nodes;
};
// Sets annotations; null removes one.
struct Annotate {
  kube::ResourceType type;
  ObjectKey key;
  nlohmann::json annotations;
};
// Creates an object whose name belongs to its owner alone; one that is there is it, and need not be
// read (Secrets are never read).
struct CreateOnce {
  kube::ResourceType type;
  nlohmann::json object;
};
// Puts api::kCheckpointFinalizer on a TrainingJob, or takes it away: while it is there, deleting
// the job waits for the operator. Whatever else holds the job stays.
struct HoldDeletion {
  ObjectKey job;
  Uid uid;
  bool hold = true;
};
// Says in the status of a pod, before it is deleted, that its end is not its own doing (condition
// DisruptionTarget, KEP-3329): its Job then counts it as no failure of the replica.
struct MarkDisrupted {
  ObjectKey pod;
  std::string why;  // a sentence
  Instant at{};
};
using Write = std::variant<WriteStatus, ConfirmCurrent, ConfirmAttemptOver, CreateChild, ApplyChild,
                           DeleteObject, ConfirmNodeGone, ConfirmNotice, Annotate, CreateOnce,
                           HoldDeletion, MarkDisrupted>;

struct Work {
  kube::ObjectReference subject;
  bool urgent = false;  // before whatever else waits for its turn
  std::vector<Write> writes;
  // Told once the status is written; where none is, once all is done.
  std::vector<Notable> notables;
  // The subject as it will be when its status is written; stands for the stored one until then.
  Shared<api::TrainingJob> assumed_training_job;
  Shared<api::InferencePool> assumed_inference_pool;
};

}  // namespace spillway::control
