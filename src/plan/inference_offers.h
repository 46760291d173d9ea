#pragma once
// Where replicas of a service can be bought, and what they cost there. One replica at a time where
// the choice depends on where the others are.

#include <cstdint>
#include <optional>

#include "pass.h"

namespace spillway::plan {

// The share has been where it is long enough to be moved.
bool settled(const Pass& pass, const Share& share);
double with_margin(const Pass& pass, double cost);
bool spot_allowed(const Service& service);

// Dollars per useful hour of a new replica, and of one that has its start behind it.
double fresh_cost(const Pass& pass, const Offer& offer);
double held_cost(const Offer& offer);

// Replicas on a tier that have been there long enough to be moved; says when more will be.
std::int64_t movable_on(Pass& pass, const Service& service, api::Tier tier);

struct Ask {
  api::Tier tier = api::Tier::kOnDemand;
  double limit = kInfinite;  // only offerings that cost less
  bool replaces =
      false;  // the replicas come from a dearer place: the rate limit is not tested against both
  std::optional<std::size_t> besides;  // not this pool
};

// The cheapest bought offering of a tier with room; null when there is none. A pool that is
// doubted (doubt.h) is named only where no other will do, and never to move there.
const Offer* best_offer(Pass& pass, const Service& service, const Ask& ask);

// Adds up to `wanted` replicas; returns how many found room.
std::int64_t add(Pass& pass, Service& service, const Ask& ask, std::int64_t wanted);
std::int64_t add_reserved(Pass& pass, Service& service, std::int64_t wanted);
// The dearest first.
void give_back(Pass& pass, Service& service, api::Tier tier, std::int64_t replicas);

// What the cheapest on-demand offering with room costs; spot that is not cheaper is not worth its
// interruptions.
double on_demand_cost(Pass& pass, const Service& service);

// Where a replica of the share would be better off within its tier.
const Offer* better_offer(Pass& pass, const Service& service, const Share& share);

// Of `wanted` replicas, how many the rate limit still allows on the offering.
std::int64_t affordable(const Pass& pass, const Service& service, const Offer& offer,
                        std::int64_t wanted);

}  // namespace spillway::plan
