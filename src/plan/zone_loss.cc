#include "zone_loss.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "draining.h"
#include "inference_offers.h"

namespace spillway::plan {
namespace {

class ByZone {
 public:
  void add(std::size_t zone, std::int64_t replicas) {
    total_ += replicas;
    largest_ = std::max(largest_, zones_[zone] += replicas);
  }
  [[nodiscard]] std::int64_t missing_for(const SpreadGoal& goal) const {
    return plan::missing_for(goal, total_, largest_);
  }

 private:
  std::map<std::size_t, std::int64_t> zones_;
  std::int64_t total_ = 0;
  std::int64_t largest_ = 0;
};

// What a replica that is held costs in the comparison: nothing while it may not be moved.
double staying_cost(Pass& pass, const Service& service, const Share& share, double cost) {
  if (!settled(pass, share)) {
    pass.wake.consider(pass.past(share.since) + pass.config.min_run);
    return 0;
  }
  return service.whole ? with_margin(pass, cost) : 0;
}

class PlaceList {
 public:
  PlaceList(Pass& pass, const Service& service) : pass_(pass), service_(service) {}

  void add_spot(double limit) {
    const DemandKind& kind = pass_.kind(service_);
    const bool any_known = !kind.bought.empty() && kind.bought.front().price_known;
    for (const Offer& offer : kind.bought) {
      if (offer.tier != api::Tier::kSpot) continue;
      const std::size_t zone = pass_.exposure.zone_of(offer.pool);
      if (const Share* share = service_.find(offer.pool))
        places.push_back({.pool = offer.pool,
                          .zone = zone,
                          .replicas = share->replicas,
                          .cost = staying_cost(pass_, service_, *share, held_cost(offer))});
      const double cost = fresh_cost(pass_, offer);
      // A pool that is doubted is used only where on-demand cannot stand in.
      const bool open = !pass_.stocked_out(offer.pool) &&
                        (!pass_.doubtful(offer.pool) || std::isinf(limit)) && cost < limit &&
                        (offer.price_known || !any_known);
      if (open)
        places.push_back({.pool = offer.pool,
                          .zone = zone,
                          .replicas = pass_.room.slots(offer.pool, kind.need),
                          .cost = cost});
    }
  }

  void add_on_demand(const StandIns& stand_ins, std::int64_t replicas) {
    std::int64_t movable = 0;
    if (service_.whole) movable = movable_on(pass_, service_, api::Tier::kOnDemand);
    const std::int64_t stays = std::max<std::int64_t>(stand_ins.held - movable, 0);
    places.push_back({.replicas = stays, .cost = 0});
    const bool for_sale = !std::isinf(stand_ins.cost);
    const double cost = for_sale ? stand_ins.cost : cost_of_held_on_demand();
    if (std::isinf(cost)) return;
    places.push_back({.replicas = stand_ins.held - stays, .cost = with_margin(pass_, cost)});
    if (for_sale) places.push_back({.replicas = replicas, .cost = cost});
  }

  std::vector<Places> places;

 private:
  // What is held is there although no more of it is to be had; infinite when its price is unknown.
  [[nodiscard]] double cost_of_held_on_demand() const {
    double lowest = kInfinite;
    for (const Offer& offer : pass_.kind(service_).bought) {
      const bool held = offer.tier == api::Tier::kOnDemand && offer.price_known &&
                        service_.find(offer.pool) != nullptr;
      if (held) lowest = std::min(lowest, fresh_cost(pass_, offer));
    }
    return lowest;
  }

  Pass& pass_;
  const Service& service_;
};

}  // namespace

bool survives_zone_loss(const Service& service) {
  return service.workload->floor_through_zone_loss.has_value();
}

SpreadGoal spread_goal(const Service& service, std::int64_t share, std::int64_t spare) {
  const std::int64_t replicas = std::max<std::int64_t>(service.workload->demand.replicas, 0);
  const std::int64_t floor = service.workload->floor_through_zone_loss.value_or(replicas);
  const std::int64_t slack = std::clamp<std::int64_t>(replicas - floor, 0, share);
  return {.share = share, .slack = slack, .spare = spare};
}

std::int64_t unplaced_of(const Pass& pass, const Service& service, const SpreadGoal& goal,
                         const std::vector<Surplus>& surplus) {
  ByZone placed;
  for (const Share& share : service.shares) {
    if (pass.pool(share.pool).tier != api::Tier::kSpot) continue;
    const auto beyond = std::ranges::find(surplus, share.pool, &Surplus::pool);
    placed.add(pass.exposure.zone_of(share.pool),
               share.replicas - (beyond != surplus.end() ? beyond->replicas : 0));
  }
  return placed.missing_for(goal);
}

std::int64_t unserved_of(const Pass& pass, const Service& service, const SpreadGoal& goal) {
  ByZone serving;
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    if (pass.pool(allocation.pool).tier == api::Tier::kSpot)
      serving.add(pass.exposure.zone_of(allocation.pool), serving_on(pass, allocation));
  }
  return serving.missing_for(goal);
}

std::vector<Surplus> spread_over_zones(Pass& pass, Service& service, const SpreadGoal& goal,
                                       const StandIns& on_demand) {
  PlaceList list(pass, service);
  list.add_spot(on_demand.cost);
  list.add_on_demand(on_demand, 2 * goal.share);
  const std::vector<std::int64_t> taken = cheapest_spread(goal, list.places);
  std::map<std::size_t, std::int64_t> wanted;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (list.places[i].zone != Places::kOnDemand) wanted[list.places[i].pool] += taken[i];
  }
  std::vector<Surplus> surplus;
  for (const Offer& offer : pass.kind(service).bought) {
    const auto at = wanted.find(offer.pool);
    if (at == wanted.end()) continue;
    const Share* share = service.find(offer.pool);
    const std::int64_t more = at->second - (share != nullptr ? share->replicas : 0);
    if (more > 0) pass.grow(service, offer.pool, affordable(pass, service, offer, more));
    if (more < 0) surplus.push_back({.pool = offer.pool, .replicas = -more});
  }
  std::ranges::reverse(surplus);
  return surplus;
}

}  // namespace spillway::plan
