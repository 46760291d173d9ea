#include "catalogue.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace spillway::plan {
namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15ULL + (hash << 6) + (hash >> 2);
  return hash;
}

std::uint64_t hash_of_need(const Demand& demand) {
  std::uint64_t hash =
      mix(demand.shape, static_cast<std::uint64_t>(demand.per_replica.accelerators.value()));
  hash = mix(hash, static_cast<std::uint64_t>(demand.per_replica.cpu.value()));
  return mix(hash, static_cast<std::uint64_t>(demand.per_replica.memory.value()));
}

std::uint64_t hash_of(const Demand& demand) {
  std::uint64_t hash = hash_of_need(demand);
  for (const api::Tier tier : api::kAllTiers)
    hash = mix(hash, demand.tiers.contains(tier) ? 1 : 0);
  for (const ModelPreference& model : demand.models) {
    hash = mix(hash, std::hash<AcceleratorModel>{}(model.model));
    hash = mix(hash, static_cast<std::uint64_t>(model.speed_percent));
  }
  return hash;
}

bool same_models(const Demand& a, const Demand& b) {
  return std::equal(a.models.begin(), a.models.end(), b.models.begin(), b.models.end(),
                    [](const ModelPreference& x, const ModelPreference& y) {
                      return x.model == y.model && x.speed_percent == y.speed_percent;
                    });
}

// A model that is listed twice counts where it is listed first.
bool named_before(const Demand& demand, std::size_t preference) {
  const auto end = demand.models.begin() + static_cast<std::ptrdiff_t>(preference);
  return std::any_of(demand.models.begin(), end, [&](const ModelPreference& other) {
    return other.model == demand.models[preference].model;
  });
}

bool same_kind(const Demand& a, const Demand& b) {
  return a.shape == b.shape && a.per_replica == b.per_replica && a.tiers == b.tiers &&
         same_models(a, b);
}

// The share of a node that a replica pays for. A pool without accelerators sells whole nodes.
std::pair<std::int64_t, std::int64_t> share_of_node(const Pool& pool, const Demand& demand) {
  const std::int64_t mine = demand.per_replica.accelerators.value();
  const std::int64_t all = pool.accelerators_per_node.value();
  if (mine <= 0 || all <= 0) return {1, 1};
  return {mine, all};
}

Hours life(const std::optional<Duration>& estimate) {
  return estimate ? Hours(std::max(*estimate, Duration(1))) : Hours(kInfinite);
}

Rates rates_of(const Pool& pool, const Demand& demand, const ModelPreference& model) {
  const auto [mine, all] = share_of_node(pool, demand);
  Rates rates{.speed = static_cast<double>(model.speed_percent) / 100};
  if (pool.tier == api::Tier::kReserved) return rates;  // paid already, and ours for good
  rates.usd = pool.offering.price.upper.approximate_dollars() * static_cast<double>(mine) /
              static_cast<double>(all);
  if (pool.tier == api::Tier::kOnDemand) return rates;
  rates.fresh_life = life(pool.offering.life.fresh);
  rates.residual_life =
      pool.offering.life.residual ? life(pool.offering.life.residual) : rates.fresh_life;
  return rates;
}

}  // namespace

const Offer* DemandKind::find(std::size_t pool) const {
  const std::int32_t at = position[pool];
  if (at == 0) return nullptr;
  return at > 0 ? &bought[static_cast<std::size_t>(at - 1)]
                : &reserved[static_cast<std::size_t>(-1 - at)];
}

void DemandKind::index(std::size_t pools) {
  std::vector<Lasting> all;
  for (const std::vector<Offer>* list : {&reserved, &bought}) {
    for (const Offer& offer : *list) {
      if (offer.tier != api::Tier::kSpot)
        all.push_back({offer.rates.speed, offer.slots_when_empty});
    }
  }
  std::sort(all.begin(), all.end(), [](const Lasting& a, const Lasting& b) {
    return std::tuple(-a.speed, -a.slots_when_empty) < std::tuple(-b.speed, -b.slots_when_empty);
  });
  for (const Lasting& next : all) {
    if (lasting.empty() || next.slots_when_empty > lasting.back().slots_when_empty)
      lasting.push_back(next);
  }
  for (std::size_t i = 0; i < bought.size(); ++i) {
    if (bought[i].tier == api::Tier::kOnDemand) {
      on_demand.push_back(i);
    } else if (std::find(spot_speeds.begin(), spot_speeds.end(), bought[i].rates.speed) ==
               spot_speeds.end()) {
      spot_speeds.push_back(bought[i].rates.speed);
    }
  }
  position.assign(pools, 0);
  for (std::size_t i = 0; i < bought.size(); ++i)
    position[bought[i].pool] = static_cast<std::int32_t>(i + 1);
  for (std::size_t i = 0; i < reserved.size(); ++i)
    position[reserved[i].pool] = -static_cast<std::int32_t>(i + 1);
}

HourlyRate rate_of(HourlyRate node_price, const Pool& pool, const Demand& demand,
                   std::int64_t replicas) {
  const auto [mine, all] = share_of_node(pool, demand);
  return node_price.scaled(mine * replicas, all);
}

bool price_known(const Pool& pool) {
  return pool.offering.price.quality != market::PriceQuality::kUnknown &&
         pool.offering.price.upper > HourlyRate();
}

Catalogue::Catalogue(const Snapshot& snapshot, Room& room)
    : snapshot_(snapshot), room_(room), ranks_(snapshot.pools.size()) {
  std::vector<std::size_t> order(snapshot.pools.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return snapshot.pools[a].name < snapshot.pools[b].name;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    ranks_[order[i]] = i;
    pools_by_model_[snapshot.pools[order[i]].model].push_back(order[i]);
  }
}

std::size_t Catalogue::kind_of(const Demand& demand) {
  const std::uint64_t hash = hash_of(demand);
  const auto [first, fresh] = first_kind_.try_emplace(hash, kinds_.size());
  if (fresh) return add_kind(demand);
  std::size_t at = first->second;
  while (!same_kind(*kinds_[at].example, demand)) {
    if (kinds_[at].next_with_same_hash == 0) {
      kinds_[at].next_with_same_hash = kinds_.size();
      return add_kind(demand);
    }
    at = kinds_[at].next_with_same_hash;
  }
  return at;
}

std::size_t Catalogue::need_id(const Demand& demand) {
  std::vector<Need>& known = needs_[hash_of_need(demand)];
  for (const Need& need : known) {
    if (need.resources == demand.per_replica && need.shape == demand.shape) return need.id;
  }
  known.push_back({.resources = demand.per_replica, .shape = demand.shape, .id = need_count_});
  return need_count_++;
}

std::size_t Catalogue::add_kind(const Demand& demand) {
  DemandKind kind{
      .need = {.resources = demand.per_replica, .shape = demand.shape, .id = need_id(demand)},
      .tiers = demand.tiers,
      .example = &demand};
  for (std::size_t preference = 0; preference < demand.models.size(); ++preference) {
    const ModelPreference& model = demand.models[preference];
    const auto pools = pools_by_model_.find(model.model);
    if (pools == pools_by_model_.end() || named_before(demand, preference) ||
        model.speed_percent <= 0)
      continue;
    for (const std::size_t pool : pools->second) {
      const Pool& facts = snapshot_.pools[pool];
      if (!demand.tiers.contains(facts.tier)) continue;
      const std::int64_t slots = room_.slots_when_empty(pool, kind.need);
      if (slots <= 0) continue;
      Offer offer{.pool = pool,
                  .tier = facts.tier,
                  .price_known = price_known(facts),
                  .rates = rates_of(facts, demand, model),
                  .preference = preference,
                  .slots_when_empty = slots};
      offer.floor = offer.rates.usd / offer.rates.speed;
      (facts.tier == api::Tier::kReserved ? kind.reserved : kind.bought).push_back(offer);
    }
  }
  const auto order = [&](const Offer& a, const Offer& b) {
    return std::tuple(!a.price_known, a.floor, ranks_[a.pool]) <
           std::tuple(!b.price_known, b.floor, ranks_[b.pool]);
  };
  std::sort(kind.bought.begin(), kind.bought.end(), order);
  std::sort(kind.reserved.begin(), kind.reserved.end(),
            [&](const Offer& a, const Offer& b) { return ranks_[a.pool] < ranks_[b.pool]; });
  kind.index(ranks_.size());
  kinds_.push_back(std::move(kind));
  return kinds_.size() - 1;
}

}  // namespace spillway::plan
