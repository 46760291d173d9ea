#pragma once
// Watches a simulated cluster and writes down what a report is made of: whose node time was what
// (cost/ledger.h), where each workload stayed and why, and how the pools filled. Reads the API
// server's changes and what the market's replay tells; changes nothing.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <spillway/api/capacity_pool.h>
#include <spillway/cost/ledger.h>
#include <spillway/sim/api_server.h>
#include <spillway/sim/simulation.h>

#include "promise_books.h"

namespace spillway::sim {

// Use of one pool, exact; the report rounds times to seconds.
struct UseBooks {
  std::map<cost::NodeUse, cost::AcceleratorTime> time;
  std::map<cost::NodeUse, Money> cost;
  Money on_demand;  // of what was used
};

struct ChargeBooks {
  cost::AcceleratorTime time;
  Money cost;
  Money on_demand;
  bool on_demand_known = true;
};

struct WorkloadBooks {
  Instant submitted{};
  std::optional<Instant> first_ready;  // an InferencePool's: all replicas ran
  std::optional<Instant> finished;
  std::string phase;
  std::string team;
  std::int64_t attempts = 0;
  std::int64_t interruptions = 0;
  Duration ready{};     // an InferencePool's time with all replicas running
  Shortfall shortfall;  // of one, when the books are closed
  std::map<api::Tier, ChargeBooks> charges;
  std::vector<PlacementSpan> spans;
  std::int64_t spans_left_out = 0;
};

struct PoolBooks {
  api::CapacityPool pool;
  UseBooks use;
  std::vector<CountPoint> nodes;
  std::vector<CountPoint> busy;
  std::int64_t nodes_now = 0;
  std::int64_t busy_now = 0;
  std::int64_t nodes_taken = 0;
};

class Bookkeeper {
 public:
  using WorkloadKey = std::pair<WorkloadKind, ObjectKey>;

  explicit Bookkeeper(ApiServer& server);
  // Before the pool's first node. `rate` is of a node at the start.
  void add_pool(const api::CapacityPool& pool, HourlyRate rate, std::optional<HourlyRate> on_demand,
                Duration provisioning);
  void set_rate(const PoolName& pool, HourlyRate rate);
  // The market has said that it will take the node, or takes it without a word: what runs there is
  // interrupted, once.
  void interrupt(const std::string& node);
  // The market takes the node, which is still there.
  void node_taken(const std::string& node);
  // A point of the cost curve, now.
  void mark_cost();
  // Everything up to now is settled, what is open is closed.
  void close();

  [[nodiscard]] const std::map<WorkloadKey, WorkloadBooks>& workloads() const { return workloads_; }
  [[nodiscard]] const std::map<PoolName, PoolBooks>& pools() const { return pools_; }
  [[nodiscard]] const std::vector<CostPoint>& cost_curve() const { return curve_; }
  [[nodiscard]] Money node_cost() const { return ledger_.node_cost(); }
  [[nodiscard]] Money on_demand() const { return on_demand_; }
  // Pools whose use has no known price on demand.
  [[nodiscard]] const std::set<PoolName>& without_on_demand() const { return without_on_demand_; }

 private:
  struct PodBooks {
    WorkloadKey workload;
    std::string stay;  // which span: the attempt of a job, the pool of an InferencePool
    PoolName pool;
    std::string node;
    std::int64_t accelerators = 0;
    bool runs = false;
    bool interrupted = false;
  };
  struct OpenSpan {
    PlacementSpan span;
    std::int32_t pods = 0;
  };
  struct Reason {
    std::string text;
    std::optional<HourlyRate> rate;
  };
  struct Terms {
    HourlyRate rate;
    std::optional<HourlyRate> on_demand;
  };
  struct Serving {  // an InferencePool
    PromiseBooks promise;
    std::optional<Instant> ready_since;
  };
  void note(const Change& change);
  void note_node(const Change& change);
  void end_pods_on(const std::string& node);
  void note_pod(const Change& change);
  void note_training_job(const Change& change);
  void note_inference_pool(const Change& change);
  void bind(const Uid& uid, const Change& change);
  void unbind(const Uid& uid);
  void open_stay(const PodBooks& pod);
  void close_stay(const WorkloadKey& workload, const std::string& stay, OpenSpan& open);
  // Of a replica: nullopt on capacity that no market takes away.
  [[nodiscard]] std::optional<Zone> spot_zone(const PoolName& pool) const;
  void count_running(const PodBooks& pod, std::int64_t change);
  void look_at_readiness(const WorkloadKey& workload, Serving& serving);
  void take(const cost::Entry& entry);
  void add_point(std::vector<CountPoint>& points, std::int64_t count) const;
  [[nodiscard]] Instant now() const { return server_.clock().now(); }

  ApiServer& server_;
  cost::Ledger ledger_;
  std::map<WorkloadKey, WorkloadBooks> workloads_;
  std::map<WorkloadKey, Serving> serving_;
  Duration longest_provisioning_{};  // of capacity on demand
  std::map<PoolName, PoolBooks> pools_;
  std::map<PoolName, Terms> terms_;
  std::map<Uid, PodBooks> pods_;
  std::map<std::string, PoolName> pool_of_node_;
  std::map<std::pair<WorkloadKey, std::string>, OpenSpan> stays_;
  std::map<std::pair<WorkloadKey, std::string>, Reason> reasons_;
  std::vector<CostPoint> curve_;
  Money on_demand_;
  std::set<PoolName> without_on_demand_;
};

}  // namespace spillway::sim
