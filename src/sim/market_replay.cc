#include "market_replay.h"

#include <algorithm>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/check.h>

namespace spillway::sim {

// ---- what a trace says of all time

Obtainable::Obtainable(const RecordedTrace& trace, Instant from)
    : trace_(trace), origin_(trace.start.value_or(from)), yes_or_no_(trace.yes_or_no()) {}

std::int32_t Obtainable::instances(std::int64_t tick) const {
  const auto ticks = static_cast<std::int64_t>(trace_.instances.size());
  return trace_.instances[static_cast<std::size_t>(((tick % ticks) + ticks) % ticks)];
}

Obtainable::Stretch Obtainable::at(Instant at, Instant limit) const {
  const Duration since = at - origin_;
  std::int64_t tick = since / trace_.tick;
  if (since < Duration(0) && since % trace_.tick != Duration(0)) --tick;
  const std::int32_t now = instances(tick);
  Stretch stretch;
  if (now == 0 || !yes_or_no_) stretch.nodes = now;
  do {
    ++tick;
    stretch.until = origin_ + tick * trace_.tick;
  } while (stretch.until < limit && instances(tick) == now);
  return stretch;
}

TimeRange Obtainable::recorded() const {
  return {.from = origin_, .to = origin_ + trace_.length()};
}

// ---- what happens

MarketReplay::MarketReplay(World& world, Bookkeeper& books, TimeRange range, std::uint64_t seed)
    : world_(world), books_(books), range_(range), random_(make_random(seed)) {}

void MarketReplay::add(const api::CapacityPool& pool, const PoolRecord& record, Duration notice) {
  const PoolName name(pool.meta.key.name.str());
  PoolState& state = pools_[name];
  state.pool = pool;
  state.prices = record.spot;
  state.notice = notice;
  while (state.next_price < state.prices.size() && state.prices[state.next_price].at <= range_.from)
    ++state.next_price;
  next_price(state);
  if (record.trace == nullptr) return;
  state.obtainable.emplace(*record.trace, range_.from);
  next_stretch(state);
}

void MarketReplay::at(Instant when, std::function<void()> action) {
  VirtualTime& time = world_.time();
  time.after(std::max(when - time.now(), Duration(0)), std::move(action));
}

// The feed has the whole history and answers by its clock; the ledger is told.
void MarketReplay::next_price(PoolState& state) {
  if (state.next_price >= state.prices.size()) return;
  const PriceChange& change = state.prices[state.next_price];
  if (change.at >= range_.to) return;
  at(change.at, [this, &state] {
    books_.set_rate(PoolName(state.pool.meta.key.name.str()),
                    state.prices[state.next_price++].per_node);
    next_price(state);
  });
}

void MarketReplay::next_stretch(PoolState& state) {
  const Instant now = world_.time().now();
  const Obtainable::Stretch stretch = state.obtainable->at(now, range_.to);
  const std::string& name = state.pool.meta.key.name.str();
  world_.autoscaler().set_obtainable(name, stretch.nodes);
  if (stretch.nodes) take_surplus(state, *stretch.nodes);
  if (stretch.nodes == 0)
    state.unavailable.push_back({.from = now, .to = std::min(stretch.until, range_.to)});
  if (stretch.until >= range_.to) return;
  if (state.notice > Duration(0))
    at(stretch.until - state.notice,
       [this, &state, end = stretch.until] { give_notice(state, end); });
  at(stretch.until, [this, &state] { next_stretch(state); });
}

// Which of several nodes the cloud takes is anybody's guess.
std::vector<std::string> MarketReplay::choose(std::vector<std::string> among, std::int64_t left) {
  std::vector<std::string> chosen;
  while (static_cast<std::int64_t>(among.size()) > left) {
    const auto at = static_cast<std::ptrdiff_t>(random_->next() % among.size());
    chosen.push_back(among[static_cast<std::size_t>(at)]);
    among.erase(among.begin() + at);
  }
  return chosen;
}

void MarketReplay::give_notice(PoolState& state, Instant end) {
  const auto nodes = state.obtainable->at(end, end).nodes;
  if (!nodes) return;
  const auto& there = world_.autoscaler().nodes_of(state.pool.meta.key.name.str());
  state.marked = choose({there.begin(), there.end()}, *nodes);
  for (const std::string& node : state.marked) {
    mark(node, end);
    books_.interrupt(node);
  }
}

// As the node agent does it.
void MarketReplay::mark(const std::string& node, Instant end) {
  namespace mark = api::agent::node_mark;
  const ObjectKey key{.ns = {}, .name = ObjectName(node)};
  const auto marked = world_.server().edit(kube::kNodes, key, {}, [&](nlohmann::json& next) {
    next["metadata"]["annotations"][std::string(mark::kDeadline)] = format_instant(end);
    next["metadata"]["annotations"][std::string(mark::kSource)] = "simulated-market";
    nlohmann::json& taints = next["spec"]["taints"];
    if (!taints.is_array()) taints = nlohmann::json::array();
    taints.push_back(
        {{"key", mark::kTaint}, {"value", mark::kKindInterruption}, {"effect", mark::kEffect}});
  });
  SPILLWAY_CHECK(marked.has_value());
}

// Those that had their notice first; nodes that came since then go without.
void MarketReplay::take_surplus(PoolState& state, std::int64_t nodes) {
  const auto& there = world_.autoscaler().nodes_of(state.pool.meta.key.name.str());
  std::vector<std::string> taken;
  std::vector<std::string> rest;
  for (const std::string& node : there)
    (std::ranges::find(state.marked, node) != state.marked.end() ? taken : rest).push_back(node);
  for (std::string& node : choose(std::move(rest), nodes))
    taken.push_back(std::move(node));
  state.marked.clear();
  for (const std::string& node : taken) {
    books_.node_taken(node);
    world_.nodes().remove_node(node);
  }
}

const std::vector<TimeSpan>& MarketReplay::unavailable(const PoolName& pool) const {
  return pools_.at(pool).unavailable;
}

std::int64_t MarketReplay::launches_refused(const PoolName& pool) const {
  return pools_.at(pool).pool.spec.tier == api::Tier::kReserved
             ? 0
             : world_.autoscaler().refused(pool.str());
}

}  // namespace spillway::sim
