#include "prices.h"

#include <string>
#include <tuple>

#include <spillway/market/series.h>

namespace spillway::cli {
namespace {

// What a feed is taken for when it says nothing else (docs/operations.md).
constexpr Duration kFreshness = std::chrono::minutes(15);

using Pool = std::shared_ptr<const api::CapacityPool>;
using OfferKey = std::tuple<FeedName, api::Tier, InstanceType, Zone>;
using TypeKey = std::pair<InstanceType, Region>;

OfferKey offer_of(const api::CapacityPool& pool) {
  return {pool.spec.price.feed.value_or(FeedName()), pool.spec.tier, pool.spec.instance_type,
          pool.spec.location.zone};
}

TypeKey type_of(const api::CapacityPool& pool) {
  return {pool.spec.instance_type, pool.spec.location.region};
}

bool known(const api::CapacityPool& pool) {
  const auto& price = pool.status.price;
  return price && price->per_node_hour && price->quality != api::PriceQuality::kUnknown;
}

market::NodePrice as_recorded(const api::PoolPriceStatus& status,
                              std::optional<HourlyRate> on_demand, Instant now) {
  if (!status.per_node_hour) return market::fallback_price(on_demand, status.source);
  market::NodePrice price = market::stated_price(*status.per_node_hour, status.source);
  price.quality = status.quality;
  price.observed_at = status.observed_at;
  if (status.quality != api::PriceQuality::kStale || !status.observed_at) return price;
  market::PriceSeries series;
  series.observe(*status.per_node_hour, *status.observed_at, *status.observed_at);
  price.upper = series.price_at(now, kFreshness, on_demand, status.source).upper;
  return price;
}

}  // namespace

RecordedPrices::RecordedPrices(const control::World& world, Instant now) {
  std::map<OfferKey, Pool> observed;
  std::map<TypeKey, HourlyRate> on_demand;
  world.capacity_pools.for_each([&](const Pool& pool) {
    if (pool->spec.price.on_demand)
      on_demand.try_emplace(type_of(*pool), *pool->spec.price.on_demand);
    if (!known(*pool)) return;
    observed.try_emplace(offer_of(*pool), pool);
    if (pool->spec.tier == api::Tier::kOnDemand)
      on_demand.try_emplace(type_of(*pool), *pool->status.price->per_node_hour);
  });
  world.capacity_pools.for_each([&](const Pool& pool) {
    std::optional<HourlyRate> bought = pool->spec.price.on_demand;
    const auto same_type = on_demand.find(type_of(*pool));
    if (!bought && same_type != on_demand.end()) bought = same_type->second;
    const auto twin = observed.find(offer_of(*pool));
    market::NodePrice price;
    if (pool->spec.price.fixed) {
      price = market::stated_price(*pool->spec.price.fixed, "fixed");
    } else if (pool->status.price) {
      price = as_recorded(*pool->status.price, bought, now);
    } else if (twin != observed.end()) {
      price = as_recorded(*twin->second->status.price, bought, now);
      price.source += ", as of pool " + twin->second->meta.key.name.str();
    } else {
      price = market::fallback_price(bought, "no pool of this type and zone has a price yet");
    }
    prices_.emplace(PoolName(pool->meta.key.name.str()),
                    std::pair(std::move(price), bought.value_or(HourlyRate())));
  });
}

std::pair<market::NodePrice, HourlyRate> RecordedPrices::price_of(const PoolName& pool) const {
  const auto at = prices_.find(pool);
  return at == prices_.end() ? std::pair<market::NodePrice, HourlyRate>() : at->second;
}

}  // namespace spillway::cli
