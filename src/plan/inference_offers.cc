#include "inference_offers.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace spillway::plan {
namespace {

HourlyRate rate_of_all(const Pass& pass, const Service& service) {
  HourlyRate sum;
  for (const Share& share : service.shares) {
    const Pool& pool = pass.pool(share.pool);
    sum += rate_of(pool.offering.price.upper, pool, service.workload->demand, share.replicas);
  }
  return sum;
}

// Offerings of the tier with room, those that are cheapest within a few percent among them.
void list_offers(Pass& pass, const Service& service, const Ask& ask, bool doubtful) {
  const DemandKind& kind = pass.kind(service);
  const bool any_known = !kind.bought.empty() && kind.bought.front().price_known;
  const double near = 1.0 + static_cast<double>(pass.config.near_equal_percent) / 100;
  double bar = ask.limit;
  pass.candidates.clear();
  for (const Offer& offer : kind.bought) {
    if (offer.floor > bar || (any_known && !offer.price_known)) break;
    if (offer.tier != ask.tier || pass.stocked_out(offer.pool) || offer.pool == ask.besides ||
        pass.doubtful(offer.pool) != doubtful)
      continue;
    const double cost = fresh_cost(pass, offer);
    if (cost >= ask.limit || std::isinf(cost) || pass.room.slots(offer.pool, kind.need) == 0)
      continue;
    if (!ask.replaces && affordable(pass, service, offer, 1) == 0) continue;
    pass.candidates.push_back({.offer = &offer, .cost = cost});
    bar = std::min(bar, cost * near);
  }
}

// Among near-equal ones spot goes where the service has least, zone before pool, so that one
// zone's bad hour leaves most of it serving; on-demand stays together.
const Offer* first_of(Pass& pass, const Service& service, const Ask& ask) {
  const double near = 1.0 + static_cast<double>(pass.config.near_equal_percent) / 100;
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

}  // namespace

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

double held_cost(const Offer& offer) {
  return serving_cost(offer.rates, Hours(0));
}

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

const Offer* best_offer(Pass& pass, const Service& service, const Ask& ask) {
  list_offers(pass, service, ask, false);
  if (pass.candidates.empty() && !ask.replaces) list_offers(pass, service, ask, true);
  return first_of(pass, service, ask);
}

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

const Offer* better_offer(Pass& pass, const Service& service, const Share& share) {
  const Offer* offer = pass.kind(service).find(share.pool);
  if (offer == nullptr || offer->tier == api::Tier::kReserved || !offer->price_known)
    return nullptr;
  const double limit = with_margin(pass, held_cost(*offer));
  return best_offer(pass, service,
                    {.tier = offer->tier, .limit = limit, .replaces = true, .besides = share.pool});
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

}  // namespace spillway::plan
