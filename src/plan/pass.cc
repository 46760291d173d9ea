#include "pass.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include <spillway/core/check.h>

#include "doubt.h"
#include "draining.h"
#include "leaving.h"
#include "notices.h"
#include "sleep.h"

namespace spillway::plan {
namespace {

std::int64_t count(const std::vector<Bound>& bound) {
  return std::accumulate(bound.begin(), bound.end(), std::int64_t{0},
                         [](std::int64_t sum, const Bound& at) { return sum + at.replicas; });
}

// Takes up to `replicas` off the end of the list and returns what was taken off.
std::vector<Bound> cut(std::vector<Bound>& list, std::int64_t replicas) {
  std::vector<Bound> cut_off;
  while (replicas > 0 && !list.empty()) {
    const std::int64_t here = std::min(replicas, list.back().replicas);
    cut_off.push_back({.node = list.back().node, .replicas = here});
    list.back().replicas -= here;
    replicas -= here;
    if (list.back().replicas == 0) list.pop_back();
  }
  return cut_off;
}

bool cut_at(std::vector<Bound>& list, std::size_t node) {
  const auto at = std::find_if(list.begin(), list.end(),
                               [&](const Bound& bound) { return bound.node == node; });
  if (at == list.end()) return false;
  if (--at->replicas == 0) list.erase(at);
  return true;
}

}  // namespace

const Share* Service::find(std::size_t pool) const {
  const auto at = std::find_if(shares.begin(), shares.end(), [&](const Share& share) {
    return share.pool == pool && share.replicas > 0;
  });
  return at == shares.end() ? nullptr : &*at;
}

std::int64_t Service::on(api::Tier tier, const Snapshot& snapshot) const {
  std::int64_t sum = 0;
  for (const Share& share : shares)
    sum += snapshot.pools[share.pool].tier == tier ? share.replicas : 0;
  return sum;
}

std::int64_t Service::total() const {
  return std::accumulate(shares.begin(), shares.end(), std::int64_t{0},
                         [](std::int64_t sum, const Share& share) { return sum + share.replicas; });
}

namespace {

template <class Workload>
std::tuple<std::int64_t, Instant, const ObjectKey&> turn(const Workload& workload) {
  return {-workload.demand.priority, workload.created_at, workload.key};
}

}  // namespace

namespace {

template <class Workload>
void fetch(const Workload& workload) {
  constexpr std::size_t kLine = 64;
  const auto* bytes = static_cast<const char*>(static_cast<const void*>(&workload));
  for (std::size_t at = 0; at < sizeof(Workload); at += kLine)
    __builtin_prefetch(bytes + at);
}

}  // namespace

void look_ahead(const Pass& pass, const Beneficiary& next, const Beneficiary& later) {
  const auto fetch_handle = [&](const auto& handle) { __builtin_prefetch(&handle.workload); };
  later.inference ? fetch_handle(pass.services[later.index]) : fetch_handle(pass.jobs[later.index]);
  next.inference ? fetch(*pass.services[next.index].workload)
                 : fetch(*pass.jobs[next.index].workload);
}

bool goes_first(const Job& a, const Job& b) {
  return turn(*a.workload) < turn(*b.workload);
}
bool goes_first(const Service& a, const Service& b) {
  return turn(*a.workload) < turn(*b.workload);
}

Pass::Pass(const Snapshot& the_snapshot, Instant the_now, const Config& the_config)
    : snapshot(the_snapshot),
      now(the_now),
      config(the_config),
      room(the_snapshot),
      notices(notices_by_node(the_snapshot)),
      catalogue(the_snapshot, room),
      exposure(the_snapshot),
      works(the_snapshot.training.size()),
      wake(the_now),
      stocked_out_(the_snapshot.pools.size(), false),
      gap_until_(the_snapshot.pools.size(), Instant::min()),
      doubts_(the_snapshot.pools.size()),
      chances_(the_snapshot.pools.size()),
      repacks_(the_snapshot.pools.size(), true) {
  open_pools();
  open_jobs();
  open_services();
  occupy();
  claim_unbound();
}

void Pass::open_pools() {
  for (std::size_t i = 0; i < snapshot.pools.size(); ++i) {
    const market::Offering& offering = snapshot.pools[i].offering;
    stocked_out_[i] = offering.availability == market::Availability::kStockedOut &&
                      offering.retry_at && *offering.retry_at > now;
    doubts_[i] = doubt_of(snapshot.pools[i]);
    if (doubts_[i]) gap_until_[i] = doubts_[i]->likely_back_at();
  }
}

double Pass::chance_of_launch(std::size_t pool, Duration launch_timeout) {
  if (!doubts_[pool]) return 1;
  Chance& known = chances_[pool];
  if (known.launch_timeout != launch_timeout)
    known = {launch_timeout, plan::chance_of_launch(*doubts_[pool], now, launch_timeout)};
  return known.chance;
}

void Pass::open_jobs() {
  jobs.reserve(snapshot.training.size());
  for (const TrainingWorkload& workload : snapshot.training) {
    Job& job = jobs.emplace_back();
    job.workload = &workload;
    job.kind = catalogue.kind_of(workload.demand);
    job.hours = hours_of(snapshot, workload, now);
    open_job(job);
  }
}

// What the children of the attempt show settles what the job may have.
void Pass::open_job(Job& job) {
  const TrainingWorkload& workload = *job.workload;
  const auto out = [&](TrainingVerdict verdict, Cause cause) {
    job.standing = Job::Standing::kOut;
    job.out = verdict;
    job.chosen = cause;
  };
  if (workload.placement) job.pool = workload.placement->pool;
  if (workload.terminating) {
    job.standing = Job::Standing::kHeld;
    return ask_to_leave(*this, job, {.reason = api::SaveReason::kDeleted});
  }
  const bool failed = workload.placement && workload.state == AttemptState::kFailed;
  if (workload.placement && workload.state == AttemptState::kSucceeded) {
    return out(TrainingVerdict::kSucceed, Cause::kSucceeded);
  }
  job.user_failure = failed;
  if (failed && workload.user_failures + 1 > workload.max_restarts) {
    return out(TrainingVerdict::kFail, Cause::kRestartsExhausted);
  }
  if (workload.suspended || is_put_to_sleep(job)) {
    ask_to_leave(*this, job, {.reason = api::SaveReason::kSuspended, .since = now});
    const TrainingVerdict gone =
        workload.placement ? TrainingVerdict::kRelease : TrainingVerdict::kWait;
    return out(job.saving ? TrainingVerdict::kKeep : gone,
               workload.suspended ? Cause::kSuspended : Cause::kAsleep);
  }
  if (workload.checkpointing && workload.state == AttemptState::kLost &&
      restarts_without_progress(job) > config.interruption.max_restarts_without_progress) {
    return out(TrainingVerdict::kFail, Cause::kNoProgress);
  }
  if (!workload.placement) {
    if (may_not_begin(job)) out(TrainingVerdict::kWait, Cause::kAsleep);
    return;
  }
  job.ended = end_of_attempt(job);
  if (job.ended && may_not_begin(job))
    return out(job.saving ? TrainingVerdict::kKeep : TrainingVerdict::kRelease, *job.ended);
  if (job.ended) return;
  job.standing = Job::Standing::kPlaced;
  job.continues = true;
}

// Why the placement of the snapshot does not go on, if it does not.
std::optional<Cause> Pass::end_of_attempt(Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (job.user_failure) return Cause::kProgramFailed;
  if (workload.state == AttemptState::kLost || lost_a_node(snapshot, workload))
    return was_being_taken(workload) ? Cause::kNotice : Cause::kReplicaLost;
  if (const auto leave = notice_for(*this, job)) {
    ask_to_leave(*this, job, *leave);
    if (leave->reason == api::SaveReason::kNotice) return Cause::kNotice;
  }
  if (!may_stay(kind(job), workload.demand, job.pool)) {
    ask_to_leave(*this, job, {.reason = api::SaveReason::kMoved, .since = now});
    return Cause::kPoolUnusable;
  }
  if (is_being_displaced(workload)) {
    ask_to_leave(*this, job, {.reason = api::SaveReason::kDisplaced, .since = now});
    return Cause::kDisplaced;
  }
  if (workload.state == AttemptState::kStarting &&
      count(workload.bound) < workload.demand.replicas) {
    const Instant since = past(workload.starting_since.value_or(workload.placement->since));
    if (now - since >= workload.launch_timeout) {
      note_stock_out(job.pool, workload.placement->since);
      return Cause::kLaunchTimeout;
    }
  }
  return std::nullopt;
}

// A pool that would not take the workload today (constraints, size) still keeps what runs there, as
// the scheduler does; a tier or model that the workload may not use any more does not.
bool Pass::may_stay(const DemandKind& kind, const Demand& demand, std::size_t where) const {
  if (kind.find(where) != nullptr) return true;
  return demand.tiers.contains(pool(where).tier) &&
         std::any_of(demand.models.begin(), demand.models.end(), [&](const ModelPreference& model) {
           return model.model == pool(where).model;
         });
}

void Pass::open_services() {
  services.reserve(snapshot.inference.size());
  for (const InferenceWorkload& workload : snapshot.inference) {
    Service& service = services.emplace_back();
    service.workload = &workload;
    service.hours = hours_of(snapshot, workload, now);
    const Turn turn = turn_of(snapshot, workload, service.hours, now);
    service.turn = turn.begins;
    // Whatever put it to sleep may be gone: it is woken in its turn all the same.
    if (service.turn && !service.hours) service.hours = AwakeState{.reason = "without any hours"};
    if (service.hours && !turn.reason.empty()) service.hours->reason += "; " + turn.reason;
    if (asleep(service.hours) || service.turn)
      service.workload = &sleepers_.emplace_back(without_replicas(workload));
    service.kind = catalogue.kind_of(workload.demand);
    open_service(service);
  }
}

void Pass::open_service(Service& service) {
  const InferenceWorkload& workload = *service.workload;
  note_serving(*this, service);
  for (const InferenceAllocation& allocation : workload.allocations) {
    const bool stays =
        workload.terminating || may_stay(kind(service), workload.demand, allocation.pool);
    if (allocation.desired <= 0 || !stays) continue;
    Share share = share_that_stays(*this, allocation);
    std::sort(share.bound.begin(), share.bound.end(), [&](const Bound& a, const Bound& b) {
      return snapshot.nodes[a.node].name < snapshot.nodes[b.node].name;
    });
    const std::int64_t bound = count(share.bound);
    const bool unbound = allocation.ready < share.replicas && bound < share.replicas;
    if (unbound && !workload.terminating &&
        now - past(allocation.starting_since) >= workload.launch_timeout) {
      note_stock_out(allocation.pool, allocation.starting_since);
      share.replicas = bound;
    }
    if (share.replicas > 0 || share.leaving > 0) service.shares.push_back(std::move(share));
  }
  std::sort(service.shares.begin(), service.shares.end(), [&](const Share& a, const Share& b) {
    return catalogue.rank(a.pool) < catalogue.rank(b.pool);
  });
}

void Pass::note_stock_out(std::size_t pool, Instant since) {
  stocked_out_[pool] = true;
  const auto same = [&](const StockOut& other) {
    return other.pool == pool && other.since == since;
  };
  if (std::any_of(stock_outs.begin(), stock_outs.end(), same)) return;
  stock_outs.push_back({.pool = pool, .since = since});
}

void Pass::account(std::size_t where, const Demand& demand, std::int64_t replicas) {
  repacks_[where] = true;
  if (pool(where).tier == api::Tier::kReserved) return;
  exposure.add(where, demand.per_replica.accelerators.value() * replicas);
}

// Bound replicas sit on their nodes. Those of attempts that are to end do not count: their room is
// given away already.
void Pass::occupy() {
  for (const Job& job : jobs) {
    const bool holds =
        job.standing == Job::Standing::kHeld || job.continues || job.stays_until_saved();
    if (!holds) continue;
    room.occupy(kind(job).need, job.workload->bound);
    if (job.continues) account(job.pool, job.workload->demand, job.workload->demand.replicas);
  }
  for (const Service& service : services) {
    for (const Share& share : service.shares) {
      room.occupy(kind(service).need, share.bound);
      account(share.pool, service.workload->demand, share.replicas);
    }
  }
}

namespace {

// What is placed and wants room on its pool.
struct Claimant {
  std::int64_t accelerators = 0;
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  Instant created_at{};
  const ObjectKey* key = nullptr;
  const Need* need = nullptr;
  std::vector<Bound>* taken = nullptr;
  std::int64_t replicas = 0;
  std::size_t pool = 0;
  bool job = false;

  // Large replicas first.
  friend bool operator<(const Claimant& a, const Claimant& b) {
    if (a.accelerators != b.accelerators) return a.accelerators > b.accelerators;
    const auto rest = [](const Claimant& c) {
      return std::tuple(-c.cpu, -c.memory, c.job, c.created_at);
    };
    const auto of_a = rest(a);
    const auto of_b = rest(b);
    return of_a == of_b ? *a.key < *b.key : of_a < of_b;
  }
};

// By pool: what one pool gives has nothing to do with another, and many short lists are sorted
// faster than one long one. The list of pool p is from starts[p] to starts[p + 1].
struct ByPool {
  ByPool(const std::vector<Claimant>& claimants, std::size_t pools)
      : starts(pools + 1), order(claimants.size()) {
    for (const Claimant& claimant : claimants)
      ++starts[claimant.pool + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
    for (const Claimant& claimant : claimants)
      order[next[claimant.pool]++] = &claimant;
    for (std::size_t pool = 0; pool < pools; ++pool) {
      const auto at = [&](std::size_t index) {
        return order.begin() + static_cast<std::ptrdiff_t>(index);
      };
      std::sort(at(starts[pool]), at(starts[pool + 1]),
                [](const Claimant* a, const Claimant* b) { return *a < *b; });
    }
  }
  std::vector<std::size_t> starts;
  std::vector<const Claimant*> order;
};

}  // namespace

// What is placed and not bound yet claims room on its pool. More than there is (a node went, max
// was lowered) is left to the launch timeout.
void Pass::claim_unbound() {
  std::vector<Claimant> claimants;
  claimants.reserve(jobs.size());
  const auto add = [&](const DemandKind& kind, std::size_t where, std::int64_t replicas,
                       std::vector<Bound>& taken, bool is_job, const auto& workload) {
    if (replicas <= 0) return;
    const Resources& each = kind.need.resources;
    claimants.push_back({.accelerators = each.accelerators.value(),
                         .cpu = each.cpu.value(),
                         .memory = each.memory.value(),
                         .created_at = workload.created_at,
                         .key = &workload.key,
                         .need = &kind.need,
                         .taken = &taken,
                         .replicas = replicas,
                         .pool = where,
                         .job = is_job});
  };
  for (Job& job : jobs) {
    if (!job.placed() || !repacks_[job.pool]) continue;
    const std::int64_t bound = job.continues ? count(job.workload->bound) : 0;
    add(kind(job), job.pool, job.workload->demand.replicas - bound, job.taken, true, *job.workload);
  }
  for (Service& service : services) {
    if (service.workload->terminating) continue;
    for (Share& share : service.shares) {
      if (!repacks_[share.pool]) continue;
      add(kind(service), share.pool, share.replicas - count(share.bound), share.taken, false,
          *service.workload);
    }
  }
  for (const Claimant* claimant : ByPool(claimants, snapshot.pools.size()).order)
    room.take(claimant->pool, *claimant->need, claimant->replicas, *claimant->taken);
  repacks_.assign(repacks_.size(), false);
}

void Pass::repack() {
  for (const Job& job : jobs) {
    if (job.placed() && repacks_[job.pool]) room.release(kind(job).need, job.taken);
  }
  for (const Service& service : services) {
    for (const Share& share : service.shares) {
      if (repacks_[share.pool]) room.release(kind(service).need, share.taken);
    }
  }
  claim_unbound();
}

// All of the bound replicas on the nodes that they are on, or none.
bool Pass::take_again(const Need& need, const std::vector<Bound>& bound) {
  std::vector<Bound> held;
  for (const Bound& at : bound) {
    for (std::int64_t replica = 0; replica < at.replicas; ++replica) {
      if (!room.take_on(at.node, need)) {
        room.release(need, held);
        return false;
      }
      held.push_back({.node = at.node, .replicas = 1});
    }
  }
  return true;
}

// Whoever lost its slots and gets the same ones back has lost nothing. Others on the same pool are
// not the same: what is to have its own would find no room.
bool Pass::regain(Job& job, std::size_t where) {
  const TrainingWorkload& workload = *job.workload;
  const bool lost_here = workload.placement && workload.placement->pool == where &&
                         (job.ended == Cause::kDisplaced || job.ended == Cause::kPriceMove);
  if (!lost_here) return false;
  if (!job.stays_until_saved() && !take_again(kind(job).need, workload.bound)) return false;
  job.continues = true;
  job.saving = false;
  job.step.reset();
  job.ended.reset();
  job.displaced_by.reset();
  return true;
}

void Pass::place(Job& job, const Offer& offer, Cause cause) {
  const Demand& demand = job.workload->demand;
  const bool regained = cause == Cause::kReservedBaseline && regain(job, offer.pool);
  const std::int64_t held = regained ? count(job.workload->bound) : 0;
  job.taken = room.take(offer.pool, kind(job).need, demand.replicas - held);
  SPILLWAY_CHECK(held + count(job.taken) ==
                 demand.replicas);  // all or nothing: whoever places has asked for room
  job.standing = Job::Standing::kPlaced;
  job.pool = offer.pool;
  job.chosen = cause;
  account(job.pool, demand, demand.replicas);
  changed = true;
}

void Pass::take_back(Job& job, Cause cause) {
  if (job.continues) {
    ask_to_leave(*this, job,
                 {.reason = cause == Cause::kDisplaced ? api::SaveReason::kDisplaced
                                                       : api::SaveReason::kMoved,
                  .since = now});
    job.ended = cause;
    job.continues = false;
    if (!job.stays_until_saved()) room.release(kind(job).need, job.workload->bound);
  }
  room.release(kind(job).need, job.taken);
  job.taken.clear();
  job.standing = Job::Standing::kWaiting;
  account(job.pool, job.workload->demand, -job.workload->demand.replicas);
  changed = true;
}

std::int64_t Pass::missing(const Job& job) {
  if (!job.placed()) return 0;
  const std::int64_t bound = job.continues ? count(job.workload->bound) : 0;
  return job.workload->demand.replicas - bound - count(job.taken);
}

void Pass::fill(Job& job) {
  const std::vector<Bound> more = room.take(job.pool, kind(job).need, missing(job));
  if (more.empty()) return;
  job.taken.insert(job.taken.end(), more.begin(), more.end());
  repacks_[job.pool] = true;
  changed = true;
}

std::int64_t Pass::missing(const Share& share) {
  return share.replicas - count(share.bound) - count(share.taken);
}

void Pass::fill(Service& service, std::size_t where) {
  Share& share = share_on(service, where);
  const std::vector<Bound> more = room.take(where, kind(service).need, missing(share));
  if (more.empty()) return;
  share.taken.insert(share.taken.end(), more.begin(), more.end());
  repacks_[where] = true;
  changed = true;
}

Share& Pass::share_on(Service& service, std::size_t where) {
  const auto at = std::find_if(service.shares.begin(), service.shares.end(),
                               [&](const Share& share) { return share.pool == where; });
  if (at != service.shares.end()) return *at;
  const auto next = std::find_if(
      service.shares.begin(), service.shares.end(),
      [&](const Share& share) { return catalogue.rank(share.pool) > catalogue.rank(where); });
  return *service.shares.insert(next, Share{.pool = where, .since = now});
}

// Replicas that were to leave stay where there is still room for them.
std::int64_t Pass::keep_leaving(const Need& need, Share& share, std::int64_t replicas) {
  std::int64_t kept = 0;
  for (std::size_t i = share.leave.size(); i > 0 && kept < replicas; --i) {
    const std::size_t node = share.leave[i - 1];
    if (!room.take_on(node, need)) continue;
    share.bound.push_back({.node = node, .replicas = 1});
    share.leave.erase(share.leave.begin() + static_cast<std::ptrdiff_t>(i - 1));
    ++kept;
  }
  return kept;
}

std::int64_t Pass::grow(Service& service, std::size_t where, std::int64_t replicas) {
  const Need& need = kind(service).need;
  if (replicas <= 0 || room.slots(where, need) == 0) return 0;
  Share& share = share_on(service, where);
  std::int64_t found = keep_leaving(need, share, replicas);
  const std::vector<Bound> taken = room.take(where, need, replicas - found);
  share.taken.insert(share.taken.end(), taken.begin(), taken.end());
  found += count(taken);
  share.replicas += found;
  account(where, service.workload->demand, found);
  changed = true;
  return found;
}

void Pass::shrink(Service& service, std::size_t where, std::int64_t replicas) {
  Share& share = share_on(service, where);
  SPILLWAY_CHECK(share.replicas >= replicas);
  const std::vector<Bound> pending = cut(share.taken, replicas);
  room.release(kind(service).need, pending);
  const std::vector<Bound> leaving = cut(share.bound, replicas - count(pending));
  for (const Bound& at : leaving)
    share.leave.insert(share.leave.end(), static_cast<std::size_t>(at.replicas), at.node);
  room.release(kind(service).need, leaving);
  share.replicas -= replicas;
  account(where, service.workload->demand, -replicas);
  changed = true;
}

void Pass::remove_replica(Service& service, std::size_t where, std::size_t node) {
  Share& share = share_on(service, where);
  if (!cut_at(share.taken, node)) {
    SPILLWAY_CHECK(cut_at(share.bound, node));
    share.leave.push_back(node);
  }
  room.release(kind(service).need, {{.node = node, .replicas = 1}});
  --share.replicas;
  account(where, service.workload->demand, -1);
  changed = true;
}

}  // namespace spillway::plan
