#include "inference.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace spillway::plan {
namespace {

bool settled(const Pass& pass, const Share& share) {
  return pass.past(share.since) + pass.config.min_run <= pass.now;
}

double with_margin(const Pass& pass, double cost) {
  return cost * (1.0 - static_cast<double>(pass.config.move_margin_percent) / 100);
}

bool spot_allowed(const Service& service) {
  return service.workload->spot_percent > 0 &&
         service.workload->demand.tiers.contains(api::Tier::kSpot);
}

double fresh_cost(const Pass& pass, const Offer& offer) {
  return serving_cost(offer.rates, pass.restart_delay());
}

// A replica that serves already has its start behind it.
double held_cost(const Offer& offer) {
  return serving_cost(offer.rates, Hours(0));
}

HourlyRate rate_of_all(const Pass& pass, const Service& service) {
  HourlyRate sum;
  for (const Share& share : service.shares) {
    const Pool& pool = pass.pool(share.pool);
    sum += rate_of(pool.offering.price.upper, pool, service.workload->demand, share.replicas);
  }
  return sum;
}

// Replicas on a tier that have been there long enough to be moved.
std::int64_t movable_on(Pass& pass, const Service& service, api::Tier tier) {
  std::int64_t sum = 0;
  for (const Share& share : service.shares) {
    if (pass.pool(share.pool).tier != tier || share.replicas == 0) continue;
    if (settled(pass, share)) {
      sum += share.replicas;
    } else {
      pass.wake.consider(pass.past(share.since) + pass.config.min_run);
    }
  }
  return sum;
}

struct Ask {
  api::Tier tier = api::Tier::kOnDemand;
  double limit = kInfinite;  // only offerings that cost less
  bool replaces =
      false;  // the replicas come from a dearer place: the rate limit is not tested against both
  std::optional<std::size_t> besides;  // not this pool
};

// The cheapest bought offering of a tier with room. Among near-equal ones spot goes where the
// service has least, zone before pool, so that one zone's bad hour leaves most of it serving;
// on-demand stays together.
const Offer* best_offer(Pass& pass, const Service& service, const Ask& ask) {
  const DemandKind& kind = pass.kind(service);
  const bool any_known = !kind.bought.empty() && kind.bought.front().price_known;
  const double near = 1.0 + static_cast<double>(pass.config.near_equal_percent) / 100;
  double bar = ask.limit;
  pass.candidates.clear();
  for (const Offer& offer : kind.bought) {
    if (offer.floor > bar || (any_known && !offer.price_known)) break;
    if (offer.tier != ask.tier || pass.stocked_out(offer.pool) || offer.pool == ask.besides)
      continue;
    const double cost = fresh_cost(pass, offer);
    if (cost >= ask.limit || std::isinf(cost) || pass.room.slots(offer.pool, kind.need) == 0)
      continue;
    if (!ask.replaces && affordable(pass, service, offer, 1) == 0) continue;
    pass.candidates.push_back({.offer = &offer, .cost = cost});
    bar = std::min(bar, cost * near);
  }
  if (pass.candidates.empty()) return nullptr;
  const auto in_zone = [&](std::size_t pool) {
    std::int64_t sum = 0;
    for (const Share& share : service.shares) {
      const bool same = pass.pool(share.pool).tier == api::Tier::kSpot &&
                        pass.exposure.zone_of(share.pool) == pass.exposure.zone_of(pool);
      sum += same ? share.replicas : 0;
    }
    return sum;
  };
  const auto order = [&](const Choice& choice) {
    const std::size_t pool = choice.offer->pool;
    const Share* share = service.find(pool);
    const std::int64_t here = share != nullptr ? share->replicas : 0;
    const bool spreads = ask.tier == api::Tier::kSpot;
    return std::tuple(spreads ? in_zone(pool) : 0, spreads ? here : -here,
                      -choice.offer->rates.fresh_life.count(), pass.exposure.in_zone_of(pool),
                      pass.exposure.in_pool(pool), choice.offer->preference,
                      pass.catalogue.rank(pool));
  };
  double lowest = kInfinite;
  for (const Choice& choice : pass.candidates)
    lowest = std::min(lowest, choice.cost);
  std::erase_if(pass.candidates, [&](const Choice& choice) { return choice.cost > lowest * near; });
  return std::min_element(pass.candidates.begin(), pass.candidates.end(),
                          [&](const Choice& a, const Choice& b) { return order(a) < order(b); })
      ->offer;
}

// Adds up to `wanted` replicas; returns how many found room.
std::int64_t add(Pass& pass, Service& service, const Ask& ask, std::int64_t wanted) {
  std::int64_t added = 0;
  while (added < wanted) {
    const Offer* offer = best_offer(pass, service, ask);
    if (offer == nullptr) break;
    const std::int64_t left =
        ask.replaces ? wanted - added : affordable(pass, service, *offer, wanted - added);
    const std::int64_t took =
        pass.grow(service, offer->pool, ask.tier == api::Tier::kSpot ? 1 : left);
    if (took == 0) break;
    added += took;
  }
  return added;
}

std::int64_t add_reserved(Pass& pass, Service& service, std::int64_t wanted) {
  std::int64_t added = 0;
  for (const Offer& offer : pass.kind(service).reserved) {
    if (pass.stocked_out(offer.pool)) continue;
    const std::int64_t more = affordable(pass, service, offer, wanted - added);
    if (more > 0) added += pass.grow(service, offer.pool, more);
  }
  return added;
}

// Scale-down gives the dearest back first.
void give_back(Pass& pass, Service& service, api::Tier tier, std::int64_t replicas) {
  while (replicas > 0) {
    const Share* dearest = nullptr;
    const auto order = [&](const Share& share) {
      const Offer* offer = pass.kind(service).find(share.pool);
      return std::tuple(offer != nullptr ? held_cost(*offer) : kInfinite,
                        pass.catalogue.rank(share.pool));
    };
    for (const Share& share : service.shares) {
      if (pass.pool(share.pool).tier != tier || share.replicas == 0) continue;
      if (dearest == nullptr || order(share) > order(*dearest)) dearest = &share;
    }
    if (dearest == nullptr) return;
    const std::int64_t here = std::min(replicas, dearest->replicas);
    pass.shrink(service, dearest->pool, here);
    replicas -= here;
  }
}

// What the cheapest on-demand offering with room costs; spot that is not cheaper is not worth its
// interruptions.
double on_demand_cost(Pass& pass, const Service& service) {
  double lowest = kInfinite;
  for (const Offer& offer : pass.kind(service).bought) {
    if (offer.tier != api::Tier::kOnDemand || !offer.price_known || pass.stocked_out(offer.pool))
      continue;
    const bool held = service.find(offer.pool) != nullptr;
    if (held || pass.room.slots(offer.pool, pass.kind(service).need) > 0)
      lowest = std::min(lowest, fresh_cost(pass, offer));
  }
  return lowest;
}

struct Counts {
  std::int64_t reserved = 0;
  std::int64_t spot = 0;
  std::int64_t on_demand = 0;
  [[nodiscard]] std::int64_t total() const { return reserved + spot + on_demand; }
};

Counts counts_of(const Pass& pass, const Service& service) {
  return {.reserved = service.on(api::Tier::kReserved, pass.snapshot),
          .spot = service.on(api::Tier::kSpot, pass.snapshot),
          .on_demand = service.on(api::Tier::kOnDemand, pass.snapshot)};
}

// Spot up to its target: new replicas where it is cheaper than on-demand, and those that on-demand
// (or reserved capacity beyond its part) stood in for, where that is a gain beyond the margin.
std::int64_t fill_spot(Pass& pass, Service& service, const Counts& has, std::int64_t target) {
  const std::int64_t kept = std::min(has.spot, target);
  if (kept == target) return kept;
  const double on_demand = on_demand_cost(pass, service);
  const std::int64_t wanted = service.workload->demand.replicas;
  const std::int64_t fresh = std::clamp<std::int64_t>(wanted - has.total(), 0, target - kept);
  std::int64_t got =
      kept + add(pass, service, {.tier = api::Tier::kSpot, .limit = on_demand}, fresh);
  const std::int64_t standing_in =
      movable_on(pass, service, api::Tier::kOnDemand) +
      std::min(movable_on(pass, service, api::Tier::kReserved),
               std::max<std::int64_t>(has.reserved - (wanted - target), 0));
  const Ask back{.tier = api::Tier::kSpot, .limit = with_margin(pass, on_demand), .replaces = true};
  return got + add(pass, service, back, std::min(target - got, standing_in));
}

// Brings the service to its composition. Everything new is found before anything old is given back.
void compose(Pass& pass, Service& service) {
  const Counts has = counts_of(pass, service);
  const std::int64_t wanted = service.workload->demand.replicas;
  const std::int64_t target = spot_target(service);
  const std::int64_t spot = fill_spot(pass, service, has, target);
  std::int64_t reserved = std::min(has.reserved, wanted - target);
  const std::int64_t gap = wanted - reserved - spot;
  const std::int64_t on_demand_kept = std::min(has.on_demand, gap);
  const std::int64_t on_demand =
      on_demand_kept + add(pass, service, {.tier = api::Tier::kOnDemand}, gap - on_demand_kept);
  // Where on-demand is not to be had either, whatever the service may use will do: what it holds
  // first, then free room.
  std::int64_t missing = gap - on_demand;
  const std::int64_t reserved_held = std::min(missing, has.reserved - reserved);
  missing -= reserved_held;
  const std::int64_t reserved_added = add_reserved(pass, service, missing);
  missing -= reserved_added;
  const std::int64_t spot_held = std::min(missing, has.spot - std::min(has.spot, target));
  missing -= spot_held;
  const std::int64_t spot_added =
      spot_allowed(service) ? add(pass, service, {.tier = api::Tier::kSpot}, missing) : 0;
  reserved += reserved_held + reserved_added;
  service.spot_missing = target - spot;
  const Counts now = counts_of(pass, service);
  give_back(pass, service, api::Tier::kOnDemand, now.on_demand - on_demand);
  give_back(pass, service, api::Tier::kSpot, now.spot - (spot + spot_held + spot_added));
  give_back(pass, service, api::Tier::kReserved, now.reserved - reserved);
}

// Where a replica of the share would be better off within its tier.
const Offer* better_offer(Pass& pass, const Service& service, const Share& share) {
  const Offer* offer = pass.kind(service).find(share.pool);
  if (offer == nullptr || offer->tier == api::Tier::kReserved || !offer->price_known)
    return nullptr;
  const double limit = with_margin(pass, held_cost(*offer));
  return best_offer(pass, service,
                    {.tier = offer->tier, .limit = limit, .replaces = true, .besides = share.pool});
}

void follow_prices(Pass& pass, Service& service) {
  std::vector<std::size_t> pools;
  pools.reserve(service.shares.size());
  for (const Share& share : service.shares)
    pools.push_back(share.pool);
  for (const std::size_t pool : pools) {
    for (const Share* share = service.find(pool); share != nullptr; share = service.find(pool)) {
      const Offer* better = better_offer(pass, service, *share);
      if (better == nullptr) break;
      if (!settled(pass, *share)) {
        pass.wake.consider(pass.past(share->since) + pass.config.min_run);
        break;
      }
      if (pass.grow(service, better->pool, 1) == 0) break;
      pass.shrink(service, pool, 1);
    }
  }
}

}  // namespace

std::int64_t spot_target(const Service& service) {
  if (!spot_allowed(service)) return 0;
  const InferenceWorkload& workload = *service.workload;
  const std::int64_t wanted = std::max<std::int64_t>(workload.demand.replicas, 0);
  const std::int64_t baseline = std::clamp<std::int64_t>(workload.baseline, 0, wanted);
  return (wanted - baseline) * std::clamp<std::int64_t>(workload.spot_percent, 0, 100) / 100;
}

std::int64_t reserved_wanted(Pass& pass, const Service& service) {
  const Counts has = counts_of(pass, service);
  const std::int64_t wanted = service.workload->demand.replicas;
  const std::int64_t open = wanted - spot_target(service) - has.reserved;
  if (open <= 0) return 0;
  const std::int64_t fresh = std::max<std::int64_t>(wanted - has.total(), 0);
  if (fresh >= open) return open;
  const std::int64_t too_much_spot = std::max<std::int64_t>(has.spot - spot_target(service), 0);
  return std::min(open, fresh + movable_on(pass, service, api::Tier::kOnDemand) +
                            std::min(too_much_spot, movable_on(pass, service, api::Tier::kSpot)));
}

std::int64_t affordable(const Pass& pass, const Service& service, const Offer& offer,
                        std::int64_t wanted) {
  const Demand& demand = service.workload->demand;
  if (!demand.max_rate || wanted <= 0) return std::max<std::int64_t>(wanted, 0);
  const Pool& pool = pass.pool(offer.pool);
  if (!price_known(pool)) return 0;
  const HourlyRate each = rate_of(pool.offering.price.upper, pool, demand, 1);
  const HourlyRate spent = rate_of_all(pass, service);
  if (spent >= *demand.max_rate) return 0;
  const Money left = (*demand.max_rate - spent).per_hour();
  return each.per_hour().micros() <= 0 ? wanted
                                       : std::min(wanted, left.micros() / each.per_hour().micros());
}

double serving_cost_elsewhere(Pass& pass, const Service& service) {
  const double on_demand = on_demand_cost(pass, service);
  if (!std::isinf(on_demand) || !spot_allowed(service)) return on_demand;
  const Offer* spot = best_offer(pass, service, {.tier = api::Tier::kSpot});
  return spot != nullptr && spot->price_known ? fresh_cost(pass, *spot) : kInfinite;
}

bool wants_turn(Pass& pass, const Service& service) {
  if (service.workload->terminating) return false;
  const Counts has = counts_of(pass, service);
  const std::int64_t target = spot_target(service);
  if (has.total() != service.workload->demand.replicas || has.spot != target) return true;
  if (has.reserved > service.workload->demand.replicas - target) return true;
  return std::any_of(service.shares.begin(), service.shares.end(), [&](const Share& share) {
    return share.replicas > 0 && better_offer(pass, service, share) != nullptr;
  });
}

void settle(Pass& pass, Service& service) {
  compose(pass, service);
  follow_prices(pass, service);
}

}  // namespace spillway::plan
