#pragma once
// Lets a recorded market happen to a simulated cluster: prices change, and when a zone has none
// left, launches are refused and spot nodes are taken, with the notice that the pool states.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/capacity_pool.h>
#include <spillway/sim/recorded_market.h>
#include <spillway/sim/simulation.h>
#include <spillway/sim/world.h>

#include "bookkeeper.h"

namespace spillway::sim {

// The nodes of a pool that the market would let it have, tick by tick over all time: a trace
// without a date begins at `from`, and one that is shorter than the range begins again.
class Obtainable {
 public:
  Obtainable(const RecordedTrace& trace, Instant from);
  struct Stretch {
    std::optional<std::int64_t> nodes;  // nullopt: any number
    Instant until{};                    // the first tick that says something else
  };
  // The stretch at `at`, looked for no further than `limit`.
  [[nodiscard]] Stretch at(Instant at, Instant limit) const;
  // The range in which it does not have to begin again.
  [[nodiscard]] TimeRange recorded() const;

 private:
  [[nodiscard]] std::int32_t instances(std::int64_t tick) const;
  const RecordedTrace& trace_;
  Instant origin_;
  bool yes_or_no_;
};

class MarketReplay {
 public:
  // Everything referred to outlives it. Pools and groups are there already.
  MarketReplay(World& world, Bookkeeper& books, TimeRange range, std::uint64_t seed);
  // `notice`: so long before a node is taken its mark is there (api/agent_protocol.h).
  void add(const api::CapacityPool& pool, const PoolRecord& record, Duration notice);
  // The stretches of the range in which none could be had, as far as they have happened.
  [[nodiscard]] const std::vector<TimeSpan>& unavailable(const PoolName& pool) const;
  [[nodiscard]] std::int64_t launches_refused(const PoolName& pool) const;

 private:
  struct PoolState {
    api::CapacityPool pool;
    std::vector<PriceChange> prices;
    std::size_t next_price = 0;
    std::optional<Obtainable> obtainable;
    std::vector<TimeSpan> unavailable;
    Duration notice{};
    std::vector<std::string> marked;  // nodes that will be taken at the end of this stretch
  };
  void next_price(PoolState& state);
  void next_stretch(PoolState& state);
  void give_notice(PoolState& state, Instant end);
  void mark(const std::string& node, Instant end);
  void take_surplus(PoolState& state, std::int64_t nodes);
  std::vector<std::string> choose(std::vector<std::string> among, std::int64_t left);
  void at(Instant when, std::function<void()> action);

  World& world_;
  Bookkeeper& books_;
  TimeRange range_;
  std::unique_ptr<Random> random_;
  std::map<PoolName, PoolState> pools_;
};

}  // namespace spillway::sim
