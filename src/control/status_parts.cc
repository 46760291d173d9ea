#include "status_parts.h"

#include <spillway/control/children.h>
#include <spillway/core/text.h>

namespace spillway::control {

api::Condition condition(std::string_view type, bool holds, std::int64_t generation,
                         std::string_view reason, const std::string& message, Instant now) {
  return {.type = std::string(type),
          .status = holds ? api::ConditionStatus::kTrue : api::ConditionStatus::kFalse,
          .observed_generation = generation,
          .last_transition_time = now,
          .reason = std::string(reason),
          .message = shorten(message, kMaxSentence)};
}

void tell(std::vector<Notable>& notables, bool warning, std::string_view reason,
          std::string_view action, std::string note) {
  notables.push_back({.warning = warning,
                      .reason = std::string(reason),
                      .action = std::string(action),
                      .note = std::move(note)});
}

std::optional<HourlyRate> rate_on(const Picture& picture, std::size_t pool, std::int64_t replicas,
                                  AcceleratorCount per_replica) {
  const plan::Pool& offered = picture.snapshot.pools[pool];
  if (offered.offering.price.quality == market::PriceQuality::kUnknown) return std::nullopt;
  return workload_rate(offered.offering.price.likely, replicas, per_replica,
                       offered.accelerators_per_node);
}

HourlyRate on_demand_rate(const Picture& picture, std::size_t pool, std::int64_t replicas,
                          AcceleratorCount per_replica) {
  const plan::Pool& offered = picture.snapshot.pools[pool];
  return workload_rate(offered.offering.on_demand, replicas, per_replica,
                       offered.accelerators_per_node);
}

bool only_drifts(const api::CostStatus& cost, HourlyRate rate, bool written_anyway, Instant now) {
  if (written_anyway || now - cost.since >= kRateRefresh) return false;
  if (rate == HourlyRate() || cost.rate == HourlyRate()) return false;
  const HourlyRate change = rate > cost.rate ? rate - cost.rate : cost.rate - rate;
  return change.scaled(100, 1) < cost.rate.scaled(kRateDriftPercent, 1);
}

namespace {

std::string note_of(const plan::Alternative& alternative) {
  if (alternative.excluded) return std::string(plan::to_string(*alternative.excluded));
  return "eligible, dearer per useful hour";
}

}  // namespace

std::vector<api::Alternative> alternatives_of(const Picture& picture,
                                              const std::vector<plan::Alternative>& alternatives) {
  std::vector<api::Alternative> list;
  for (const plan::Alternative& alternative : alternatives) {
    if (list.size() == kMaxAlternatives) break;
    const plan::Pool& pool = picture.snapshot.pools[alternative.pool];
    std::optional<HourlyRate> rate;
    if (pool.offering.price.quality != market::PriceQuality::kUnknown) rate = alternative.rate;
    list.push_back(
        {.pool = pool.name, .tier = pool.tier, .rate = rate, .note = note_of(alternative)});
  }
  return list;
}

void accrue(std::optional<api::CostStatus>& cost, HourlyRate rate, HourlyRate on_demand_before,
            Instant at) {
  api::CostStatus next = cost.value_or(api::CostStatus{.since = at});
  const Duration time = std::max(at - next.since, Duration(0));
  const HourlyRate baseline =
      on_demand_before > HourlyRate() && next.rate > HourlyRate() ? on_demand_before : next.rate;
  next.total += next.rate.over(time);
  next.on_demand_equivalent += baseline.over(time);
  next.saved = next.on_demand_equivalent - next.total;
  next.rate = rate;
  next.since = at;
  cost = next;
}

namespace {

template <class Kind>
auto refuse(const Kind& object, const std::string& sentence, Instant now) {
  NextStatus<decltype(Kind::status)> next{.status = object.status};
  next.status.observed_generation = object.meta.generation;
  const bool news = api::set_condition(
      next.status.conditions, condition(api::condition::kPlaced, false, object.meta.generation,
                                        "InvalidSpec", sentence, now));
  if (news)
    next.notables.push_back(
        {.warning = true, .reason = "InvalidSpec", .action = "Place", .note = sentence});
  return next;
}

}  // namespace

NextStatus<api::TrainingJobStatus> refused_status(const api::TrainingJob& job,
                                                  const std::string& sentence, Instant now) {
  return refuse(job, sentence, now);
}

NextStatus<api::InferencePoolStatus> refused_status(const api::InferencePool& pool,
                                                    const std::string& sentence, Instant now) {
  return refuse(pool, sentence, now);
}

}  // namespace spillway::control
