#include "verdict.h"
#include "sleep.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "draining.h"
#include "inference.h"
#include "inference_offers.h"
#include "leaving.h"
#include "spot_jobs.h"
#include "training.h"

namespace spillway::plan {
namespace {

constexpr std::size_t kMaxAlternatives = 5;

// Why an attempt ended outweighs why the next one is where it is; a move has only the latter.
std::optional<Cause> cause_of_end(const Job& job) {
  const bool moved = job.ended == Cause::kPriceMove || job.ended == Cause::kDeadline;
  return moved ? std::nullopt : job.ended;
}

bool cheaper(const Pass& pass, const Alternative& a, const Alternative& b) {
  return std::tuple(a.dollars_per_useful_hour, pass.catalogue.rank(a.pool)) <
         std::tuple(b.dollars_per_useful_hour, pass.catalogue.rank(b.pool));
}

// The cheapest offerings besides those that are `taken`. `cost` is per replica and useful hour;
// `why` says what excludes an offering. Offers come by their lower bound, so the scan ends when the
// list is full of cheaper ones.
template <class Taken, class Cost, class Why>
std::vector<Alternative> alternatives_of(const Pass& pass, const DemandKind& kind,
                                         const Demand& demand, const Taken& taken, const Cost& cost,
                                         const Why& why) {
  std::vector<Alternative> list;
  list.reserve(kMaxAlternatives + 1);
  const double replicas = static_cast<double>(demand.replicas);
  const auto consider = [&](const Offer& offer) {
    if (taken(offer)) return;
    const Alternative alternative{.pool = offer.pool,
                                  .dollars_per_useful_hour = cost(offer) * replicas};
    const auto at = std::find_if(list.begin(), list.end(), [&](const Alternative& other) {
      return cheaper(pass, alternative, other);
    });
    if (at == list.end() && list.size() == kMaxAlternatives) return;
    list.insert(at, alternative);
    if (list.size() > kMaxAlternatives) list.pop_back();
  };
  for (const Offer& offer : kind.reserved)
    consider(offer);
  for (const Offer& offer : kind.bought) {
    const bool full = list.size() == kMaxAlternatives;
    if (full && offer.price_known && offer.floor * replicas > list.back().dollars_per_useful_hour)
      break;
    consider(offer);
  }
  for (Alternative& alternative : list) {
    const Pool& pool = pass.pool(alternative.pool);
    alternative.rate = rate_of(pool.offering.price.likely, pool, demand, demand.replicas);
    alternative.excluded = why(*kind.find(alternative.pool));
  }
  return list;
}

class TrainingReport {
 public:
  TrainingReport(Pass& pass, const Job& job)
      : pass_(pass),
        job_(job),
        work_(work_of(pass, job)),
        deadline_(deadline_of(pass, job)),
        patience_(patience_of(pass, job, work_, deadline_)) {}

  std::vector<Alternative> alternatives() {
    const double hours = std::max(work_.total.count(), 1e-9);
    return alternatives_of(
        pass_, pass_.kind(job_), job_.workload->demand,
        [&](const Offer& offer) { return job_.placed() && offer.pool == job_.pool; },
        [&](const Offer& offer) { return cost_from_start(offer.rates, work_.anew()) / hours; },
        [&](const Offer& offer) { return why_not(offer); });
  }

  // Why a job waits: what is nearest to help comes first.
  Cause waiting_cause() {
    bool spot_awaited = false, full = false, limited = false, unpriced = false;
    const auto look = [&](const Offer& offer) {
      const auto why = why_not(offer);
      spot_awaited = spot_awaited || why == Cause::kWaitingForSpot;
      full = full || why == Cause::kNoCapacity;
      limited = limited || why == Cause::kRateLimit;
      unpriced = unpriced || why == Cause::kPriceUnknown;
    };
    const DemandKind& kind = pass_.kind(job_);
    for (const Offer& offer : kind.reserved)
      look(offer);
    // In front of the first with room for one replica all are full: one of them tells it.
    const std::size_t closed = kind.bought.size() - open_offers(pass_, job_).size();
    const bool has_limit = job_.workload->demand.max_rate.has_value();
    for (std::size_t i = 0; i < kind.bought.size() && !spot_awaited; ++i) {
      if (i < closed && full && !has_limit) i = closed;
      if (i < kind.bought.size()) look(kind.bought[i]);
    }
    if (spot_awaited) return Cause::kWaitingForSpot;
    if (unpriced) return Cause::kPriceUnknown;
    if (full) return Cause::kNoCapacity;
    return limited ? Cause::kRateLimit : Cause::kNoEligiblePool;
  }

 private:
  std::optional<Cause> why_not(const Offer& offer) {
    return excluded(pass_, job_, work_, offer, deadline_, patience_);
  }

  Pass& pass_;
  const Job& job_;
  const Work& work_;
  const DeadlineRule& deadline_;
  Patience patience_;
};

Cause keep_cause(const Pass& pass, const Job& job) {
  if (job.workload->earlier_attempt_ending && job.workload->state == AttemptState::kNotCreated)
    return Cause::kEarlierAttemptEnding;
  return pass.pool(job.pool).tier == api::Tier::kReserved ? Cause::kReservedBaseline
                                                          : Cause::kCheapest;
}

// It is to leave and has not saved yet: what was chosen is for afterwards.
void report_saving(Pass& pass, const Job& job, TrainingDecision& decision) {
  decision.verdict = TrainingVerdict::kKeep;
  decision.cause = job.ended.value_or(job.chosen);
  decision.placement = job.workload->placement;
  if (job.placed()) decision.nominated = job.pool;
  if (!job.placed() && job.waiting())
    decision.alternatives = TrainingReport(pass, job).alternatives();
}

void report_placed(Pass& pass, const Job& job, TrainingDecision& decision) {
  const auto& before = job.workload->placement;
  if (job.continues) {
    decision.verdict = TrainingVerdict::kKeep;
    decision.cause = keep_cause(pass, job);
    decision.placement = before;
    return;
  }
  decision.verdict = TrainingVerdict::kPlace;
  decision.cause = cause_of_end(job).value_or(job.chosen);
  const AttemptNumber last =
      std::max(job.workload->last_attempt, before ? before->attempt : AttemptNumber());
  decision.placement =
      TrainingPlacement{.pool = job.pool, .attempt = last + AttemptNumber(1), .since = pass.now};
  decision.alternatives = TrainingReport(pass, job).alternatives();
}

void report_waiting(Pass& pass, const Job& job, TrainingDecision& decision) {
  TrainingReport report(pass, job);
  decision.verdict = job.workload->placement ? TrainingVerdict::kRelease : TrainingVerdict::kWait;
  const auto end = cause_of_end(job);
  decision.cause = end ? *end : report.waiting_cause();
  decision.alternatives = report.alternatives();
}

}  // namespace

namespace {

void report(Pass& pass, const Job& job, TrainingDecision& decision) {
  if (job.saving && job.standing != Job::Standing::kHeld) return report_saving(pass, job, decision);
  switch (job.standing) {
    case Job::Standing::kOut:
      decision.verdict = job.out;
      decision.cause = job.chosen;
      break;
    case Job::Standing::kHeld:
      decision.verdict = job.workload->placement ? TrainingVerdict::kKeep : TrainingVerdict::kWait;
      decision.cause = Cause::kTerminating;
      decision.placement = job.workload->placement;
      break;
    case Job::Standing::kPlaced: report_placed(pass, job, decision); break;
    case Job::Standing::kWaiting: report_waiting(pass, job, decision); break;
  }
}

}  // namespace

TrainingDecision decide_training(Pass& pass, std::size_t index) {
  Job& job = pass.jobs[index];
  TrainingDecision decision{
      .workload = index, .hours = job.hours, .counts_as_user_failure = job.user_failure};
  cancel_what_is_not_wanted(pass, job);
  report(pass, job, decision);
  report_checkpointing(pass, job, decision);
  if (decision.cause == Cause::kDisplaced && job.displaced_by) {
    decision.displaced_by = job.displaced_by->index;
    decision.displaced_by_inference = job.displaced_by->inference;
  }
  return decision;
}

namespace {

std::vector<InferenceShare> shares_of(const Service& service) {
  std::vector<InferenceShare> shares;
  shares.reserve(service.shares.size());
  for (const Share& share : service.shares) {
    if (share.replicas > 0)
      shares.push_back({.pool = share.pool,
                        .replicas = share.replicas,
                        .leave = share.leave,
                        .leaving = share.leaving});
  }
  return shares;
}

bool as_in_force(const Service& service) {
  std::size_t holding = 0;
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    if (allocation.desired <= 0) continue;
    ++holding;
    const Share* share = service.find(allocation.pool);
    if (share == nullptr || share->replicas != allocation.desired ||
        share->leaving != allocation.leaving)
      return false;
  }
  return holding == static_cast<std::size_t>(
                        std::count_if(service.shares.begin(), service.shares.end(),
                                      [](const Share& share) { return share.replicas > 0; }));
}

std::optional<Cause> why_not(Pass& pass, const Service& service, const Offer& offer, double cost) {
  if (std::isinf(cost)) return Cause::kNoEligiblePool;
  if (service.workload->demand.max_rate && !price_known(pass.pool(offer.pool)))
    return Cause::kPriceUnknown;
  const bool room =
      !pass.stocked_out(offer.pool) && pass.room.slots(offer.pool, pass.kind(service).need) > 0;
  if (!room) return Cause::kNoCapacity;
  if (affordable(pass, service, offer, 1) == 0) return Cause::kRateLimit;
  if (offer.tier != api::Tier::kReserved && !offer.price_known) return Cause::kPriceUnknown;
  return std::nullopt;
}

// The first thing worth telling: what is missing, else why it is where it is.
Cause cause_of(Pass& pass, const Service& service, const InferenceDecision& decision,
               const Extras& extras) {
  const std::int64_t unplaced = decision.unplaced;
  const DemandKind& kind = pass.kind(service);
  bool eligible = false, full = false, limited = false, unpriced = false;
  for (const std::vector<Offer>* offers : {&kind.reserved, &kind.bought}) {
    for (const Offer& offer : *offers) {
      if (unplaced == 0) break;
      if (offer.tier == api::Tier::kSpot && !spot_allowed(service)) continue;
      if (offer.tier == api::Tier::kOnDemand && extras.on_demand_open == 0) continue;
      eligible = true;
      const bool room = !pass.stocked_out(offer.pool) && pass.room.slots(offer.pool, kind.need) > 0;
      full = full || !room;
      limited = limited || (room && price_known(pass.pool(offer.pool)));
      unpriced = unpriced || (room && !price_known(pass.pool(offer.pool)));
    }
  }
  if (unplaced > 0 && !eligible) return Cause::kNoEligiblePool;
  if (unplaced > 0 && limited)
    return Cause::kRateLimit;  // there is room at a known price, and it was not taken
  if (unplaced > 0 && unpriced) return Cause::kPriceUnknown;
  if (unplaced > 0) return Cause::kNoCapacity;
  if (extras.spot_missing > 0) return Cause::kSpotUnavailable;
  const bool all_reserved =
      std::all_of(service.shares.begin(), service.shares.end(), [&](const Share& share) {
        return pass.pool(share.pool).tier == api::Tier::kReserved || share.replicas == 0;
      });
  return all_reserved && service.total() > 0 ? Cause::kReservedBaseline : Cause::kCheapest;
}

}  // namespace

InferenceDecision decide_inference(Pass& pass, std::size_t index) {
  const Service& service = pass.services[index];
  const InferenceWorkload& workload = *service.workload;
  InferenceDecision decision{.workload = index,
                             .hours = service.hours,
                             .shares = shares_of(service),
                             .baseline_clamped = workload.baseline > workload.demand.replicas};
  if (workload.terminating) {
    decision.cause = Cause::kTerminating;
    return decision;
  }
  const Extras extras = extras_of(pass, service);
  decision.covering = extras.covering;
  decision.spare = extras.spare;
  decision.spot_missing = extras.spot_missing;
  decision.unprotected = extras.unprotected;
  decision.drains = drains_of(pass, service);
  decision.kept = kept_of(pass, service);
  const std::int64_t placed = service.total() - extras.covering - extras.spare;
  decision.unplaced = std::max<std::int64_t>(workload.demand.replicas - placed, 0);
  decision.cause = cause_of(pass, service, decision, extras);
  if (asleep(service.hours) || service.turn) decision.cause = Cause::kAsleep;
  if (decision.unplaced == 0 && as_in_force(service)) return decision;
  const auto cost = [&](const Offer& offer) {
    return serving_cost(offer.rates, pass.restart_delay());
  };
  decision.alternatives = alternatives_of(
      pass, pass.kind(service), workload.demand,
      [&](const Offer& offer) { return service.find(offer.pool) != nullptr; }, cost,
      [&](const Offer& offer) { return why_not(pass, service, offer, cost(offer)); });
  return decision;
}

namespace {

void consider_job(Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (job.hours) pass.wake.consider(job.hours->next);
  if (!job.waiting() && !job.placed()) return;
  if (job.continues) pass.wake.consider(obeys_notice_at(pass, job));
  const DemandKind& kind = pass.kind(job);
  if (job.continues && workload.state == AttemptState::kStarting) {
    const std::int64_t bound =
        std::accumulate(workload.bound.begin(), workload.bound.end(), std::int64_t{0},
                        [](std::int64_t sum, const Bound& at) { return sum + at.replicas; });
    if (bound < workload.demand.replicas) {
      pass.wake.consider(pass.past(workload.starting_since.value_or(job.placed_at())) +
                         workload.launch_timeout);
    }
  }
  if (!workload.deadline) {
    const bool may_fall_back =
        kind.tiers.contains(api::Tier::kSpot) && kind.tiers.contains(api::Tier::kOnDemand);
    if (job.waiting() && may_fall_back)
      pass.wake.consider(waiting_since(pass, job) + workload.fallback_after);
    return;
  }
  const DeadlineRule& deadline = deadline_of(pass, job);
  const bool bought = job.placed() && pass.pool(job.pool).tier != api::Tier::kReserved;
  if ((job.waiting() || bought) && follows_programme(pass, job))
    pass.wake.consider(next_decision(pass));
  if (bought && workload.checkpointing) pass.wake.consider(deadline.net_closes_at());
  if (job.waiting()) {
    pass.wake.consider(deadline.behind_at());
    for (const double speed : kind.spot_speeds)
      pass.wake.consider(deadline.spot_start_closes_at(speed));
  }
  const Offer* offer = job.placed() ? kind.find(job.pool) : nullptr;
  if (offer == nullptr || offer->tier != api::Tier::kSpot || job.running()) return;
  // A late start: from this instant on the attempt would not end before the net closes.
  if (const auto net = deadline.net_closes_at()) {
    pass.wake.consider(*net - time_for(work_of(pass, job).total, *offer) + Duration(1));
  }
}

void consider_service(Pass& pass, const Service& service) {
  if (service.hours) pass.wake.consider(service.hours->next);
  pass.wake.consider(service.turn);
  if (service.workload->terminating) return;
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    for (const Instant bound_at : allocation.loading)
      pass.wake.consider(ill_from(pass, bound_at));
    if (allocation.ready >= allocation.desired || service.find(allocation.pool) == nullptr)
      continue;
    pass.wake.consider(pass.past(allocation.starting_since) + service.workload->launch_timeout);
  }
}

}  // namespace

void consider_wake(Pass& pass) {
  for (const Job& job : pass.jobs) {
    consider_job(pass, job);
    consider_checkpointing(pass, job);
  }
  for (const Service& service : pass.services)
    consider_service(pass, service);
  if (pass.jobs.empty() && pass.services.empty()) return;
  for (const Pool& pool : pass.snapshot.pools) {
    if (pool.offering.availability == market::Availability::kStockedOut)
      pass.wake.consider(pool.offering.retry_at);
  }
  for (std::size_t i = 0; i < pass.snapshot.pools.size() && !pass.services.empty(); ++i) {
    if (pass.doubtful(i)) pass.wake.consider(pass.gap_until(i));
  }
  if (!pass.stock_outs.empty()) pass.wake.consider(pass.now + pass.config.stock_out_base);
}

}  // namespace spillway::plan
