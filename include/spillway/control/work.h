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
// Before deletions that no status write precedes (kubernetes.md §4, circuit breaker).
struct ConfirmCurrent {
  kube::ResourceType type;
  ObjectKey key;
  ResourceVersion decided_on;
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
// Sets annotations; null removes one.
struct Annotate {
  kube::ResourceType type;
  ObjectKey key;
  nlohmann::json annotations;
};
using Write = std::variant<WriteStatus, ConfirmCurrent, CreateChild, ApplyChild, DeleteObject,
                           ConfirmNodeGone, Annotate>;

struct Work {
  kube::ObjectReference subject;
  std::vector<Write> writes;
  std::vector<Notable> notables;  // told once the status is written
  // The subject as it will be when its status is written; stands for the stored one until then.
  Shared<api::TrainingJob> assumed_training_job;
  Shared<api::InferencePool> assumed_inference_pool;
};

}  // namespace spillway::control
