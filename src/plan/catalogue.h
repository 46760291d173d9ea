#pragma once
// Feasible offerings: for every kind of demand the pools that could serve it at all (model, tier,
// size, constraints), with their rates, cheapest first. Many workloads share a kind, so this is
// done once per kind and pass.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include <spillway/plan/plan.h>
#include <spillway/plan/snapshot.h>

#include "cost.h"
#include "room.h"

namespace spillway::plan {

// A pool seen by one kind of demand.
struct Offer {
  std::size_t pool = 0;
  api::Tier tier = api::Tier::kOnDemand;
  bool price_known = false;
  Rates rates;
  double floor =
      0;  // dollars per useful hour if nothing were ever lost: a lower bound of every cost
  std::size_t preference = 0;         // position of the model in the workload's list
  std::int64_t slots_when_empty = 0;  // more replicas than this never fit
};

struct DemandKind {
  Need need;
  api::TierSet tiers;
  const Demand* example = nullptr;
  std::vector<Offer> reserved;  // by name
  std::vector<Offer> bought;  // spot and on-demand: known prices first, then by floor, then by name
  // Reserved and on-demand capacity, the fastest first, each with more slots than those before it:
  // what a deadline asks for.
  struct Lasting {
    double speed = 1;
    std::int64_t slots_when_empty = 0;
  };
  std::vector<Lasting> lasting;
  std::vector<std::size_t> on_demand;  // where in `bought` on-demand capacity is
  std::vector<double> spot_speeds;     // that spot pools have: each once
  std::vector<std::int32_t>
      position;  // by pool: 1 + index in `bought`, -1 - index in `reserved`, 0 = not admitted
  std::size_t next_with_same_hash = 0;  // 0: none; the first kind is nobody's next

  [[nodiscard]] const Offer* find(
      std::size_t pool) const;  // nullptr: the pool does not admit the demand
  void index(std::size_t pools);
};

// What a workload with this demand pays per hour on a pool: its replicas' share of the node price.
HourlyRate rate_of(HourlyRate node_price, const Pool& pool, const Demand& demand,
                   std::int64_t replicas);

// A price that nothing may be decided on: unknown, or not above zero (no capacity is sold for
// nothing).
bool price_known(const Pool& pool);

class Catalogue {
 public:
  Catalogue(const Snapshot& snapshot, Room& room);

  // The kind of a demand; made at first sight. Stable until the next call.
  std::size_t kind_of(const Demand& demand);
  [[nodiscard]] const DemandKind& kind(std::size_t index) const { return kinds_[index]; }

  // Position of a pool in the order of names: ties are broken by it, never by the order of the
  // input.
  [[nodiscard]] std::size_t rank(std::size_t pool) const { return ranks_[pool]; }

 private:
  std::size_t add_kind(const Demand& demand);
  std::size_t need_id(const Demand& demand);

  const Snapshot& snapshot_;
  Room& room_;
  std::vector<std::size_t> ranks_;
  std::unordered_map<AcceleratorModel, std::vector<std::size_t>> pools_by_model_;
  std::vector<DemandKind> kinds_;
  std::unordered_map<std::uint64_t, std::size_t> first_kind_;  // by hash of the demand
  std::unordered_map<std::uint64_t, std::vector<Need>> needs_;
  std::size_t need_count_ = 0;
};

}  // namespace spillway::plan
