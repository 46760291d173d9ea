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
  // Each pass is learnt from in two parts, in this order, before the accessors are called.
  //
  // What the picture tells, before a plan is made of it: nodes that vanished with work on them, or
  // after a notice that the cloud takes them back, are losses; nodes that are there, and launches
  // that succeeded, are noted. In the first pass the losses that nobody has written down yet are
  // taken from what is still there: the pool had more nodes than it has, and pods or attempts of
  // ours tell of nodes that went. The status that takes the loss in has fewer nodes in the same
  // write, so that none is counted twice.
  void learn_from_picture(const Picture& picture, Instant now);
  // What only the plan that was made of it tells: launches that failed.
  void learn_from_plan(const Picture& picture, const plan::Plan& plan, Instant now);

  // Puts what was learnt of each spot pool into the picture, between the two: a plan that is made
  // in the pass in which a loss is first seen knows of the loss. Windows and gaps are in no status
  // (after a restart they are learnt anew); lives are, but only when it has been written.
  void show(Picture& picture) const;

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
    plan::HazardMemory market;         // spot only
    plan::HazardMemory market_before;  // the instant at which it was seen last
  };
  // What of the nodes of a picture matters here, by node.
  struct Use {
    std::vector<bool> works;   // replicas of ours are bound to it
    std::vector<bool> leaves;  // the cloud has said that it takes it back
  };
  struct SeenNode {
    PoolName pool;
    Duration age{};
    Instant seen_at{};
    bool worked = false;  // replicas of ours were bound to it when it was last seen
    bool leaves = false;  // and a notice said that it is taken back
  };
  static Use use_of(const Picture& picture);
  void learn_pools(const Picture& picture, Instant now);
  void forget_interruptions(Instant now);
  static void count_loss(Known& pool, Duration life, Instant now);
  static void see(Known& pool, plan::MarketState state, Instant now);
  // Pools that lost a node which worked or was taken back.
  std::set<PoolName> learn_nodes(const Picture& picture, const Use& use, Instant now);
  // The same of nodes that went while nobody looked. Pools that lost one.
  std::set<PoolName> learn_unseen(const Picture& picture, Instant now);
  void learn_market(const Picture& picture, const Use& use, const std::set<PoolName>& losses,
                    Instant now);
  void learn_launches(const Picture& picture);

  std::map<PoolName, Known> pools_;
  std::map<NodeName, SeenNode> nodes_;
  bool looked_ = false;  // at a picture, in this life
};

}  // namespace spillway::control
