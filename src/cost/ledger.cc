#include <spillway/cost/ledger.h>

#include <algorithm>
#include <utility>

#include <spillway/core/check.h>
#include <spillway/cost/split.h>

namespace spillway::cost {
namespace {

constexpr std::int64_t kMillisecondsPerHour = 3'600'000;

}  // namespace

Money Ledger::Meter::take(HourlyRate rate, Duration time) {
  const __int128 exact = static_cast<__int128>(rate.per_hour().micros()) * time.count() + rest;
  rest = static_cast<std::int64_t>(exact % kMillisecondsPerHour);
  return Money::micros(static_cast<std::int64_t>(exact / kMillisecondsPerHour));
}

void Ledger::add_node(const NodeName& node, NodeTerms terms, Instant at) {
  SPILLWAY_CHECK(terms.accelerators.value() > 0);
  nodes_.try_emplace(node, NodeState{.terms = std::move(terms), .settled = at});
}

void Ledger::remove_node(const NodeName& node, Instant at) {
  const auto there = nodes_.find(node);
  if (there == nodes_.end()) return;
  settle(there->first, there->second, at);
  for (const Occupant& occupant : there->second.occupants)
    node_of_pod_.erase(occupant.pod);
  nodes_.erase(there);
}

void Ledger::set_rate(const PoolName& pool, HourlyRate rate, Instant at) {
  for (auto& [name, node] : nodes_) {
    if (node.terms.pool != pool || node.terms.rate == rate) continue;
    settle(name, node, at);
    node.terms.rate = rate;
  }
}

bool Ledger::bind(const Uid& pod, const NodeName& node, const Consumer& consumer,
                  AcceleratorCount accelerators, Instant at) {
  const auto there = nodes_.find(node);
  if (there == nodes_.end()) return false;
  if (accelerators.value() <= 0 || node_of_pod_.contains(pod)) return true;
  settle(there->first, there->second, at);
  there->second.had_pods = true;
  there->second.occupants.push_back(
      {.pod = pod, .consumer = consumer, .accelerators = accelerators});
  node_of_pod_.emplace(pod, node);
  return true;
}

void Ledger::end(const Uid& pod, Instant at) {
  const auto held = node_of_pod_.find(pod);
  if (held == node_of_pod_.end()) return;
  const auto there = nodes_.find(held->second);
  SPILLWAY_CHECK(there != nodes_.end());
  settle(there->first, there->second, at);
  std::erase_if(there->second.occupants, [&](const Occupant& one) { return one.pod == pod; });
  node_of_pod_.erase(held);
}

void Ledger::settle(Instant at) {
  for (auto& [name, node] : nodes_)
    settle(name, node, at);
}

void Ledger::settle(const NodeName& name, NodeState& node, Instant at) {
  if (at <= node.settled) return;
  const Instant from = std::exchange(node.settled, at);
  const NodeTerms& terms = node.terms;
  std::vector<std::int64_t> weights;
  std::int64_t taken = 0;
  for (const Occupant& occupant : node.occupants) {
    weights.push_back(occupant.accelerators.value());
    taken += weights.back();
  }
  // More accelerators than the node has (its count was wrong): those that are there share it.
  weights.push_back(std::max<std::int64_t>(terms.accelerators.value() - taken, 0));

  const Money cost = node.cost.take(terms.rate, at - from);
  node_cost_ += cost;
  const std::vector<Money> costs = split(cost, weights);
  std::vector<Money> on_demand;
  if (terms.on_demand) on_demand = split(node.on_demand.take(*terms.on_demand, at - from), weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    Entry entry{.node = name,
                .pool = terms.pool,
                .tier = terms.tier,
                .use = node.had_pods || terms.owned ? NodeUse::kIdle : NodeUse::kStarting,
                .consumer = {},
                .from = from,
                .to = at,
                .time = AcceleratorTime(weights[i] * (at - from).count()),
                .cost = costs[i],
                .on_demand = {}};
    if (terms.on_demand) entry.on_demand = on_demand[i];
    if (i < node.occupants.size()) {
      entry.use = NodeUse::kUsed;
      entry.consumer = node.occupants[i].consumer;
    }
    sink_(entry);
  }
}

}  // namespace spillway::cost
