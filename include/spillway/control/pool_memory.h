#pragma once
// What the operator remembers of each pool between passes: how long its nodes live, how often it
// failed to deliver. The truth after a restart is CapacityPool.status, from which it starts.

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <spillway/control/picture.h>
#include <spillway/plan/hazard.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

class PoolMemory {
 public:
  // Learns from this pass: nodes that vanished with work on them are losses, launches that failed
  // or succeeded are noted. Call once a pass, before the accessors.
  void learn(const Picture& picture, const plan::Plan& plan, Instant now);

  // Puts what was learnt of each spot pool's windows and gaps into the picture, for the plan that
  // is made of it. Unlike lives and stock-outs it is in no status: after a restart it is learnt
  // anew.
  void show_market(Picture& picture) const;

  [[nodiscard]] const market::LifeSums& life(const PoolName& pool) const;
  [[nodiscard]] const market::StockOutMemory& stock_outs(const PoolName& pool) const;
  [[nodiscard]] std::int32_t interruptions_last_day(const PoolName& pool) const;
  // The next instant at which one of these changes by time alone.
  [[nodiscard]] std::optional<Instant> next_change(Instant now) const;

 private:
  struct Known {
    Uid uid;
    market::LifeSums life;
    market::StockOutMemory stock_outs;
    std::deque<Instant> interruptions;
    plan::HazardMemory market;  // spot only
  };
  struct SeenNode {
    PoolName pool;
    Duration age{};
    Instant seen_at{};
    bool worked = false;  // replicas of ours were bound to it when it was last seen
  };
  // Pools that lost a node which worked.
  std::set<PoolName> learn_nodes(const Picture& picture, Instant now);
  void learn_market(const Picture& picture, const plan::Plan& plan,
                    const std::set<PoolName>& losses, Instant now);
  void learn_launches(const Picture& picture, const plan::Plan& plan, Instant now);

  std::map<PoolName, Known> pools_;
  std::map<NodeName, SeenNode> nodes_;
};

}  // namespace spillway::control
