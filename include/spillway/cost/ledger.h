#pragma once
// The ledger: what every node's time cost, second by second, and whose it was.
//
//   a node's time = used by the pods bound to it, split by their accelerators
//                 + starting: until the first such pod is bound
//                 + idle: the accelerators that nobody has then
//
// Conservation: what nodes cost = what consumers were charged + starting + idle, to the
// micro-dollar, at every instant. A node's own cost is the exact integral of its rate, cut to whole
// micro-dollars; every stretch of time in which neither rate nor occupants change is divided by the
// largest remainder (split.h), so a charge differs from its exact share by less than a micro-dollar
// a stretch. Charges only grow.
//
// Pure: no clock, no I/O. Times are the caller's wall clock, millisecond by millisecond. One that
// lies before what is already settled counts as that instant: a clock that steps back charges
// nothing twice, and nothing negative. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/enums.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::cost {

// Accelerators times milliseconds: eight for a second are 8,000.
using AcceleratorTime = StrongInt<struct AcceleratorTimeTag>;

// Who is charged: a workload.
struct Consumer {
  std::string kind;  // "TrainingJob", "InferencePool"
  ObjectKey key;
  friend auto operator<=>(const Consumer&, const Consumer&) = default;
  friend bool operator==(const Consumer&, const Consumer&) = default;
};

enum class NodeUse : std::uint8_t { kUsed, kStarting, kIdle };

// What a node is and costs when it appears.
struct NodeTerms {
  PoolName pool;
  api::Tier tier = api::Tier::kOnDemand;
  AcceleratorCount accelerators;        // at least 1
  HourlyRate rate;                      // of the whole node
  std::optional<HourlyRate> on_demand;  // the same node on demand; nullopt = not known
  bool owned = false;  // of a baseline: it is idle, not starting, before its first pod
};

// A stretch of a node's time, or one consumer's part of it, settled for good.
struct Entry {
  NodeName node;
  PoolName pool;
  api::Tier tier = api::Tier::kOnDemand;
  NodeUse use = NodeUse::kIdle;
  std::optional<Consumer> consumer;  // with kUsed
  Instant from{};
  Instant to{};
  AcceleratorTime time;
  Money cost;
  std::optional<Money> on_demand;  // the same stretch on demand
};

class Ledger {
 public:
  using Sink = std::function<void(const Entry&)>;
  // `sink` gets every entry as it is settled, from within the call that settles it.
  explicit Ledger(Sink sink) : sink_(std::move(sink)) {}

  // A node that is there already, or a pod that is bound already, changes nothing.
  void add_node(const NodeName& node, NodeTerms terms, Instant at);
  void remove_node(const NodeName& node, Instant at);  // with everything bound to it
  // Of all nodes of a pool from `at` on, those that come later included in their terms.
  void set_rate(const PoolName& pool, HourlyRate rate, Instant at);
  // From its binding to its end a pod holds its accelerators, whatever it does. A pod without any
  // costs nothing. On a node that is not known nothing is charged: bind() says false.
  bool bind(const Uid& pod, const NodeName& node, const Consumer& consumer,
            AcceleratorCount accelerators, Instant at);
  void end(const Uid& pod, Instant at);
  // Settles every node up to `at`.
  void settle(Instant at);

  // What all nodes cost so far, as settled: the integral of their rates.
  [[nodiscard]] Money node_cost() const { return node_cost_; }
  [[nodiscard]] std::size_t nodes() const { return nodes_.size(); }
  [[nodiscard]] bool holds(const Uid& pod) const { return node_of_pod_.contains(pod); }

 private:
  struct Occupant {
    Uid pod;
    Consumer consumer;
    AcceleratorCount accelerators;
  };
  // The integral of a rate: whole micro-dollars taken out, the rest kept for the next stretch.
  struct Meter {
    std::int64_t rest = 0;  // micro-dollars times milliseconds, less than an hour of one
    Money take(HourlyRate rate, Duration time);
  };
  struct NodeState {
    NodeTerms terms;
    Instant settled{};
    bool had_pods = false;
    std::vector<Occupant> occupants;  // in order of their binding
    Meter cost;
    Meter on_demand;
  };
  void settle(const NodeName& name, NodeState& node, Instant at);

  Sink sink_;
  std::map<NodeName, NodeState> nodes_;
  std::map<Uid, NodeName> node_of_pod_;
  Money node_cost_;
};

}  // namespace spillway::cost
