#include <algorithm>

#include <spillway/control/children.h>
#include <spillway/core/text.h>

#include "status_parts.h"

namespace spillway::control {
namespace {

using api::ConditionStatus;

api::PoolPriceStatus price_status(const market::NodePrice& price) {
  api::PoolPriceStatus status{.source = price.source, .quality = price.quality};
  if (price.quality != market::PriceQuality::kUnknown) status.per_node_hour = price.likely;
  status.observed_at = price.observed_at;
  return status;
}

// A price that is heard again unchanged is no news: the time of hearing is kept until price or
// quality changes.
void take_price(api::CapacityPoolStatus& status, const market::NodePrice& price) {
  api::PoolPriceStatus fresh = price_status(price);
  if (status.price && status.price->per_node_hour == fresh.per_node_hour &&
      status.price->quality == fresh.quality && status.price->source == fresh.source) {
    return;
  }
  status.price = std::move(fresh);
}

api::Condition readiness(const api::CapacityPool& pool, const plan::Pool& offered, Instant now) {
  const auto say = [&](bool ready, std::string_view reason, const std::string& message) {
    return condition(api::condition::kReady, ready, pool.meta.generation, reason, message, now);
  };
  using market::PriceQuality;
  if (offered.offering.availability == market::Availability::kStockedOut) {
    const std::string when =
        offered.offering.retry_at ? " until " + format_instant(*offered.offering.retry_at) : "";
    return say(false, "StockedOut",
               "it did not deliver nodes in time; nothing new is placed here" + when);
  }
  switch (offered.offering.price.quality) {
    case PriceQuality::kUnknown:
      return say(false, "PriceUnknown",
                 "no price: its feed has none and spec.price.onDemand is not given");
    case PriceQuality::kStale:
      return say(true, "PriceStale", "the last price is old; decisions reckon with a wider one");
    case PriceQuality::kFallback:
      return say(true, "PriceFallback", "no price observed; the on-demand price stands in");
    case PriceQuality::kLive: return say(true, "Ready", "");
  }
  return say(true, "Ready", "");
}

}  // namespace

NextStatus<api::CapacityPoolStatus> next_status(const Picture& picture, std::size_t index,
                                                const plan::PoolUse& use,
                                                const market::StockOutMemory& memory,
                                                const market::LifeSums& sums,
                                                std::int32_t interruptions_last_day, Instant now) {
  const api::CapacityPool& pool = *picture.pools[index];
  const plan::Pool& offered = picture.snapshot.pools[index];
  NextStatus<api::CapacityPoolStatus> next{.status = pool.status};
  api::CapacityPoolStatus& status = next.status;
  status.observed_generation = pool.meta.generation;
  take_price(status, offered.offering.price);
  status.nodes = {.ready = static_cast<std::int32_t>(picture.ready_nodes[index]),
                  .max = pool.spec.nodes.max};
  status.accelerators = {.capacity = use.capacity, .used = use.used, .free = use.free};
  status.availability = market::availability_at(memory, now);
  status.retry_at = market::retry_at(memory, now);
  status.stock_out.reset();
  if (memory.failed_at && market::failures_at(memory, now) > 0) {
    status.stock_out = {.failures = static_cast<std::int32_t>(memory.failures),
                        .since = *memory.failed_at};
  }
  const bool learnt = !(sums == life_sums(pool.status));
  if (pool.spec.tier == api::Tier::kSpot && (learnt || !status.life)) {
    const Duration age = picture.oldest_node_age[index].value_or(Duration(0));
    const market::LifeEstimate life = market::estimate_life(sums, age);
    const auto seconds = [](Duration time) {
      return std::chrono::duration_cast<std::chrono::seconds>(time);
    };
    status.life = api::PoolLife{.window_time = seconds(sums.exposure),
                                .windows_milli = sums.losses_thousandths};
    if (life.fresh) status.life->mean = seconds(*life.fresh);
    if (life.residual) status.life->residual = seconds(*life.residual);
  }
  status.interruptions_last_day = interruptions_last_day;
  plan::Pool as_remembered = offered;
  as_remembered.offering.availability = *status.availability;
  as_remembered.offering.retry_at = status.retry_at;
  api::Condition ready = readiness(pool, as_remembered, now);
  const api::Condition* before =
      api::find_condition(pool.status.conditions, api::condition::kReady);
  if (before == nullptr || before->reason != ready.reason) {
    next.notables.push_back(
        {.warning = ready.status != ConditionStatus::kTrue || ready.reason != "Ready",
         .reason = ready.reason,
         .action = "Observe",
         .note = ready.message.empty() ? "price and nodes are known" : ready.message});
  }
  api::set_condition(status.conditions, std::move(ready));
  return next;
}

}  // namespace spillway::control
