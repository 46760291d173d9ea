#pragma once
// The operator as one process of the simulated world: the real client, recorder, market keeper and
// controller, and leader election if asked for, wired as the program wires them, on virtual time
// and a connection that faults can reach.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/control/controller.h>
#include <spillway/control/off_switch_loop.h>
#include <spillway/control/stores.h>
#include <spillway/kube/lease.h>
#include <spillway/sim/connection.h>
#include <spillway/sim/price_book.h>

namespace spillway::sim {

inline const FeedName kBookFeed{"book"};  // what pools name to be priced by the PriceBook

struct SimulatedFeed {
  FeedName name = kBookFeed;
  Duration poll_interval = std::chrono::minutes(1);
  Duration freshness = std::chrono::minutes(15);
};

// The object stores and the pods as one process reaches them. What the functions make belongs to
// the process; what it speaks to outlives it.
struct SimulatedCheckpoints {
  std::vector<control::StoreConfig> stores;
  std::function<std::unique_ptr<cloud::HttpClient>()> to_stores;
  std::function<std::unique_ptr<cloud::HttpClient>()> to_pods;
  cloud::EnvironmentLookup environment;  // the operator's credentials
  control::AgentConfig agent{.image = "spillway-agent:1"};
};

struct OperatorOptions {
  control::ControllerOptions controller;
  kube::ClientOptions client;
  NetworkDelays network;
  // The feeds that pools may name; each is answered by the PriceBook.
  std::vector<SimulatedFeed> feeds = {SimulatedFeed{}};
  // Set: it leads only while it holds the lease, as the program does. The identity is that of the
  // process, unique among all lives of all operators.
  std::optional<kube::LeaseOptions> lease;
  // Set: jobs may save and resume (spec.checkpoint).
  std::optional<SimulatedCheckpoints> checkpoints;
  // Set: plain workloads sleep by CostPolicies.
  std::optional<control::OffSwitchOptions> off_switch;
};

class OperatorProcess {
 public:
  // Starts at once. `on_death` is called when a fault ends it. Everything referred to outlives it.
  OperatorProcess(VirtualTime& time, ApiServer& server, const PriceBook& prices, std::uint64_t seed,
                  OperatorOptions options, FaultPlan faults, std::function<void()> on_death);
  // The process has to have ended.
  ~OperatorProcess();
  OperatorProcess(const OperatorProcess&) = delete;
  OperatorProcess& operator=(const OperatorProcess&) = delete;

  // From now on nothing that it does has an effect. Its coroutines end in no time to speak of.
  void kill();
  // Ends as at SIGTERM: nothing new is begun, what is under way is finished, the lease is given
  // back. Dies at the end of it, or after `patience`.
  void shut_down(Duration patience = std::chrono::seconds(30));
  [[nodiscard]] bool alive() const { return !timers_.dead(); }
  [[nodiscard]] bool ended() const {
    return tasks_.running() + control_tasks_.running() + election_tasks_.running() == 0;
  }
  // It may act: alive, and holding the lease if it needs one.
  [[nodiscard]] bool leading() const { return alive() && (!elector_ || elector_->leading()); }

  [[nodiscard]] const control::Controller& controller() const { return *controller_; }
  [[nodiscard]] const kube::ClientMetrics& metrics() const { return metrics_; }
  [[nodiscard]] Connection& connection() { return connection_; }

 private:
  control::ControllerOptions connect(const OperatorOptions& options);
  void on_leadership(bool leads);
  Task<void> end_in_order(MonotonicTime until);

  VirtualTime& time_;
  std::function<void()> on_death_;
  ProcessTimers timers_;
  std::unique_ptr<Random> random_;
  Runtime runtime_;
  Connection connection_;
  kube::ClientMetrics metrics_;
  kube::OpenFence open_fence_;
  std::unique_ptr<kube::LeaderElector> elector_;
  kube::Client client_;
  std::unique_ptr<kube::EventRecorder> events_;
  std::unique_ptr<market::MarketKeeper> market_;
  std::unique_ptr<cloud::HttpClient> to_stores_;
  std::unique_ptr<cloud::HttpClient> to_pods_;
  std::unique_ptr<control::Stores> stores_;
  std::unique_ptr<control::Controller> controller_;
  std::unique_ptr<control::OffSwitch> off_switch_;  // null: not asked for
  bool shutting_down_ = false;
  TaskGroup control_tasks_;
  TaskGroup election_tasks_;
  TaskGroup tasks_;
};

}  // namespace spillway::sim
