#include "market_replay.h"

#include <algorithm>

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

void MarketReplay::add(const api::CapacityPool& pool, const PoolRecord& record) {
  const PoolName name(pool.meta.key.name.str());
  PoolState& state = pools_[name];
  state.pool = pool;
  state.prices = record.spot;
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
  if (stretch.until < range_.to) at(stretch.until, [this, &state] { next_stretch(state); });
}

// Which of several nodes the cloud takes is anybody's guess.
void MarketReplay::take_surplus(const PoolState& state, std::int64_t nodes) {
  const auto& there = world_.autoscaler().nodes_of(state.pool.meta.key.name.str());
  std::vector<std::string> left(there.begin(), there.end());
  while (static_cast<std::int64_t>(left.size()) > nodes) {
    const auto chosen = static_cast<std::ptrdiff_t>(random_->next() % left.size());
    const std::string node = left[static_cast<std::size_t>(chosen)];
    left.erase(left.begin() + chosen);
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
