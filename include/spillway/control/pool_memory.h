#pragma once
// What the operator remembers of each pool between passes: how long its nodes live, how often it
// failed to deliver. The truth after a restart is CapacityPool.status, from which it starts.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include <spillway/control/picture.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

class PoolMemory {
 public:
  // Learns from this pass: nodes that vanished with work on them are losses, launches that failed
  // or succeeded are noted. Call once a pass, before the accessors.
  void learn(const Picture& picture, const plan::Plan& plan, Instant now);

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
  };
  struct SeenNode {
    PoolName pool;
    Duration age{};
    Instant seen_at{};
    bool worked = false;  // replicas of ours were bound to it when it was last seen
  };
  void learn_nodes(const Picture& picture, Instant now);
  void learn_launches(const Picture& picture, const plan::Plan& plan, Instant now);

  std::map<PoolName, Known> pools_;
  std::map<NodeName, SeenNode> nodes_;
};

}  // namespace spillway::control
