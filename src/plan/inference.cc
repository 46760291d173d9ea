#include "inference.h"

#include <algorithm>
#include <cmath>

#include "inference_offers.h"
#include "zone_loss.h"

namespace spillway::plan {
namespace {

using api::OnDemandFallback;

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

// What the service is to be made of.
struct Goal {
  std::int64_t replicas = 0;
  std::int64_t share = 0;  // of them on spot
  std::int64_t spare = 0;  // on spot beyond that
  OnDemandFallback fallback = OnDemandFallback::kWhileNotReady;

  // On reserved capacity, and on on-demand while that is full.
  [[nodiscard]] std::int64_t rest() const { return replicas - share; }
  // What on-demand is to take when so many are on reserved capacity and of the spot share.
  [[nodiscard]] std::int64_t on_demand(std::int64_t reserved, std::int64_t on_spot) const {
    const std::int64_t stands_in = fallback == OnDemandFallback::kNever ? 0 : share - on_spot;
    return std::max<std::int64_t>(rest() - reserved, 0) + stands_in;
  }
};

Goal goal_of(const Service& service) {
  const InferenceWorkload& workload = *service.workload;
  const std::int64_t share = spot_target(service);
  return {.replicas = std::max<std::int64_t>(workload.demand.replicas, 0),
          .share = share,
          .spare = share > 0 ? std::max<std::int64_t>(workload.overprovision, 0) : 0,
          .fallback = workload.fallback};
}

// Only a share of spot can be lost with a zone.
bool spreads(const Service& service, const Goal& goal) {
  return survives_zone_loss(service) && goal.share > 0;
}

SpreadGoal zones_of(const Service& service, const Goal& goal) {
  return spread_goal(service, goal.share, goal.spare);
}

// What on-demand has to stand in for, as replicas are placed, where a zone may be lost.
std::int64_t standing_in(const Pass& pass, const Service& service, const Goal& goal) {
  if (goal.fallback == OnDemandFallback::kNever) return 0;
  return unplaced_of(pass, service, zones_of(service, goal));
}

// The same as replicas serve: what further ones cover until more do.
std::int64_t to_cover_zones(const Pass& pass, const Service& service, const Goal& goal,
                            std::int64_t stands_in) {
  if (goal.fallback != OnDemandFallback::kWhileNotReady) return 0;
  const std::int64_t unserved = unserved_of(pass, service, zones_of(service, goal));
  return std::max<std::int64_t>(unserved - stands_in, 0);
}

// What of on-demand stands in for spot, be it for long or to cover loading.
std::int64_t beyond_rest(const Goal& goal, const Counts& has) {
  return has.on_demand - std::clamp<std::int64_t>(goal.rest() - has.reserved, 0, has.on_demand);
}

// Of the spot share that has a place, what does not serve yet.
std::int64_t to_cover(const Service& service, const Goal& goal, std::int64_t on_spot) {
  if (goal.fallback != OnDemandFallback::kWhileNotReady) return 0;
  const std::int64_t placed = std::min(on_spot, goal.share);
  return placed - std::min(service.served_by_spot, placed);
}

// Replicas on on-demand that only bridge the time until those on spot serve.
std::int64_t covering_now(const Pass& pass, const Service& service, const Goal& goal,
                          const Counts& has) {
  if (spreads(service, goal)) {
    const std::int64_t stands_in = standing_in(pass, service, goal);
    return std::clamp<std::int64_t>(beyond_rest(goal, has) - stands_in, 0,
                                    to_cover_zones(pass, service, goal, stands_in));
  }
  const std::int64_t due = goal.on_demand(has.reserved, std::min(has.spot, goal.share));
  return std::clamp<std::int64_t>(has.on_demand - due, 0, to_cover(service, goal, has.spot));
}

struct OnSpot {
  std::int64_t placed = 0;       // of the share and what is spare
  std::int64_t held = 0;         // beyond that, there already
  std::int64_t stands_in = 0;    // on-demand is to, for what is not placed,
  std::int64_t covers = 0;       // and for what does not serve yet
  std::vector<Surplus> surplus;  // where what is held is to be given back; empty: the dearest first
};

// Spot up to its share: new replicas where it is cheaper than on-demand, and those that on-demand
// (or reserved capacity beyond its part) stood in for, where that is a gain beyond the margin.
std::int64_t fill_share(Pass& pass, Service& service, const Goal& goal, const Counts& has,
                        double on_demand) {
  const std::int64_t kept = std::min(has.spot, goal.share);
  if (kept == goal.share) return kept;
  const std::int64_t stays = has.reserved + has.on_demand - covering_now(pass, service, goal, has);
  const std::int64_t fresh =
      std::clamp<std::int64_t>(goal.replicas - stays - kept, 0, goal.share - kept);
  std::int64_t got =
      kept + add(pass, service, {.tier = api::Tier::kSpot, .limit = on_demand}, fresh);
  const std::int64_t standing_in = movable_on(pass, service, api::Tier::kOnDemand) +
                                   std::min(movable_on(pass, service, api::Tier::kReserved),
                                            std::max<std::int64_t>(has.reserved - goal.rest(), 0));
  const Ask back{.tier = api::Tier::kSpot, .limit = with_margin(pass, on_demand), .replaces = true};
  return got + add(pass, service, back, std::min(goal.share - got, standing_in));
}

OnSpot fill_zones(Pass& pass, Service& service, const Goal& goal, const Counts& has,
                  double on_demand) {
  // More than that only covers what does not serve yet.
  const std::int64_t standing = std::min(beyond_rest(goal, has), standing_in(pass, service, goal));
  OnSpot spot{.surplus = spread_over_zones(pass, service, zones_of(service, goal),
                                           {.cost = on_demand, .held = standing})};
  for (const Surplus& surplus : spot.surplus)
    spot.held += surplus.replicas;
  spot.placed = service.on(api::Tier::kSpot, pass.snapshot) - spot.held;
  if (goal.fallback == OnDemandFallback::kNever) return spot;
  spot.stands_in = unplaced_of(pass, service, zones_of(service, goal), spot.surplus);
  spot.covers = to_cover_zones(pass, service, goal, spot.stands_in);
  return spot;
}

OnSpot fill_spot(Pass& pass, Service& service, const Goal& goal, const Counts& has) {
  const double on_demand =
      goal.fallback == OnDemandFallback::kNever ? kInfinite : on_demand_cost(pass, service);
  if (spreads(service, goal)) return fill_zones(pass, service, goal, has, on_demand);
  const std::int64_t share = fill_share(pass, service, goal, has, on_demand);
  const std::int64_t beyond = has.spot - std::min(has.spot, goal.share);
  std::int64_t spare = std::min(beyond, goal.spare);
  const std::int64_t held = beyond - spare;
  if (share == goal.share)
    spare += add(pass, service, {.tier = api::Tier::kSpot, .limit = on_demand}, goal.spare - spare);
  const std::int64_t due = goal.on_demand(goal.rest(), share);
  return {.placed = share + spare,
          .held = held,
          .stands_in = due,
          .covers = to_cover(service, goal, share),
          .surplus = {}};
}

void give_back_spot(Pass& pass, Service& service, const OnSpot& spot, std::int64_t replicas) {
  if (spot.surplus.empty()) return give_back(pass, service, api::Tier::kSpot, replicas);
  for (const Surplus& surplus : spot.surplus) {
    const std::int64_t here = std::min(surplus.replicas, replicas);
    if (here > 0) pass.shrink(service, surplus.pool, here);
    replicas -= std::max<std::int64_t>(here, 0);
  }
}

// Brings the service to its composition. Everything new is found before anything old is given back.
void compose(Pass& pass, Service& service) {
  const Counts has = counts_of(pass, service);
  const Goal goal = goal_of(service);
  OnSpot spot = fill_spot(pass, service, goal, has);
  std::int64_t reserved = std::min(has.reserved, goal.rest());
  const std::int64_t due = std::max<std::int64_t>(goal.rest() - reserved, 0) + spot.stands_in;
  const std::int64_t wanted = due + spot.covers;
  const std::int64_t on_demand_kept = std::min(has.on_demand, wanted);
  const std::int64_t on_demand =
      on_demand_kept + add(pass, service, {.tier = api::Tier::kOnDemand}, wanted - on_demand_kept);
  // Where on-demand is not to be had either, whatever the service may use will do: what it holds
  // first, then free room. Not to bridge a few minutes, though.
  std::int64_t missing = std::max<std::int64_t>(due - on_demand, 0);
  const std::int64_t reserved_held = std::min(missing, has.reserved - reserved);
  missing -= reserved_held;
  const std::int64_t reserved_added = add_reserved(pass, service, missing);
  missing -= reserved_added;
  // What a zone may take does not protect from its loss.
  if (spreads(service, goal))
    missing = std::min(missing, goal.replicas - (reserved + reserved_held + reserved_added) -
                                    on_demand - spot.placed);
  missing = std::max<std::int64_t>(missing, 0);
  spot.held = std::min(missing, spot.held);
  missing -= spot.held;
  const std::int64_t spot_added =
      spot_allowed(service) ? add(pass, service, {.tier = api::Tier::kSpot}, missing) : 0;
  reserved += reserved_held + reserved_added;
  const Counts now = counts_of(pass, service);
  give_back(pass, service, api::Tier::kOnDemand, now.on_demand - on_demand);
  give_back_spot(pass, service, spot, now.spot - (spot.placed + spot.held + spot_added));
  give_back(pass, service, api::Tier::kReserved, now.reserved - reserved);
}

// While replicas are loading nothing is moved: the move would take another one's time.
void follow_prices(Pass& pass, Service& service) {
  if (!service.whole) return;
  const bool spread = spreads(service, goal_of(service));  // which has compared prices already
  std::vector<std::size_t> pools;
  pools.reserve(service.shares.size());
  for (const Share& share : service.shares) {
    if (!spread || pass.pool(share.pool).tier != api::Tier::kSpot) pools.push_back(share.pool);
  }
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
  const Goal goal = goal_of(service);
  const std::int64_t open = goal.rest() - has.reserved;
  if (open <= 0) return 0;
  if (spreads(service, goal)) {
    const std::int64_t on_demand = has.on_demand - beyond_rest(goal, has);
    return open - on_demand + std::min(on_demand, movable_on(pass, service, api::Tier::kOnDemand));
  }
  const std::int64_t stays = has.total() - covering_now(pass, service, goal, has);
  const std::int64_t fresh = std::max<std::int64_t>(goal.replicas - stays, 0);
  if (fresh >= open) return open;
  const std::int64_t too_much_spot = std::max<std::int64_t>(has.spot - goal.share - goal.spare, 0);
  return std::min(open, fresh + movable_on(pass, service, api::Tier::kOnDemand) +
                            std::min(too_much_spot, movable_on(pass, service, api::Tier::kSpot)));
}

Extras extras_of(const Pass& pass, const Service& service) {
  const Counts has = counts_of(pass, service);
  const Goal goal = goal_of(service);
  const std::int64_t share = std::min(has.spot, goal.share);
  const std::int64_t due = std::max<std::int64_t>(goal.replicas - has.reserved - share, 0);
  const std::int64_t lacking = std::max<std::int64_t>(due - has.on_demand, 0);
  Extras extras{.covering = std::max<std::int64_t>(has.on_demand - due, 0),
                .spare = std::max<std::int64_t>(has.spot - share - lacking, 0),
                .spot_missing = goal.share - share,
                .on_demand_open =
                    std::max<std::int64_t>(goal.on_demand(has.reserved, share) - has.on_demand, 0)};
  if (!spreads(service, goal)) return extras;
  extras.covering = covering_now(pass, service, goal, has);
  extras.spare = std::max<std::int64_t>(has.total() - extras.covering - goal.replicas, 0);
  const std::int64_t stands_in = beyond_rest(goal, has) - extras.covering;
  const std::int64_t needed = unplaced_of(pass, service, zones_of(service, goal));
  extras.unprotected = std::max<std::int64_t>(needed - stands_in, 0);
  return extras;
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
  const Goal goal = goal_of(service);
  if (spreads(service, goal)) return true;
  const bool composed =
      has.spot == goal.share + goal.spare && has.reserved <= goal.rest() &&
      has.on_demand == goal.on_demand(has.reserved, goal.share) + to_cover(service, goal, has.spot);
  if (!composed) return true;
  return service.whole &&
         std::any_of(service.shares.begin(), service.shares.end(), [&](const Share& share) {
           return share.replicas > 0 && better_offer(pass, service, share) != nullptr;
         });
}

void settle(Pass& pass, Service& service) {
  compose(pass, service);
  follow_prices(pass, service);
}

}  // namespace spillway::plan
