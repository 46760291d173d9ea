#include "spot_jobs.h"

#include <algorithm>
#include <cmath>

namespace spillway::plan {
namespace {

// Offers that one decision looks at: the cheapest that have room, then the cheapest others, for
// what a later start will find. Dearer ones would not be taken before them.
constexpr std::size_t kMostOffers = 8;

Instant decision_instant(const Pass& pass) {
  const auto step = pass.config.decision_step.count();
  const auto now = pass.now.time_since_epoch().count();
  const auto rest = ((now % step) + step) % step;
  return Instant(Duration(now - rest));
}

bool within_rate(const Pass& pass, const Job& job, const Offer& offer) {
  const Demand& demand = job.workload->demand;
  if (!demand.max_rate) return true;
  const Pool& pool = pass.pool(offer.pool);
  return rate_of(pool.offering.price.upper, pool, demand, demand.replicas) <= *demand.max_rate;
}

bool serves(const Pass& pass, const Job& job, const Offer& offer) {
  return offer.price_known && offer.slots_when_empty >= job.workload->demand.replicas &&
         within_rate(pass, job, offer);
}

// The on-demand offering that stands behind the job: where it runs, else the cheapest with room,
// else the cheapest.
struct OnDemand {
  const Offer* offer = nullptr;
  bool available = false;
};
OnDemand on_demand_for(Pass& pass, const Job& job) {
  OnDemand found;
  for (const Offer& offer : pass.kind(job).bought) {
    if (offer.tier != api::Tier::kOnDemand || !serves(pass, job, offer)) continue;
    if (job.placed() && job.pool == offer.pool) return {.offer = &offer, .available = true};
    if (found.available) continue;
    const bool room = has_room(pass, job, offer);
    if (found.offer == nullptr || room) found = {.offer = &offer, .available = room};
  }
  return found;
}

class Question {
 public:
  Question(Pass& pass, const Job& job, const Work& work)
      : pass_(pass),
        job_(job),
        work_(work),
        at_(decision_instant(pass)),
        on_demand_(on_demand_for(pass, job)) {}

  SpotAnswer answer() {
    const Offer* here = job_.placed() ? pass_.kind(job_).find(job_.pool) : nullptr;
    const bool on_spot = here != nullptr && here->tier == api::Tier::kSpot;
    if (on_spot && !has_cheaper(*here)) return {};
    collect(here);
    const SpotChoice choice = choose_spot_move(spot_job(here), market_, *pass_.config.programmes);
    switch (choice.move) {
      case SpotMove::kStay:
      case SpotMove::kWait: return {.move = choice.move};
      case SpotMove::kLaunchSpot: return {.move = choice.move, .offer = offers_[choice.offer]};
      case SpotMove::kLaunchOnDemand:
        if (here == on_demand_.offer) return {};
        return {.move = choice.move, .offer = on_demand_.offer};
    }
    return {};
  }

 private:
  // A start on spot leaves running spot only for what costs less an hour.
  bool has_cheaper(const Offer& here) {
    if (here.floor >= on_demand_.offer->floor) return true;
    for (const Offer& offer : pass_.kind(job_).bought) {
      if (!offer.price_known || offer.floor >= here.floor) return false;
      if (serves(pass_, job_, offer) && has_room(pass_, job_, offer)) return true;
    }
    return false;
  }

  void collect(const Offer* here) {
    std::vector<const Offer*> others;
    for (const Offer& offer : pass_.kind(job_).bought) {
      if (!offer.price_known || offer.floor >= on_demand_.offer->floor) break;
      if (offer.tier != api::Tier::kSpot || &offer == here || !serves(pass_, job_, offer)) continue;
      if (offers_.size() >= kMostOffers) break;
      if (has_room(pass_, job_, offer)) {
        add(offer, true);
      } else {
        others.push_back(&offer);
      }
    }
    for (const Offer* offer : others) {
      if (offers_.size() >= kMostOffers) break;
      add(*offer, false);
    }
    if (here != nullptr && here->tier == api::Tier::kSpot) add(*here, true);
    market_.on_demand = price_of(*on_demand_.offer);
    market_.on_demand_available = on_demand_.available;
  }

  void add(const Offer& offer, bool may_launch) {
    offers_.push_back(&offer);
    market_.offers.push_back({.price = price_of(offer),
                              .sight = sight_of(offer),
                              .scale = pass_.pool(offer.pool).hazard,
                              .may_launch = may_launch});
  }

  // Of one replica, for the work that on-demand does in an hour: models differ in speed.
  [[nodiscard]] HourlyRate price_of(const Offer& offer) const {
    const double usd = offer.floor * on_demand_.offer->rates.speed;
    return HourlyRate(Money::micros(std::llround(usd * 1e6)));
  }

  [[nodiscard]] SpotSight sight_of(const Offer& offer) const {
    const Pool& pool = pass_.pool(offer.pool);
    if (pool.seen_state) {
      return {.state = pool.seen_state,
              .age = pool.seen_age,
              .seen_ago = std::max(at_ - pool.seen_at, Duration(0))};
    }
    if (pass_.stocked_out(offer.pool)) return {.state = MarketState::kGap};
    return {};
  }

  [[nodiscard]] SpotJob spot_job(const Offer* here) const {
    const TrainingWorkload& workload = *job_.workload;
    const Checkpointing& checkpointing = *workload.checkpointing;
    const double speed = on_demand_.offer->rates.speed;
    const bool runs = here != nullptr && job_.running();
    SpotJob job;
    job.work_left = std::chrono::ceil<Duration>((runs ? work_.left : work_.total) / speed);
    job.time_left = *workload.deadline - at_;
    job.changeover =
        std::chrono::ceil<Duration>(work_.start + work_.saving.value_or(Saving{}).rework());
    if (here != nullptr && !runs) {
      const Duration passed = std::max(at_ - pass_.past(job_.placed_at()), Duration(0));
      job.changeover_left = std::max(job.changeover - passed, Duration(0));
    }
    job.patience = pass_.config.decision_step;
    // A launch that fails, and what can be unsaved at once.
    job.margin = workload.launch_timeout + checkpointing.interval +
                 checkpointing.save_time.value_or(Duration(0));
    if (here == nullptr) return job;
    job.footing = here->tier == api::Tier::kSpot ? Footing::kSpot : Footing::kOnDemand;
    if (job.footing == Footing::kSpot) job.offer = offers_.size() - 1;
    return job;
  }

  Pass& pass_;
  const Job& job_;
  const Work& work_;
  const Instant at_;
  OnDemand on_demand_;
  SpotMarket market_;
  std::vector<const Offer*> offers_;  // as in market_
};

}  // namespace

bool follows_programme(const Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  const bool asks = pass.config.programmes != nullptr && workload.checkpointing && workload.gang &&
                    workload.deadline && workload.duration &&
                    workload.demand.tiers.contains(api::Tier::kSpot);
  if (!asks) return false;
  const std::vector<Offer>& bought = pass.kind(job).bought;
  return std::any_of(bought.begin(), bought.end(), [&](const Offer& offer) {
    return offer.tier == api::Tier::kOnDemand && serves(pass, job, offer);
  });
}

SpotAnswer ask_programme(Pass& pass, const Job& job, const Work& work) {
  return Question(pass, job, work).answer();
}

Instant next_decision(const Pass& pass) {
  return decision_instant(pass) + pass.config.decision_step;
}

}  // namespace spillway::plan
