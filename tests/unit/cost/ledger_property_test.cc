// Random histories of nodes, pods and prices against an oracle that knows no shortcuts: exact
// fractions, added up event by event.
#include <rapidcheck.h>

#include <gtest/gtest.h>

#include <spillway/cost/ledger.h>

namespace spillway::cost {
namespace {

constexpr std::int64_t kHour = 3'600'000;
const Instant kStart{std::chrono::hours(24 * 365 * 50)};

struct Event {
  int what = 0;
  int node = 0;
  int pod = 0;
  std::int64_t amount = 0;  // accelerators, or micro-dollars an hour
  std::int64_t wait_ms = 0;
};

struct Oracle {
  struct Node {
    std::int64_t accelerators = 0;
    std::int64_t rate = 0;
    std::map<int, std::int64_t> pods;
  };
  std::map<int, Node> nodes;
  // Micro-dollars times milliseconds by hour, exact, as long as shares divide 5040.
  __int128 node_cost = 0;
  std::map<int, __int128> charged;  // by pod, times 5040
  std::map<int, std::int64_t> stretches;

  void pass(std::int64_t ms) {
    for (auto& [id, node] : nodes) {
      node_cost += static_cast<__int128>(node.rate) * ms;
      std::int64_t taken = 0;
      for (const auto& [pod, accelerators] : node.pods)
        taken += accelerators;
      const std::int64_t whole = std::max(node.accelerators, taken);
      for (const auto& [pod, accelerators] : node.pods)
        charged[pod] += static_cast<__int128>(node.rate) * ms * accelerators * 5040 / whole;
    }
  }
};

Uid uid(int pod) {
  return Uid("pod-" + std::to_string(pod));
}
NodeName name(int node) {
  return NodeName("node-" + std::to_string(node));
}
Consumer consumer(int pod) {
  return {.kind = "TrainingJob", .key = {.ns = Namespace("n"), .name = ObjectName(uid(pod).str())}};
}

class History {
 public:
  void play(const Event& event) {
    now_ += Duration(event.wait_ms);
    oracle_.pass(event.wait_ms);
    if (event.what == 0) add(event);
    if (event.what == 1) remove(event.node);
    if (event.what == 2) bind(event);
    if (event.what == 3) end(event.pod);
    if (event.what == 4) price(event);
    if (event.what == 5) ledger_.settle(now_);
  }
  void check() {
    ledger_.settle(now_);
    Money sum;
    for (const auto& [use, cost] : by_use_)
      sum += cost;
    RC_ASSERT(sum == ledger_.node_cost());
    // Every node that ever was cuts less than a micro-dollar off.
    const __int128 exact = oracle_.node_cost;
    const __int128 found = static_cast<__int128>(sum.micros()) * kHour;
    RC_ASSERT(found <= exact);
    RC_ASSERT(exact - found < static_cast<__int128>(nodes_made_ + 1) * kHour);
    for (const auto& [pod, fraction] : oracle_.charged) {
      const __int128 charged = static_cast<__int128>(charged_[consumer(pod)].micros()) * kHour;
      const __int128 difference = charged - fraction / 5040;
      const __int128 bound = static_cast<__int128>(entries_[consumer(pod)] * 2 + 1) * kHour;
      RC_ASSERT(difference <= bound && difference >= -bound);
    }
  }

 private:
  void add(const Event& event) {
    if (oracle_.nodes.contains(event.node)) return;
    ++nodes_made_;
    oracle_.nodes[event.node] = {.accelerators = 8, .rate = event.amount, .pods = {}};
    ledger_.add_node(name(event.node),
                     {.pool = PoolName("pool-" + std::to_string(event.node)),
                      .tier = api::Tier::kSpot,
                      .accelerators = AcceleratorCount(8),
                      .rate = HourlyRate(Money::micros(event.amount)),
                      .on_demand = {},
                      .owned = event.amount % 2 == 0},
                     now_);
  }
  void remove(int node) {
    oracle_.nodes.erase(node);
    ledger_.remove_node(name(node), now_);
  }
  void bind(const Event& event) {
    const std::int64_t accelerators = event.amount % 4 + 1;
    for (const auto& [id, node] : oracle_.nodes) {
      if (node.pods.contains(event.pod)) return;
    }
    const bool bound = ledger_.bind(uid(event.pod), name(event.node), consumer(event.pod),
                                    AcceleratorCount(accelerators), now_);
    RC_ASSERT(bound == oracle_.nodes.contains(event.node));
    if (bound) oracle_.nodes[event.node].pods[event.pod] = accelerators;
  }
  void end(int pod) {
    for (auto& [id, node] : oracle_.nodes)
      node.pods.erase(pod);
    ledger_.end(uid(pod), now_);
  }
  void price(const Event& event) {
    if (const auto node = oracle_.nodes.find(event.node); node != oracle_.nodes.end())
      node->second.rate = event.amount;
    ledger_.set_rate(PoolName("pool-" + std::to_string(event.node)),
                     HourlyRate(Money::micros(event.amount)), now_);
  }
  void take(const Entry& entry) {
    RC_ASSERT(entry.cost >= Money());
    RC_ASSERT(entry.to > entry.from);
    by_use_[entry.use] += entry.cost;
    RC_ASSERT(entry.consumer.has_value() == (entry.use == NodeUse::kUsed));
    if (!entry.consumer) return;
    charged_[*entry.consumer] += entry.cost;
    ++entries_[*entry.consumer];
  }

  Instant now_ = kStart;
  Oracle oracle_;
  std::int64_t nodes_made_ = 0;
  std::map<NodeUse, Money> by_use_;
  std::map<Consumer, Money> charged_;
  std::map<Consumer, std::int64_t> entries_;
  Ledger ledger_{[this](const Entry& entry) { take(entry); }};
};

rc::Gen<Event> an_event() {
  return rc::gen::build<Event>(
      rc::gen::set(&Event::what, rc::gen::inRange(0, 6)),
      rc::gen::set(&Event::node, rc::gen::inRange(0, 4)),
      rc::gen::set(&Event::pod, rc::gen::inRange(0, 8)),
      rc::gen::set(&Event::amount, rc::gen::inRange<std::int64_t>(1, 100'000'000)),
      rc::gen::set(&Event::wait_ms, rc::gen::inRange<std::int64_t>(0, 100'000'000)));
}

TEST(LedgerProperty, what_nodes_cost_is_charged_starting_or_idle_after_every_event) {
  EXPECT_TRUE(rc::check([] {
    const auto events = *rc::gen::container<std::vector<Event>>(an_event());
    History history;
    for (const Event& event : events) {
      history.play(event);
      history.check();
    }
  }));
}

}  // namespace
}  // namespace spillway::cost
