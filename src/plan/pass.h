#pragma once
// The working state of one call of make_plan: what every workload holds while the rules are
// applied, and the few operations that change it. Everything a rule may know is in here; nothing
// else is remembered.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include <spillway/plan/plan.h>

#include "catalogue.h"
#include "deadline.h"
#include "doubt.h"
#include "exposure.h"
#include "room.h"
#include "spot_markets.h"
#include "work.h"

namespace spillway::plan {

// Somebody who lost reserved slots, and to whom.
struct Beneficiary {
  std::size_t index = 0;
  bool inference = false;
};

// A training job in the course of a pass.
struct Job {
  enum class Standing {
    kOut,      // finished or suspended: holds nothing, gets nothing
    kHeld,     // being deleted: holds what is bound, gets nothing new
    kWaiting,  // is to get a placement
    kPlaced,
  };

  const TrainingWorkload* workload = nullptr;
  std::size_t kind = 0;
  Standing standing = Standing::kWaiting;
  std::size_t pool = 0;             // while placed
  bool continues = false;           // still the placement that the snapshot has
  std::vector<Bound> taken;         // room held beyond the snapshot's bound replicas
  std::optional<Cause> ended;       // why the snapshot's placement was taken back
  Cause chosen = Cause::kCheapest;  // why the present one was made
  bool user_failure = false;
  TrainingVerdict out = TrainingVerdict::kWait;  // the verdict of a job that is kOut
  std::optional<Beneficiary> displaced_by;
  Boxed<InterruptionStep> step;  // when it is to save
  Boxed<AwakeState> hours;       // null: nothing ever puts it to sleep
  bool saving = false;  // it is to leave and may not end yet: what is chosen is for the time after

  // Its bound replicas keep their room although it is to leave. Whoever was displaced has promised
  // its room already; at a notice the next attempt may have what is left of the room.
  [[nodiscard]] bool stays_until_saved() const {
    return saving && !continues && ended != Cause::kDisplaced && ended != Cause::kNotice;
  }
  [[nodiscard]] bool placed() const { return standing == Standing::kPlaced; }
  [[nodiscard]] bool waiting() const { return standing == Standing::kWaiting; }
  // When the placement of the snapshot was decided.
  [[nodiscard]] Instant placed_at() const {
    return workload->placement ? workload->placement->since : workload->created_at;
  }
  // The attempt in force runs on every replica: ending it loses work.
  [[nodiscard]] bool running() const {
    return continues && workload->state == AttemptState::kRunning;
  }
};

// What an inference workload holds on one pool; without replicas, what it has given back there in
// this pass, or has to leave.
struct Share {
  std::size_t pool = 0;
  std::int64_t replicas = 0;
  Instant since{};
  std::vector<Bound> bound;  // of the snapshot, less what was given back
  std::vector<Bound> taken;
  std::vector<std::size_t> leave;  // nodes of the bound replicas that were given back
  std::int64_t leaving = 0;        // on nodes that are about to go; not among `replicas`
};

struct Service {
  const InferenceWorkload* workload = nullptr;  // while it sleeps, one without replicas
  Boxed<AwakeState> hours;                      // null: nothing ever puts it to sleep
  std::optional<Instant> turn;  // awake, and waits until then for others to wake before it
  std::size_t kind = 0;
  std::vector<Share> shares;
  std::int64_t ready = 0;           // replicas on nodes that stay, wherever
  std::int64_t served_by_spot = 0;  // of the spot share: ready, or ill for so long that nothing
                                    // stands in for them any more
  bool whole = true;                // every replica that was asked for so far is ready
  std::optional<Beneficiary> displaced_by;

  [[nodiscard]] const Share* find(std::size_t pool) const;
  [[nodiscard]] std::int64_t on(api::Tier tier, const Snapshot& snapshot) const;
  [[nodiscard]] std::int64_t total() const;
};

// The earliest future instant at which a decision could change without an event.
class Wake {
 public:
  explicit Wake(Instant now) : now_(now) {}
  void consider(std::optional<Instant> at) {
    if (at && *at > now_ && (!at_ || *at < *at_)) at_ = at;
  }
  [[nodiscard]] std::optional<Instant> at() const { return at_; }

 private:
  Instant now_;
  std::optional<Instant> at_;
};

// An offering that a workload could take now.
struct Choice {
  const Offer* offer = nullptr;
  double cost = 0;  // expected, of one replica
  double risk = 0;  // of refused launches, in dollars that nobody charges: for the order alone
  int urgency =
      0;  // 0: keeps the deadline; 1: late, but not taken away; 2: may make it later still

  [[nodiscard]] double reckoned() const { return cost + risk; }
};

class Pass {
 public:
  Pass(const Snapshot& snapshot, Instant now, const Config& config);

  const Snapshot& snapshot;
  const Instant now;
  const Config& config;
  Room room;
  std::vector<const Notice*> notices;  // by node; empty when there is none at all
  Catalogue catalogue;
  Exposure exposure;
  std::vector<Job> jobs;
  WorkMemos works;  // of the jobs; training.cc asks for it
  std::vector<Service> services;
  std::vector<StockOut> stock_outs;
  Wake wake;
  bool changed = false;            // by the round under way
  SpotMarketCache spot_markets;    // of the round under way
  std::vector<Choice> candidates;  // of the search under way; kept for its memory
  // By kind: a gang of this many found no room on any bought pool, nor has room been given back
  // since.
  struct Full {
    std::int64_t replicas = 0;
    std::uint64_t releases = 0;
  };
  std::vector<Full> full;
  // By kind: bought offers before `first` have no room even for one replica, nor has room been
  // given back since.
  struct Closed {
    std::size_t first = 0;
    std::uint64_t releases = 0;
  };
  std::vector<Closed> closed;

  // Packs what is placed and not bound yet anew where something changed, as the next pass will find
  // it.
  void repack();

  [[nodiscard]] const DemandKind& kind(const Job& job) const { return catalogue.kind(job.kind); }
  [[nodiscard]] const DemandKind& kind(const Service& service) const {
    return catalogue.kind(service.kind);
  }
  [[nodiscard]] const Pool& pool(std::size_t index) const { return snapshot.pools[index]; }
  [[nodiscard]] bool stocked_out(std::size_t pool) const { return stocked_out_[pool]; }
  // Seen without capacity, and more likely than not still without: the older the gap, the longer.
  [[nodiscard]] bool doubtful(std::size_t pool) const { return gap_until_[pool] > now; }
  // Null: nothing speaks against the pool.
  [[nodiscard]] const Doubt* doubt(std::size_t pool) const {
    return doubts_[pool] ? &*doubts_[pool] : nullptr;
  }
  // Of a launch that is begun now (doubt.h). Remembered: most workloads have one timeout.
  [[nodiscard]] double chance_of_launch(std::size_t pool, Duration launch_timeout);
  [[nodiscard]] Instant gap_until(std::size_t pool) const { return gap_until_[pool]; }
  [[nodiscard]] Hours restart_delay() const { return Hours(config.restart_delay); }

  // An instant of the snapshot that lies ahead (clock skew) counts as now.
  [[nodiscard]] Instant past(Instant instant) const { return instant < now ? instant : now; }
  [[nodiscard]] Hours age(Instant since) const { return Hours(now - past(since)); }

  void place(Job& job, const Offer& offer, Cause cause);
  void take_back(Job& job, Cause cause);
  // Replicas of a placed job, or of a share, that have no room: what was decided was not carried
  // out, or nodes went.
  [[nodiscard]] static std::int64_t missing(const Job& job);
  [[nodiscard]] static std::int64_t missing(const Share& share);
  // Takes room for them, as far as there is.
  void fill(Job& job);
  void fill(Service& service, std::size_t pool);
  std::int64_t grow(Service& service, std::size_t pool,
                    std::int64_t replicas);  // how many found room
  void shrink(Service& service, std::size_t pool, std::int64_t replicas);
  void remove_replica(Service& service, std::size_t pool, std::size_t node);

 private:
  std::deque<InferenceWorkload> sleepers_;  // those without replicas; addresses stay
  void open_pools();
  void open_jobs();
  void open_services();
  void open_job(Job& job);
  [[nodiscard]] std::optional<Cause> end_of_attempt(Job& job);
  void open_service(Service& service);
  [[nodiscard]] bool may_stay(const DemandKind& kind, const Demand& demand, std::size_t pool) const;
  void occupy();
  void claim_unbound();
  void note_stock_out(std::size_t pool, Instant since);
  bool regain(Job& job, std::size_t where);
  bool take_again(const Need& need, const std::vector<Bound>& bound);
  // Every change of what is held on a pool passes here.
  void account(std::size_t pool, const Demand& demand, std::int64_t replicas);
  Share& share_on(Service& service, std::size_t pool);
  std::int64_t keep_leaving(const Need& need, Share& share, std::int64_t replicas);

  std::vector<bool> stocked_out_;
  std::vector<Instant> gap_until_;            // by pool
  std::vector<std::optional<Doubt>> doubts_;  // by pool
  struct Chance {
    Duration launch_timeout{-1};
    double chance = 1;
  };
  std::vector<Chance> chances_;  // by pool
  std::vector<bool> repacks_;    // by pool: something changed since it was packed
};

// Asks for the memory of a workload that has its turn soon. Turns are in no order of memory, and a
// pass over thousands of workloads otherwise spends much of its time waiting for it.
inline constexpr std::size_t kAhead = 6;  // turns; for `later` twice as many
void look_ahead(const Pass& pass, const Beneficiary& next, const Beneficiary& later);

// Order among workloads that want something: priority, then services before jobs, then age, then
// name.
bool goes_first(const Job& a, const Job& b);
bool goes_first(const Service& a, const Service& b);

// The rules, one file each; plan.cc says in which order they apply.
void assign_reserved(Pass& pass);  // reserved.cc: who gets the reserved baseline

}  // namespace spillway::plan
