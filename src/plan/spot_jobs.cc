#include "spot_jobs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spillway::plan {
namespace {

// Offers that one market looks at: the cheapest that have room or are not there now, for what a
// later start will find. Dearer ones would not be taken before them.
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
  const DemandKind& kind = pass.kind(job);
  for (const std::size_t at : kind.on_demand) {
    const Offer& offer = kind.bought[at];
    if (!serves(pass, job, offer)) continue;
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
        here_(job.placed() ? pass.kind(job).find(job.pool) : nullptr),
        on_demand_(on_demand_for(pass, job)) {}

  SpotAnswer answer() {
    const bool on_spot = here_ != nullptr && here_->tier == api::Tier::kSpot;
    if (on_spot && !has_cheaper()) return {};
    const SpotMarketCache::Entry& entry = market();
    SpotMarketCache::Memo asked{.market = entry.id, .footing = footing()};
    for (std::size_t i = 0; i < entry.offers.size(); ++i) {
      if (entry.offers[i].may_launch && !has_room(pass_, job_, *entry.offers[i].offer))
        asked.closed |= std::uint32_t{1} << i;
    }
    SpotMarketCache::Memo& known =
        pass_.spot_markets.memo(static_cast<std::size_t>(&job_ - pass_.jobs.data()));
    const bool same = known.market == asked.market && known.closed == asked.closed &&
                      known.footing == asked.footing;
    if (!same) {
      asked.answer = answer_of(
          entry.view->choose(spot_job(), closed(asked.closed, entry.offers.size())), entry);
      known = asked;
    }
    return known.answer;
  }

 private:
  static std::vector<bool> closed(std::uint32_t bits, std::size_t offers) {
    if (bits == 0) return {};  // none
    std::vector<bool> closed(offers);
    for (std::size_t i = 0; i < offers; ++i)
      closed[i] = (bits >> i & 1U) != 0;
    return closed;
  }

  [[nodiscard]] SpotAnswer answer_of(const SpotChoice& choice,
                                     const SpotMarketCache::Entry& entry) const {
    switch (choice.move) {
      case SpotMove::kStay:
      case SpotMove::kWait: return {.move = choice.move};
      case SpotMove::kLaunchSpot:
        return {.move = choice.move, .offer = entry.offers[choice.offer].offer};
      case SpotMove::kLaunchOnDemand:
        if (here_ == on_demand_.offer) return {};
        return {.move = choice.move, .offer = on_demand_.offer};
    }
    return {};
  }

  [[nodiscard]] Footing footing() const {
    if (here_ == nullptr) return Footing::kNothing;
    return here_->tier == api::Tier::kSpot ? Footing::kSpot : Footing::kOnDemand;
  }

  // Running spot is left only for what costs less an hour.
  bool has_cheaper() {
    if (here_->floor >= on_demand_.offer->floor) return true;
    for (const Offer& offer : open_offers(pass_, job_)) {
      if (!offer.price_known || offer.floor >= here_->floor) return false;
      if (serves(pass_, job_, offer) && has_room(pass_, job_, offer)) return true;
    }
    return false;
  }

  // Jobs of one kind and size share a market, as they do who run in the same pool.
  SpotMarketCache::Entry& market() {
    const bool on_spot = here_ != nullptr && here_->tier == api::Tier::kSpot;
    const SpotMarketCache::Key key{
        .kind = job_.kind,
        .replicas = job_.workload->demand.replicas,
        .max_rate = job_.workload->demand.max_rate.value_or(HourlyRate()),
        .changeover = changeover(),
        .on_demand = on_demand_.offer->pool,
        .on_demand_available = on_demand_.available,
        .spot = on_spot ? here_->pool : std::numeric_limits<std::size_t>::max()};
    SpotMarketCache::Entry& entry = pass_.spot_markets.at(key);
    if (entry.view && entry.round == pass_.spot_markets.round()) return entry;
    std::vector<SpotMarketCache::Listed> offers = list(on_spot);
    entry.round = pass_.spot_markets.round();
    if (!entry.view || offers != entry.offers) prepare(entry, std::move(offers));
    return entry;
  }

  std::vector<SpotMarketCache::Listed> list(bool on_spot) {
    std::vector<SpotMarketCache::Listed> offers;
    if (on_spot) offers.push_back({.offer = here_, .may_launch = true});
    for (const Offer& offer : pass_.kind(job_).bought) {
      if (!offer.price_known || offer.floor >= on_demand_.offer->floor) break;
      if (offers.size() >= kMostOffers) break;
      const bool listed = on_spot && &offer == here_;
      if (offer.tier != api::Tier::kSpot || listed || !serves(pass_, job_, offer)) continue;
      const bool room = has_room(pass_, job_, offer);
      // A pool that is full of others' work may stay so: nothing is expected of it.
      const bool is_gone =
          pass_.stocked_out(offer.pool) || pass_.pool(offer.pool).seen_state == MarketState::kGap;
      if (room || is_gone) offers.push_back({.offer = &offer, .may_launch = room});
    }
    return offers;
  }

  void prepare(SpotMarketCache::Entry& entry, std::vector<SpotMarketCache::Listed> offers) {
    SpotMarket market{.on_demand = price_of(*on_demand_.offer),
                      .on_demand_available = on_demand_.available};
    for (const SpotMarketCache::Listed& listed : offers) {
      market.offers.push_back({.price = price_of(*listed.offer),
                               .sight = sight_of(*listed.offer),
                               .scale = pass_.pool(listed.offer->pool).hazard,
                               .may_launch = listed.may_launch});
    }
    entry.offers = std::move(offers);
    entry.id = pass_.spot_markets.next_id();
    entry.view.emplace(std::move(market), changeover(), *pass_.config.programmes);
  }

  [[nodiscard]] Duration changeover() const {
    return std::chrono::ceil<Duration>(work_.start + work_.saving.value_or(Saving{}).rework());
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

  [[nodiscard]] SpotJob spot_job() const {
    const TrainingWorkload& workload = *job_.workload;
    const Checkpointing& checkpointing = *workload.checkpointing;
    const double speed = on_demand_.offer->rates.speed;
    const bool runs = here_ != nullptr && job_.running();
    SpotJob job;
    // An estimate that is used up does not make a job done: something is left of it.
    job.work_left = std::max(std::chrono::ceil<Duration>((runs ? work_.left : work_.total) / speed),
                             pass_.config.decision_step);
    job.time_left = *workload.deadline - at_;
    job.changeover = changeover();
    if (here_ != nullptr && !runs) {
      const Duration passed = std::max(at_ - pass_.past(job_.placed_at()), Duration(0));
      job.changeover_left = std::max(job.changeover - passed, Duration(0));
    }
    job.patience = pass_.config.decision_step;
    job.refused_after = workload.launch_timeout;
    // A launch that fails, and what can be unsaved at once.
    job.margin = workload.launch_timeout + checkpointing.interval +
                 checkpointing.save_time.value_or(Duration(0));
    job.footing = footing();
    job.offer = 0;  // where it runs comes first in its market
    return job;
  }

  Pass& pass_;
  const Job& job_;
  const Work& work_;
  const Instant at_;
  const Offer* here_;
  OnDemand on_demand_;
};

}  // namespace

bool follows_programme(const Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  const bool asks = pass.config.programmes != nullptr && workload.checkpointing && workload.gang &&
                    workload.deadline && workload.duration &&
                    workload.demand.tiers.contains(api::Tier::kSpot);
  if (!asks) return false;
  const DemandKind& kind = pass.kind(job);
  return std::any_of(kind.on_demand.begin(), kind.on_demand.end(),
                     [&](std::size_t at) { return serves(pass, job, kind.bought[at]); });
}

SpotAnswer ask_programme(Pass& pass, const Job& job, const Work& work) {
  return Question(pass, job, work).answer();
}

Instant next_decision(const Pass& pass) {
  return decision_instant(pass) + pass.config.decision_step;
}

}  // namespace spillway::plan
