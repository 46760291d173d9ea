#pragma once
// A whole cluster with the operator in it, on virtual time: the API server, the models of
// Kubernetes' controllers, a node autoscaler, a market, and the operator as a process that can be
// killed and started again. Faults are asked for in advance or when the time comes; the invariants
// (invariants.h) are checked after every step in which something changed.
//
//   World world({.seed = 1});
//   world.add_pool({.name = "spot-a", .tier = api::Tier::kSpot, .spot = "8.00", ...});
//   world.start_operator();
//   world.submit(training_job("train", {...}));
//   world.run_for(std::chrono::hours(2));
//   EXPECT_THAT(world.violations(), IsEmpty());

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/sim/autoscaler.h>
#include <spillway/sim/deployment_controller.h>
#include <spillway/sim/garbage_collector.h>
#include <spillway/sim/invariants.h>
#include <spillway/sim/job_controller.h>
#include <spillway/sim/operator_process.h>

namespace spillway::sim {

struct WorldOptions {
  std::uint64_t seed = 1;
  Instant start = VirtualTime::kDefaultStart;
  OperatorOptions operator_options;
  NodeTimes node_times;
  // How often the invariants are checked: after every step in which something changed, or, in long
  // runs, at most once in this time.
  Duration check_every{};
  // Operators hold a lease to lead, so that there may be several (start_standby()).
  bool leader_election = false;
};

// A CapacityPool with the node group behind it.
struct PoolPlan {
  std::string name;
  api::Tier tier = api::Tier::kOnDemand;
  std::string model = "H100";
  std::string zone = "zone-a";
  int accelerators_per_node = 8;
  int max_nodes = 4;
  std::string fixed;      // per node-hour; empty: `spot` in the price book
  std::string spot;       // at the start
  std::string on_demand;  // per node-hour on demand, if stated
  Duration provisioning = std::chrono::seconds(90);
  bool provisioned = false;  // all nodes are there from the start and stay (reserved)
  std::optional<Duration> idle_removal = std::chrono::minutes(10);
};

// When and how the operator's process is to end: with its `write`-th write (Events not counted),
// counted over all of its lives, and started again after `downtime`.
struct CrashPlan {
  std::uint64_t write = 0;
  Fate fate = Fate::kDieAfterSend;
  Duration downtime = std::chrono::seconds(20);
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- what there is
  void add_pool(const PoolPlan& plan);
  void set_spot(const std::string& pool, const std::string& per_node_hour);
  // Creates an object as a user would; a refusal ends the process: scenarios are valid.
  void submit(nlohmann::json object);
  // The same for what may be wrong: the refusal of the API server.
  Answer<Object> try_submit(nlohmann::json object);
  void patch(const kube::ResourceType& type, const std::string& name,
             const nlohmann::json& merge_patch);
  void remove(const kube::ResourceType& type, const std::string& name);

  // Keeps what a story brings along (models, stores) as long as the operators may use it.
  void keep(std::shared_ptr<void> thing) { kept_.push_back(std::move(thing)); }

  // ---- the operator
  // Of every life from the next start on.
  OperatorOptions& operator_options() { return options_.operator_options; }
  // The first one has seat 0, each standby the next. A process that dies by a fault or loses its
  // leadership is started again in its seat.
  void start_operator();
  // Another one beside it, with leader election only. Its seat.
  std::size_t start_standby();
  void kill_operator(std::size_t seat = 0);  // it stays dead
  void restart_operator(Duration downtime, std::size_t seat = 0);
  // In order, as at SIGTERM; it stays down.
  void shut_operator_down(std::size_t seat = 0);
  void plan_crash(CrashPlan crash) { crash_ = crash; }
  // Faults of every life of every operator from the next start on, or of those there are at once.
  void set_faults(FaultPlan faults);
  // ... of one seat alone, beside the others'.
  void set_faults(FaultPlan faults, std::size_t seat);
  // Is told of every request of every operator before anything becomes of it.
  void on_request(std::function<void(const kube::HttpRequest&)> told) { told_ = std::move(told); }
  // The first that is alive.
  [[nodiscard]] OperatorProcess* running_operator() const;
  // The one that may act; nullptr when nobody may. More than one is a broken promise.
  [[nodiscard]] OperatorProcess* leader() const;
  [[nodiscard]] OperatorProcess* operator_in(std::size_t seat) const;

  // ---- time
  void run_for(Duration duration);
  // False when `done` does not hold within `patience`.
  bool run_until(const std::function<bool()>& done, Duration patience);

  // ---- what is seen
  [[nodiscard]] Object find(const kube::ResourceType& type,
                            const std::string& name) const;  // in "default", or cluster-scoped
  [[nodiscard]] std::string phase(const std::string& training_job) const;
  [[nodiscard]] std::string pool_of(const std::string& training_job) const;  // empty: not placed
  [[nodiscard]] std::vector<Object> pods_on(
      const std::string& pool) const;  // not ended, not being deleted
  // Every write of all operators so far over all of their lives, in the order of their seats; of
  // Events and the lease only when asked for.
  [[nodiscard]] std::vector<WriteRecord> writes(bool all = false) const;
  [[nodiscard]] const std::vector<std::string>& violations() const {
    return invariants_.violations();
  }
  [[nodiscard]] std::uint64_t crashes() const { return crashes_; }
  // The whole history of the store as text, one line a change: for comparing runs byte for byte.
  [[nodiscard]] const std::string& history() const { return history_; }
  void keep_history(bool keep) { keeps_history_ = keep; }
  // The same of runs that are too long to keep: from now on a hash of it is made, nullopt before.
  void fingerprint_history() { fingerprint_ = 0; }
  [[nodiscard]] std::optional<std::uint64_t> fingerprint() const { return fingerprint_; }

  VirtualTime& time() { return time_; }
  ApiServer& server() { return server_; }
  PriceBook& prices() { return prices_; }
  Kubelets& kubelets() { return kubelets_; }
  NodeController& nodes() { return nodes_; }
  Autoscaler& autoscaler() { return autoscaler_; }

 private:
  // Where an operator runs, life after life.
  struct Seat {
    std::optional<FaultPlan> faults;
    std::vector<WriteRecord> earlier_writes;
    std::unique_ptr<OperatorProcess> process;
  };
  void launch_operator(std::size_t seat);
  [[nodiscard]] OperatorOptions options_of_life(std::size_t seat) const;
  [[nodiscard]] const FaultPlan& faults_of(std::size_t seat) const;
  RequestFate fate_of(std::size_t seat, const RequestSeen& seen);
  void step_checks();

  WorldOptions options_;
  asio::io_context io_;
  VirtualTime time_;
  std::unique_ptr<Random> random_;
  ApiServer server_;
  PriceBook prices_;
  OwnerIndex owners_;
  GarbageCollector collector_;
  JobController jobs_;
  DeploymentController deployments_;
  ReplicaSetController replica_sets_;
  Scheduler scheduler_;
  Kubelets kubelets_;
  NodeController nodes_;
  Autoscaler autoscaler_;
  Invariants invariants_;
  FaultPlan faults_;
  std::function<void(const kube::HttpRequest&)> told_;
  std::map<std::string, market::PriceKey> price_keys_;  // by pool
  std::optional<CrashPlan> crash_;
  std::uint64_t counted_writes_ = 0;
  std::uint64_t crashes_ = 0;
  std::uint64_t lives_ = 0;
  std::uint64_t checked_version_ = 0;
  MonotonicTime next_check_{};
  std::string history_;
  bool keeps_history_ = false;
  std::optional<std::uint64_t> fingerprint_;
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<Seat> seats_;
};

}  // namespace spillway::sim
