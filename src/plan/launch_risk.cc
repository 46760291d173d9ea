#include "launch_risk.h"

#include <algorithm>

#include "doubt.h"
#include "training.h"

namespace spillway::plan {

double LaunchRisk::worth_of_an_hour() {
  if (worth_) return *worth_;
  const Demand& demand = job_.workload->demand;
  worth_ = 0;
  for (const Offer& offer : pass_.kind(job_).bought) {
    if (!offer.price_known || offer.slots_when_empty < demand.replicas) continue;
    if (over_limit(pass_, demand, offer)) continue;
    worth_ = offer.floor;
    if (offer.tier == api::Tier::kOnDemand) break;
  }
  return *worth_;
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
  if (offer.tier != api::Tier::kSpot || !offer.price_known) return 0;
  const double chance =
      chance_of_launch(pass_.pool(offer.pool), pass_.now, job_.workload->launch_timeout);
  if (chance >= 1) return 0;
  const Hours needed(cost / offer.rates.usd);
  const double stays = std::max(needed / offer.rates.fresh_life, 1.0);
  return cost_of_refusal(offer) * (1 - chance) / chance * stays;
}

bool LaunchRisk::is_worth_a_try(const Offer& offer) {
  if (gives_up_ == nullptr) return true;
  const Stake stake{.saving = gives_up_->floor - offer.floor,
                    .start = cost_of_start(),
                    .refusal = cost_of_refusal(offer)};
  const Instant at = worth_a_try_at(pass_.pool(offer.pool), stake, job_.workload->launch_timeout);
  pass_.wake.consider(at);  // nothing, where that is past
  return at <= pass_.now;
}

}  // namespace spillway::plan
