#include "launch_risk.h"

#include <algorithm>

#include "training.h"

namespace spillway::plan {

bool LaunchRisk::serves(const Offer& offer) const {
  const Demand& demand = job_.workload->demand;
  return offer.price_known && offer.slots_when_empty >= demand.replicas &&
         !over_limit(pass_, demand, offer);
}

// What is bought is sorted by price.
double LaunchRisk::worth_of_an_hour() {
  if (worth_) return *worth_;
  const DemandKind& kind = pass_.kind(job_);
  for (const std::size_t at : kind.on_demand) {
    if (serves(kind.bought[at])) return worth_.emplace(kind.bought[at].floor);
  }
  for (auto offer = kind.bought.rbegin(); offer != kind.bought.rend(); ++offer) {
    if (serves(*offer)) return worth_.emplace(offer->floor);
  }
  return worth_.emplace(0);
}

// Nothing is done while it starts, and what it could not save is done again.
double LaunchRisk::cost_of_start() {
  const Hours redone = work_.start + work_.age * gives_up_->rates.speed;
  return worth_of_an_hour() * redone.count();
}

double LaunchRisk::cost_of_refusal(const Offer& offer) {
  const Hours timeout(job_.workload->launch_timeout);
  const double paid = gives_up_ != nullptr ? gives_up_->floor : offer.floor;
  const double time = std::max(worth_of_an_hour() - paid, 0.0) * timeout.count();
  return gives_up_ != nullptr ? time + cost_of_start() : time;
}

double LaunchRisk::of(const Offer& offer, double cost) {
  const Doubt* doubt = offer.price_known ? pass_.doubt(offer.pool) : nullptr;
  if (doubt == nullptr) return 0;
  const double chance = pass_.chance_of_launch(offer.pool, job_.workload->launch_timeout);
  if (chance >= 1) return 0;
  const Hours needed(cost / offer.rates.usd);
  const double stays = std::max(needed / offer.rates.fresh_life, 1.0);
  return cost_of_refusal(offer) * (1 - chance) / chance * stays;
}

bool LaunchRisk::is_worth_a_try(const Offer& offer) {
  const Doubt* doubt =
      gives_up_ != nullptr && offer.price_known ? pass_.doubt(offer.pool) : nullptr;
  if (doubt == nullptr) return true;
  const Stake stake{.saving = gives_up_->floor - offer.floor,
                    .start = cost_of_start(),
                    .refusal = cost_of_refusal(offer)};
  // What is likely is reckoned when the pause is over: most are held back by that.
  Instant at = next_try_at(*doubt, stake);
  if (at <= pass_.now) at = worth_a_try_at(*doubt, stake, job_.workload->launch_timeout);
  pass_.wake.consider(at);  // nothing, where that is past
  return at <= pass_.now;
}

}  // namespace spillway::plan
