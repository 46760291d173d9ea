#include "inference.h"

#include <algorithm>
#include <cmath>

#include "inference_offers.h"

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

// Of the spot share that has a place, what does not serve yet.
std::int64_t to_cover(const Service& service, const Goal& goal, std::int64_t on_spot) {
  if (goal.fallback != OnDemandFallback::kWhileNotReady) return 0;
  const std::int64_t placed = std::min(on_spot, goal.share);
  return placed - std::min(service.served_by_spot, placed);
}

// Replicas on on-demand that only bridge the time until those on spot serve.
std::int64_t covering_now(const Service& service, const Goal& goal, const Counts& has) {
  const std::int64_t due = goal.on_demand(has.reserved, std::min(has.spot, goal.share));
  return std::clamp<std::int64_t>(has.on_demand - due, 0, to_cover(service, goal, has.spot));
}

struct OnSpot {
  std::int64_t share = 0;
  std::int64_t spare = 0;
  std::int64_t held = 0;  // beyond both, there already
};

// Spot up to its share: new replicas where it is cheaper than on-demand, and those that on-demand
// (or reserved capacity beyond its part) stood in for, where that is a gain beyond the margin.
std::int64_t fill_share(Pass& pass, Service& service, const Goal& goal, const Counts& has,
                        double on_demand) {
  const std::int64_t kept = std::min(has.spot, goal.share);
  if (kept == goal.share) return kept;
  const std::int64_t stays = has.reserved + has.on_demand - covering_now(service, goal, has);
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

OnSpot fill_spot(Pass& pass, Service& service, const Goal& goal, const Counts& has) {
  const double on_demand =
      goal.fallback == OnDemandFallback::kNever ? kInfinite : on_demand_cost(pass, service);
  OnSpot spot{.share = fill_share(pass, service, goal, has, on_demand)};
  const std::int64_t beyond = has.spot - std::min(has.spot, goal.share);
  spot.spare = std::min(beyond, goal.spare);
  spot.held = beyond - spot.spare;
  if (spot.share == goal.share)
    spot.spare +=
        add(pass, service, {.tier = api::Tier::kSpot, .limit = on_demand}, goal.spare - spot.spare);
  return spot;
}

// Brings the service to its composition. Everything new is found before anything old is given back.
void compose(Pass& pass, Service& service) {
  const Counts has = counts_of(pass, service);
  const Goal goal = goal_of(service);
  OnSpot spot = fill_spot(pass, service, goal, has);
  std::int64_t reserved = std::min(has.reserved, goal.rest());
  const std::int64_t due = goal.on_demand(reserved, spot.share);
  const std::int64_t wanted = due + to_cover(service, goal, spot.share);
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
  spot.held = std::min(missing, spot.held);
  missing -= spot.held;
  const std::int64_t spot_added =
      spot_allowed(service) ? add(pass, service, {.tier = api::Tier::kSpot}, missing) : 0;
  reserved += reserved_held + reserved_added;
  const Counts now = counts_of(pass, service);
  give_back(pass, service, api::Tier::kOnDemand, now.on_demand - on_demand);
  give_back(pass, service, api::Tier::kSpot,
            now.spot - (spot.share + spot.spare + spot.held + spot_added));
  give_back(pass, service, api::Tier::kReserved, now.reserved - reserved);
}

// While replicas are loading nothing is moved: the move would take another one's time.
void follow_prices(Pass& pass, Service& service) {
  if (!service.whole) return;
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
  const Goal goal = goal_of(service);
  const std::int64_t open = goal.rest() - has.reserved;
  if (open <= 0) return 0;
  const std::int64_t stays = has.total() - covering_now(service, goal, has);
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
  return {.covering = std::max<std::int64_t>(has.on_demand - due, 0),
          .spare = std::max<std::int64_t>(has.spot - share - lacking, 0),
          .spot_missing = goal.share - share,
          .on_demand_open =
              std::max<std::int64_t>(goal.on_demand(has.reserved, share) - has.on_demand, 0)};
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
