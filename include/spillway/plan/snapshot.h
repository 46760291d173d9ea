#pragma once
// Everything the plan is computed from: an immutable picture of the cluster and the market at one
// instant. Built by `control` from the watch caches and by the simulator; plain values, no pointers
// into other modules' state, no I/O behind any of it.
//
// Own decisions are in it as made: a placement that has been decided and not yet been observed
// stands in `placement` of its workload, so capacity is never given away twice ("own
// decisions are seen").
//
// Indices (`pool`, `node`, `shape`, `traits`) point into the vectors of the same snapshot.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <spillway/api/enums.h>
#include <spillway/api/fallback.h>
#include <spillway/api/pod_template.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>
#include <spillway/market/offering.h>
#include <spillway/plan/boxed.h>
#include <spillway/plan/checkpointing.h>
#include <spillway/plan/hazard.h>
#include <spillway/plan/hours.h>

namespace spillway::plan {

struct Resources {
  AcceleratorCount accelerators;
  MilliCpu cpu;
  Bytes memory;
  friend bool operator==(const Resources&, const Resources&) = default;
};

// The scheduling constraints of a pod template are api::PodShape (api/pod_template.h has the
// scheduler's rules: selects, tolerates). Many workloads share a shape and many nodes share traits,
// so eligibility is decided once per pair.
struct NodeTraits {
  Labels labels;  // only keys that some shape or pool asks for
  std::vector<api::Taint> taints;
};

struct Location {
  std::string provider;
  Region region;
  Zone zone;
  friend bool operator==(const Location&, const Location&) = default;
};

struct Pool {
  PoolName name;
  api::Tier tier = api::Tier::kOnDemand;
  AcceleratorModel model;
  Location location;
  AcceleratorCount accelerators_per_node;
  std::int64_t max_nodes = 0;                // for Reserved, what is owned
  Labels selector;                           // a node of the pool carries all of these
  std::vector<api::Toleration> tolerations;  // added to every pod that is placed here
  market::Offering offering;
  // Spot: whether it could be had when that was last seen, for how long that had been so, and how
  // its windows and gaps compare with the usual (HazardMemory). What is seen: a launch that
  // succeeded or failed, a node that runs, a node that was taken.
  std::optional<MarketState> seen_state;
  Instant seen_at{};
  Duration seen_age{};
  HazardScale hazard;
};

// What is known of a node that does not answer.
enum class NodeHealth {
  kHealthy,
  kSuspected,  // NotReady, or silent: it may come back
  kGone,  // the Node, or the machine behind it, is confirmed not to exist any more: its pods are
          // listed as bound until they are gone, and are to be force-deleted
};

struct Node {
  NodeName name;
  std::size_t pool = 0;
  std::size_t traits = 0;
  Resources
      free;  // allocatable less the pods that are not replicas of the workloads in this snapshot
  bool usable = false;  // Ready, not cordoned, not leaving: new pods may be bound to it
  NodeHealth health = NodeHealth::kHealthy;
};

// The cloud's or a tool's word that a node will go; at most one a node (one_per_node). A node with
// a notice takes no new pods, whatever `usable` says.
enum class NoticeKind {
  kInterruption,  // spot capacity is taken back
  kMaintenance,   // the machine is rebooted, moved or retired
  kDrain,         // an autoscaler or a person empties the node
  kRebalance,     // a hint that the risk is higher: nothing has to leave
};
struct Notice {
  std::size_t node = 0;
  NoticeKind kind = NoticeKind::kInterruption;
  std::optional<Instant> deadline;  // absolute, when the node goes; nullopt: nobody says
  Instant first_seen{};             // fixed: a crash or a second source does not begin anew
  std::string source;               // who said so, for people: "aws-node-termination-handler"
  friend bool operator==(const Notice&, const Notice&) = default;
};
// Pods on a node with such a notice are to go; a hint is only a hint.
constexpr bool must_leave(NoticeKind kind) {
  return kind != NoticeKind::kRebalance;
}
// The same notice from two sources is one: the gravest kind, the earliest deadline and first sight.
std::vector<Notice> one_per_node(std::vector<Notice> notices);

// Where replicas of a workload are bound. Pods that are already terminating are not listed: they
// give their room back.
struct Bound {
  std::size_t node = 0;
  std::int64_t replicas = 0;
};

struct ModelPreference {
  AcceleratorModel model;
  std::int64_t speed_percent = 100;  // relative to the first-listed model
};

// What one replica needs and where the workload may run; common to training and inference.
struct Demand {
  std::int64_t replicas = 1;
  Resources per_replica;
  std::vector<ModelPreference> models;  // in order of preference
  api::TierSet tiers = api::TierSet::all();
  std::int64_t priority = 0;
  std::optional<HourlyRate> max_rate;  // for all replicas together
  std::size_t shape = 0;
};

// A decision in force: one pool for a training attempt.
struct TrainingPlacement {
  std::size_t pool = 0;
  AttemptNumber attempt;
  Instant since{};
  friend bool operator==(const TrainingPlacement&, const TrainingPlacement&) = default;
};

// What the children of the placement's attempt show.
enum class AttemptState {
  kNotCreated,  // decided, but no child is there (yet)
  kStarting,    // children exist, not every replica runs
  kRunning,     // every replica runs
  kSucceeded,   // the program finished
  kFailed,      // the program failed: the user's failure
  kLost,        // a replica was lost to eviction, preemption or a vanished node
};

// Why a replica of an attempt in kLost is not there any more.
enum class LossKind {
  kUnexplained,  // evicted, preempted or deleted by somebody: the program may have had a part in it
  kNode,         // its node went, with or without a notice
};

// What a workload says about its own hours.
struct OwnHours {
  std::optional<Schedule> schedule;
  std::string schedule_problem;  // why there is none although it says one; empty: nothing is wrong
  Annotations overrides;         // what people asked for (read_override)
  std::string environment;
  std::int32_t wake_order = 0;  // of services: lower ones of the Namespace are woken first
};

// Who is to be awake and is not ready: what has a higher wake order waits for it.
struct NotReady {
  std::int32_t wake_order = 0;
  std::string name;  // "StatefulSet db"
  friend bool operator==(const NotReady&, const NotReady&) = default;
};
using NotReadyIn = std::map<Namespace, std::vector<NotReady>>;

// Whose turn it is to wake in a Namespace; by default everybody's.
struct WakeTurn {
  std::int32_t order = std::numeric_limits<std::int32_t>::max();  // this one and lower ones
  std::string waits_for;            // who has to be ready before higher ones begin
  std::optional<Instant> until;     // then they begin in any case
  std::optional<NotReady> without;  // took too long, and is not waited for any longer
  friend bool operator==(const WakeTurn&, const WakeTurn&) = default;
};
using WakeTurnIn = std::map<Namespace, WakeTurn>;

// Null when nothing ever puts it to sleep.
Boxed<AwakeState> awake_state(const Boxed<AwakeRules>& hours, HoursSubject subject,
                              const Boxed<OwnHours>& own, Instant now);

struct TrainingWorkload {
  ObjectKey key;
  Uid uid;
  Demand demand;
  bool gang = true;
  Instant created_at{};
  std::optional<Duration> duration;  // compute time on the first-listed model, all of it
  std::optional<Instant> deadline;
  Duration
      fallback_after{};  // wait for spot this long before on-demand is considered (no deadline)
  Duration launch_timeout{};  // a gang that has not started by then gives its room back
  std::int64_t max_restarts = 0;
  bool suspended = false;
  bool terminating = false;  // being deleted: holds what it holds, gets nothing new

  AttemptNumber last_attempt;      // the highest attempt ever recorded; 0 = none
  std::int64_t user_failures = 0;  // attempts that ended by the program's own failure
  Instant waiting_since{};  // when it last began to wait for a placement (creation, or the end of
                            // the last attempt)
  std::optional<TrainingPlacement> placement;
  AttemptState state = AttemptState::kNotCreated;
  // When the children of the placement's attempt were created: the launch timeout counts from here
  // (nullopt: from the placement). Not from the decision, because children wait for the end of an
  // earlier attempt, and a job that may not be created (quota, admission) must not make its pool
  // look stocked out: without children there is no launch timeout.
  std::optional<Instant> starting_since;
  std::optional<Instant> running_since;    // of the running attempt: until checkpoints exist, all
                                           // work since then is rework
  std::vector<Bound> bound;                // replicas of the placement's attempt
  LossKind loss = LossKind::kUnexplained;  // with kLost
  Boxed<Checkpointing> checkpointing;
  std::int64_t restarts_without_progress = 0;  // as in status
  // Measured from one decision to the next where it is known: from placement to all ranks running
  // (and, after a resume, to the first new step). nullopt: Config::restart_delay.
  std::optional<Duration> changeover;
  bool earlier_attempt_ending =
      false;                  // pods of an earlier attempt are still there: the next must not start
  Boxed<OwnHours> own_hours;  // null: it says nothing about them
};

struct InferenceAllocation {
  std::size_t pool = 0;
  std::int64_t desired = 0;  // as recorded; 0: given back, and pods of it are still there
  // Ready on nodes that stay (must_leave), those beyond `desired` included: they serve until the
  // ones that take their place do.
  std::int64_t ready = 0;
  std::int64_t leaving = 0;  // as recorded: on nodes that are about to go, beyond `desired`
  Instant since{};           // since when this pool has had a share
  Instant starting_since{};  // when desired last rose above ready (for the launch timeout);
                             // meaningful while ready < desired
  std::vector<Bound> bound;  // also on nodes that are about to go
  // Of the replicas that are bound to a node that stays and are not ready: since when they are
  // bound.
  std::vector<Instant> loading;
};

struct InferenceWorkload {
  ObjectKey key;
  Uid uid;
  Demand demand;  // demand.replicas = spec.replicas: what the user or an autoscaler asks for now
  std::int64_t baseline = 0;
  std::int64_t spot_percent = 0;
  std::int64_t overprovision = 0;
  api::OnDemandFallback fallback = api::OnDemandFallback::kWhileNotReady;
  // So many replicas have to be ready even after all spot capacity of any one zone was lost without
  // a word; nullopt: nobody asks for that. Never more than demand.replicas.
  std::optional<std::int64_t> floor_through_zone_loss;
  Duration drain = std::chrono::seconds(30);  // what a replica gets to finish its requests
  Duration launch_timeout{};
  Instant created_at{};
  bool terminating = false;
  std::vector<InferenceAllocation> allocations;  // in force, by pool
  Boxed<OwnHours> own_hours;                     // null: it says nothing about them
  // Asleep when it was last recorded: it waits for its turn to wake. Who was up once does not, as
  // when its last replica was lost.
  bool slept = false;
};

struct Snapshot {
  std::vector<Pool> pools;
  std::vector<Node> nodes;
  std::vector<api::PodShape> shapes;  // shapes[0] is the empty shape
  std::vector<NodeTraits> traits;
  std::vector<Notice> notices;             // at most one a node
  std::vector<TrainingWorkload> training;  // finished ones are left out
  std::vector<InferenceWorkload> inference;
  Boxed<AwakeRules> hours;  // of policies and Namespaces; null: nobody says anything about hours
  // Where services and plain workloads wake in one order, and somebody is not ready; elsewhere
  // services do among themselves.
  WakeTurnIn turns;
};

// The Namespaces of services that are to be awake and are not ready.
struct Waking {
  std::set<Namespace> to_begin;  // somebody sleeps still
  std::set<Namespace> begun;     // somebody has its turn, or was up and lost replicas
};
Waking services_waking(const Snapshot& snapshot, Instant now);

}  // namespace spillway::plan
