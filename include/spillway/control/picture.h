#pragma once
// From the caches to the plan's snapshot, and back: which object each index of the snapshot stands
// for, and what its children show. Pure apart from a cache of which node belongs to which pool.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <spillway/control/checkpoint_book.h>
#include <spillway/control/hours_reader.h>
#include <spillway/control/notices.h>
#include <spillway/control/save_requests.h>
#include <spillway/control/world.h>
#include <spillway/market/estimate.h>
#include <spillway/market/offering.h>
#include <spillway/plan/snapshot.h>

namespace spillway::control {

template <class T>
using Shared = std::shared_ptr<const T>;

// Decisions that are being written and not yet answered: they stand for the stored objects (own
// decisions are seen).
struct Assumptions {
  std::map<ObjectKey, Shared<api::TrainingJob>> training_jobs;
  std::map<ObjectKey, Shared<api::InferencePool>> inference_pools;
};

struct TrainingChildren {
  Shared<kube::Job> current;               // the Job of the placement's attempt
  std::vector<Shared<kube::Job>> earlier;  // of other attempts
  std::int64_t bound = 0;                  // replicas of the current attempt that hold a node
  std::int64_t running = 0;                // replicas of it that run or have succeeded
  bool replica_lost = false;               // one of them was disrupted or is being deleted
  bool node_lost = false;                  // because its node went
  bool program_failed = false;             // one of them ended by itself with an error
  bool earlier_pods = false;               // pods of other attempts that have not ended
  bool foreign_job = false;  // a Job of our name that belongs to a predecessor of the same name
  std::optional<Instant> first_bound_at;   // of the current attempt
  std::optional<Instant> last_started_at;  // when the latest of the running ones started
  std::string trouble;  // why a pod does not start ("ImagePullBackOff: ..."), if any
  std::vector<Shared<kube::Pod>> lost_pods;  // of any attempt: not ended, and their node is gone
  std::vector<Shared<kube::Pod>> pods;  // of the current attempt: neither ended nor being ended
};

// A replica that retries alone, while it runs, and what is known of its checkpoints.
struct ReplicaCheckpoint {
  ReplicaIndex index;
  Shared<kube::Pod> pod;
  plan::Checkpointing facts;  // of it alone; `save` is what was asked of this pod
  SaveProgress progress;      // of that
  CheckpointTarget target;
  // At a notice for its node: what it is to do, by itself (replica_saves.h). After the plan.
  std::optional<plan::InterruptionStep> step;
};

// What is known of a job's checkpoints, beside the plan's view of it (plan::Checkpointing). Of
// replicas that retry alone `facts` are those of all that run: the oldest of their newest counts.
struct TrainingCheckpoint {
  plan::Checkpointing facts;
  const Stores::Store* store = nullptr;  // nullptr: not configured, or not usable
  api::CheckpointStatus status;          // what status.checkpoint should say now
  std::optional<CheckpointTarget> target;
  std::vector<ReplicaCheckpoint> replicas;  // that retry alone; else none
  SaveProgress progress;                    // of the request in status.save
  bool erased = false;                      // a deleted job's: nothing is left of them in the store
  // The condition Checkpointed.
  api::ConditionStatus verified = api::ConditionStatus::kUnknown;
  std::string reason, message;
};

struct InferenceShareChildren {
  Shared<kube::Deployment> deployment;
  std::int64_t bound = 0;
  std::optional<Instant> waiting_since;  // oldest pod that has no node
  std::vector<Shared<kube::Pod>> lost_pods;
  // Replicas that neither ended nor are ending, with the node of the snapshot that they are on.
  struct Replica {
    Shared<kube::Pod> pod;
    std::size_t node = 0;
  };
  std::vector<Replica> replicas;
};
struct InferenceChildren {
  std::map<PoolName, InferenceShareChildren> shares;
};

struct Picture {
  plan::Snapshot snapshot;
  // By index of the snapshot. The workloads are the assumed ones where a decision is under way.
  std::vector<Shared<api::CapacityPool>> pools;
  std::vector<Shared<api::TrainingJob>> training;
  std::vector<TrainingChildren> training_children;
  std::vector<std::optional<TrainingCheckpoint>> checkpoints;  // by training workload
  std::vector<Shared<api::InferencePool>> inference;
  std::vector<InferenceChildren> inference_children;
  std::set<NodeName> gone_by_word;        // nodes whose instance ended, by the word of the cloud
  std::vector<Instant> node_created_at;   // by node
  std::vector<std::int64_t> ready_nodes;  // by pool
  std::vector<std::optional<Duration>> oldest_node_age;  // by pool
  // Running on a pool that is not there (any more): left alone until it ends or the pool comes
  // back.
  std::vector<Shared<api::TrainingJob>> held;
  std::vector<Shared<api::TrainingJob>> finished;  // and still to be let go or deleted
  // Without a placement, and never to get one as they are: what the API server cannot check (a
  // quantity inside the template).
  template <class Kind>
  struct Refused {
    Shared<Kind> object;
    std::string sentence;
  };
  std::vector<Refused<api::TrainingJob>> refused_training;
  std::vector<Refused<api::InferencePool>> refused_inference;
};

// What the market knows of a pool's price.
using PriceOf = std::function<std::pair<market::NodePrice, HourlyRate>(const PoolName&)>;

// Whose turn to wake it is in the Namespaces where somebody waits for one.
using TurnsIn = std::function<plan::WakeTurnIn(plan::Waking, Instant)>;

// What is known beyond the caches of the API server. Null: nothing of that kind.
struct Observed {
  const NoticeBook* notices = nullptr;
  const Stores* stores = nullptr;
  const CheckpointBook* checkpoints = nullptr;
  const SaveRequests* requests = nullptr;
  bool agent = false;  // an image for mode Agent is configured
  const TurnsIn* turns_in = nullptr;
};

struct PictureOptions {
  bool observe = false;  // nothing is created: a placement counts as running from its decision on
  Duration inference_launch_timeout = std::chrono::minutes(10);
};

// The estimator's and the stock-out memory's state, as CapacityPool.status holds them.
market::LifeSums life_sums(const api::CapacityPoolStatus& status);
market::StockOutMemory stock_out_memory(const api::CapacityPoolStatus& status);

class PictureBuilder {
 public:
  explicit PictureBuilder(PictureOptions options) : options_(options) {}
  Picture build(const World& world, const Assumptions& assumptions, const PriceOf& price_of,
                Instant now, const Observed& observed = {});
  // The pool that each node belongs to, as of the last build.
  [[nodiscard]] std::optional<PoolName> pool_of(const kube::Node& node) const;

 private:
  class Pass;
  struct NodeMembership {
    Shared<kube::Node> node;
    std::optional<PoolName> pool;
  };
  PictureOptions options_;
  HoursReader hours_;
  std::map<ObjectKey, NodeMembership> membership_;  // by node; valid for pools_fingerprint_
  std::string pools_fingerprint_;
};

// True when one of the finishing conditions is there.
bool finished(const api::TrainingJob& job);
// ... and it is not planned any more: who was deleted and is held by us is looked after to the end.
bool over(const api::TrainingJob& job);

}  // namespace spillway::control
