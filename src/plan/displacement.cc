#include "displacement.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "inference.h"
#include "training.h"

namespace spillway::plan {
namespace {

double per_accelerator(double dollars, const Demand& demand) {
  return dollars /
         static_cast<double>(std::max<std::int64_t>(demand.per_replica.accelerators.value(), 1));
}

// The least that the job would have to pay elsewhere, from scratch. Deadlines count, patience does
// not: it is about worth.
double cost_elsewhere(Pass& pass, const Job& job, const Work& work) {
  const DeadlineRule& deadline = deadline_of(pass, job);
  const auto choice = best_bought(pass, job, work, deadline, {});
  return choice && choice->offer->price_known ? choice->cost : kInfinite;
}

}  // namespace

Claim claim_of(Pass& pass, std::size_t index) {
  const Job& job = pass.jobs[index];
  const Demand& demand = job.workload->demand;
  const Work work = work_of(pass, job);
  // What a placed job pays where it is; what a waiting one would have to pay.
  const double cost = job.placed() ? cost_of_staying(pass, job, work).value_or(kInfinite)
                                   : cost_elsewhere(pass, job, work);
  const double hours = std::max((job.placed() ? work.left : work.total).count(), 1e-9);
  return {.beneficiary = {.index = index},
          .priority = demand.priority,
          .value = per_accelerator(cost / hours, demand),
          .accelerators = demand.per_replica.accelerators.value(),
          .created_at = job.workload->created_at};
}

Claim claim_of_short(Pass& pass, std::size_t index) {
  const Job& job = pass.jobs[index];
  const Demand& demand = job.workload->demand;
  const Work work = work_of(pass, job);
  const double hours = std::max(work.total.count(), 1e-9);
  return {.beneficiary = {.index = index},
          .priority = demand.priority,
          .value = per_accelerator(cost_elsewhere(pass, job, work) / hours, demand),
          .accelerators = demand.per_replica.accelerators.value(),
          .created_at = job.workload->created_at};
}

Claim claim_of_service(Pass& pass, std::size_t index) {
  const Service& service = pass.services[index];
  const Demand& demand = service.workload->demand;
  return {.beneficiary = {.index = index, .inference = true},
          .priority = demand.priority,
          .value = per_accelerator(serving_cost_elsewhere(pass, service), demand),
          .accelerators = demand.per_replica.accelerators.value(),
          .created_at = service.workload->created_at};
}

// Between workloads of one priority what a slot is worth decides, and whoever has it has the move
// margin:
//   - a service takes from training what is worth more to it, rework or not: training soaks up what
//   services leave idle;
//     of two that have no alternative the service has the slot;
//   - a job takes from another job only what is worth more than all that the other would lose. A
//   job that merely refuses
//     every other tier claims no more than the on-demand price: refusing spot is no way to win the
//     baseline;
//   - a job never takes from a service.
bool Incumbents::outranks(const Claim& claim, const Incumbent& incumbent, std::size_t where) const {
  if (claim.beneficiary.inference == incumbent.holder.inference &&
      claim.beneficiary.index == incumbent.holder.index)
    return false;
  if (claim.priority != incumbent.priority) return claim.priority > incumbent.priority;
  if (incumbent.protected_by_deadline) return false;
  if (claim.beneficiary.inference) {
    const bool both_stuck = std::isinf(claim.value) && std::isinf(incumbent.value);
    return both_stuck ? !incumbent.holder.inference : claim.value > incumbent.value * margin();
  }
  if (incumbent.holder.inference) return false;
  return value_here(claim, where) > incumbent.value_with_rework * margin();
}

double Incumbents::margin() const {
  return 1.0 + static_cast<double>(pass_.config.move_margin_percent) / 100;
}

// What a job claims against another: at most the on-demand price when it has no alternative.
double Incumbents::value_here(const Claim& claim, std::size_t where) const {
  if (!std::isinf(claim.value)) return claim.value;
  const Pool& pool = pass_.pool(where);
  const double accelerators =
      static_cast<double>(std::max<std::int64_t>(pool.accelerators_per_node.value(), 1));
  return pool.offering.on_demand.approximate_dollars() / accelerators;
}

void Incumbents::add_job(std::vector<Incumbent>& list, std::size_t index) {
  const Job& job = pass_.jobs[index];
  const Work work = work_of(pass_, job);
  const double cost = cost_elsewhere(pass_, job, work);
  const DeadlineRule& deadline = deadline_of(pass_, job);
  const double left = work.left.count();
  list.push_back(
      {.holder = {.index = index},
       .priority = job.workload->demand.priority,
       .value = per_accelerator(cost / std::max(work.total.count(), 1e-9), job.workload->demand),
       .value_with_rework =
           left > 0 ? per_accelerator(cost / left, job.workload->demand) : kInfinite,
       .protected_by_deadline = !deadline.survives_restart()});
}

void Incumbents::add_service(std::vector<Incumbent>& list, std::size_t index, std::size_t pool) {
  const Service& service = pass_.services[index];
  const Share* share = service.find(pool);
  if (share == nullptr) return;
  const Claim claim = claim_of_service(pass_, index);
  // Nodes with few of its replicas are emptied first: that frees a whole node for the fewest.
  std::vector<Bound> held = share->taken;
  held.insert(held.end(), share->bound.begin(), share->bound.end());
  std::sort(held.begin(), held.end(), [&](const Bound& a, const Bound& b) {
    return std::tuple(a.replicas, pass_.room.rank(a.node)) <
           std::tuple(b.replicas, pass_.room.rank(b.node));
  });
  for (const Bound& at : held) {
    Incumbent replica{.holder = claim.beneficiary,
                      .node = at.node,
                      .priority = claim.priority,
                      .value = claim.value,
                      .value_with_rework = claim.value};
    for (std::int64_t i = 0; i < at.replicas; ++i) {
      replica.position = list.size();
      list.push_back(replica);
    }
  }
}

const std::vector<Beneficiary>& Incumbents::holders(std::size_t pool) {
  if (!holders_.empty()) return holders_[pool];
  holders_.resize(pass_.snapshot.pools.size());
  for (std::size_t i = 0; i < pass_.jobs.size(); ++i) {
    if (pass_.jobs[i].placed()) holders_[pass_.jobs[i].pool].push_back({.index = i});
  }
  for (std::size_t i = 0; i < pass_.services.size(); ++i) {
    if (pass_.services[i].workload->terminating) continue;
    for (const Share& share : pass_.services[i].shares)
      holders_[share.pool].push_back({.index = i, .inference = true});
  }
  return holders_[pool];
}

void Incumbents::joined(std::size_t pool, const Beneficiary& holder) {
  if (holders_.empty()) return;  // not listed yet
  std::vector<Beneficiary>& list = holders_[pool];
  const bool listed = std::any_of(list.begin(), list.end(), [&](const Beneficiary& other) {
    return other.index == holder.index && other.inference == holder.inference;
  });
  if (!listed) list.push_back(holder);
}

const Incumbents::OnPool& Incumbents::on(std::size_t pool) {
  if (known_[pool]) return *known_[pool];
  known_[pool] = std::make_unique<OnPool>();
  std::vector<Incumbent>& list = known_[pool]->list;
  for (const Beneficiary& holder : holders(pool)) {
    if (holder.inference) {
      add_service(list, holder.index, pool);
    } else if (pass_.jobs[holder.index].placed() && pass_.jobs[holder.index].pool == pool) {
      add_job(list, holder.index);
    }
  }
  // Lowest rank first: whoever loses least, so a job that has just saved goes before one that has
  // not; of equals the youngest workload first.
  std::sort(list.begin(), list.end(), [&](const Incumbent& a, const Incumbent& b) {
    const auto rank = [](const Incumbent& x) {
      return std::tuple(x.priority, x.value_with_rework, x.value, x.holder.inference);
    };
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a.holder.index == b.holder.index) return a.position < b.position;
    if (a.holder.inference)
      return goes_first(pass_.services[b.holder.index], pass_.services[a.holder.index]);
    return goes_first(pass_.jobs[b.holder.index], pass_.jobs[a.holder.index]);
  });
  OnPool& there = *known_[pool];
  for (const Incumbent& incumbent : list) {
    if (incumbent.protected_by_deadline || incumbent.priority != list.front().priority) continue;
    there.least_value = std::min(there.least_value, incumbent.value);
    if (incumbent.holder.inference) continue;
    there.least_value_with_rework =
        std::min(there.least_value_with_rework, incumbent.value_with_rework);
    there.has_stuck_job = there.has_stuck_job || std::isinf(incumbent.value);
  }
  return there;
}

bool Incumbents::yield_to(const Claim& claim, std::size_t pool) {
  const OnPool& there = on(pool);
  if (there.list.empty() || claim.priority < there.list.front().priority) return false;
  if (claim.priority > there.list.front().priority) return true;
  if (!claim.beneficiary.inference)
    return value_here(claim, pool) > there.least_value_with_rework * margin();
  return claim.value > there.least_value * margin() ||
         (std::isinf(claim.value) && there.has_stuck_job);
}

// Tries what it would be like without (or again with) an incumbent.
void Incumbents::move_out(const Incumbent& incumbent, bool out) {
  const auto apply = [&](const Need& need, const std::vector<Bound>& held) {
    out ? pass_.room.release(need, held) : pass_.room.occupy(need, held);
  };
  if (incumbent.holder.inference) {
    const Service& service = pass_.services[incumbent.holder.index];
    return apply(pass_.kind(service).need, {{.node = incumbent.node, .replicas = 1}});
  }
  const Job& job = pass_.jobs[incumbent.holder.index];
  apply(pass_.kind(job).need, job.taken);
  if (job.continues) apply(pass_.kind(job).need, job.workload->bound);
}

std::optional<Displacement> Incumbents::find(const Claim& claim, std::size_t pool, const Need& need,
                                             std::int64_t wanted, std::int64_t enough) {
  if (!yield_to(claim, pool)) return std::nullopt;
  Room& room = pass_.room;
  const std::int64_t free = room.slots(pool, need);
  Displacement result{.pool = pool, .slots = free};
  for (const Incumbent& incumbent : on(pool).list) {
    if (result.slots >= wanted) break;
    if (!outranks(claim, incumbent, pool)) continue;
    move_out(incumbent, true);
    result.victims.push_back(incumbent);
    result.slots = std::min(room.slots(pool, need), wanted);
  }
  // Only as many as needed: the highest of them stay where the room is the same without them.
  for (auto victim = result.victims.rbegin(); victim != result.victims.rend();) {
    move_out(*victim, false);
    if (std::min(room.slots(pool, need), wanted) == result.slots) {
      victim = std::make_reverse_iterator(result.victims.erase(std::next(victim).base()));
    } else {
      move_out(*victim, true);
      ++victim;
    }
  }
  for (const Incumbent& victim : result.victims) {
    move_out(victim, false);
    const Demand& demand = victim.holder.inference
                               ? pass_.services[victim.holder.index].workload->demand
                               : pass_.jobs[victim.holder.index].workload->demand;
    const double replicas = victim.holder.inference ? 1 : static_cast<double>(demand.replicas);
    result.harm +=
        victim.value_with_rework * replicas *
        static_cast<double>(std::max<std::int64_t>(demand.per_replica.accelerators.value(), 1));
  }
  if (result.victims.empty() || result.slots < enough || result.slots <= free) return std::nullopt;
  return result;
}

void Incumbents::displace(const Displacement& displacement, const Beneficiary& beneficiary) {
  for (const Incumbent& victim : displacement.victims) {
    if (victim.holder.inference) {
      Service& service = pass_.services[victim.holder.index];
      pass_.remove_replica(service, displacement.pool, victim.node);
      service.displaced_by = beneficiary;
    } else {
      Job& job = pass_.jobs[victim.holder.index];
      pass_.take_back(job, Cause::kDisplaced);
      job.displaced_by = beneficiary;
    }
  }
  known_[displacement.pool].reset();  // made again for the next claim
}

}  // namespace spillway::plan
