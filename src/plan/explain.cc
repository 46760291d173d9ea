// Decisions in words, for conditions, events and the CLI. A sentence that stands in a status while
// a workload waits carries no price and no age: what moves by itself would be written again and
// again.

#include <cmath>

#include <fmt/format.h>

#include <spillway/core/text.h>
#include <spillway/plan/plan.h>

#include "catalogue.h"

namespace spillway::plan {
namespace {

std::string dollars(HourlyRate rate) {
  return "$" + rate.to_string() + "/h";
}

std::string place_of(const Pool& pool) {
  std::string text = std::string(api::to_string(pool.tier)) + " pool " + pool.name.str();
  if (!pool.location.zone.empty()) text += " in " + pool.location.zone.str();
  return text;
}

std::string priced(const Pool& pool, const Demand& demand, std::int64_t replicas) {
  const market::NodePrice& price = pool.offering.price;
  if (price.quality == market::PriceQuality::kUnknown)
    return place_of(pool) + " at an unknown price";
  std::string text =
      place_of(pool) + " at " + dollars(rate_of(price.likely, pool, demand, replicas));
  if (price.quality == market::PriceQuality::kStale) text += " (price is stale)";
  if (price.quality == market::PriceQuality::kFallback) text += " (on-demand price, none observed)";
  return text;
}

std::string next_best(const Snapshot& snapshot, const std::vector<Alternative>& alternatives) {
  for (const Alternative& alternative : alternatives) {
    const Pool& pool = snapshot.pools[alternative.pool];
    if (alternative.excluded || pool.offering.price.quality == market::PriceQuality::kUnknown)
      continue;
    const bool is_doubted = pool.tier == api::Tier::kSpot && pool.seen_state == MarketState::kGap;
    return fmt::format("; next best {} at {}{}", place_of(pool), dollars(alternative.rate),
                       is_doubted ? ", lately without capacity" : "");
  }
  return "";
}

// On-demand although a spot pool asks for less: the reader wants to know why.
std::string lower_price_not_taken(const Snapshot& snapshot, const TrainingDecision& decision,
                                  const Pool& taken, HourlyRate chosen) {
  if (taken.tier != api::Tier::kOnDemand) return "";
  for (const Alternative& alternative : decision.alternatives) {
    const Pool& pool = snapshot.pools[alternative.pool];
    const bool cheap_spot =
        pool.tier == api::Tier::kSpot && alternative.rate < chosen && price_known(pool);
    if (!cheap_spot || (alternative.excluded && alternative.excluded != Cause::kNoEligiblePool))
      continue;
    if (std::isinf(alternative.dollars_per_useful_hour)) {
      return fmt::format("; {} asks {}, but a job this long would not be expected to finish there",
                         place_of(pool), dollars(alternative.rate));
    }
    return fmt::format(
        "; {} asks {}, but with the work that its interruptions lose a useful hour is expected to "
        "cost ${:.2f}",
        place_of(pool), dollars(alternative.rate), alternative.dollars_per_useful_hour);
  }
  return "";
}

std::string beneficiary(const Snapshot& snapshot, const TrainingDecision& decision) {
  if (!decision.displaced_by) return "a workload";
  return decision.displaced_by_inference
             ? "InferencePool " + snapshot.inference[*decision.displaced_by].key.to_string()
             : "TrainingJob " + snapshot.training[*decision.displaced_by].key.to_string();
}

// What happened to the attempt that ended, or why the placement is what it is.
std::string because(const Snapshot& snapshot, const TrainingDecision& decision) {
  const TrainingWorkload& workload = snapshot.training[decision.workload];
  switch (decision.cause) {
    case Cause::kCheapest: return "lowest expected cost per useful hour of the pools with room";
    case Cause::kReservedBaseline: return "reserved capacity, which is paid already";
    case Cause::kDeadline:
      return "on-demand, because " +
             std::string(decision.placement ? "spot would endanger" : "nothing else keeps") +
             " the deadline " + (workload.deadline ? format_instant(*workload.deadline) : "");
    case Cause::kFallback:
      return "spot was not to be had for " + format_duration(workload.fallback_after);
    case Cause::kPriceMove:
      return "moved: what it saves on the rest of the work exceeds restart and lost work";
    case Cause::kDisplaced: return "gave its reserved slots to " + beneficiary(snapshot, decision);
    case Cause::kLaunchTimeout:
      return "did not start within " + format_duration(workload.launch_timeout);
    case Cause::kReplicaLost: return "a replica was lost, and the attempt with it";
    case Cause::kProgramFailed:
      return fmt::format("the program failed ({} of {} restarts used)", workload.user_failures + 1,
                         workload.max_restarts);
    case Cause::kNotice:
      return workload.state == AttemptState::kLost
                 ? "capacity that it ran on was taken, as a notice had said"
                 : "capacity that it runs on is about to be taken";
    case Cause::kPoolUnusable: return "its pool does not admit it any more";
    default: return std::string(to_string(decision.cause));
  }
}

std::string waiting(const Snapshot& snapshot, const TrainingDecision& decision) {
  const TrainingWorkload& workload = snapshot.training[decision.workload];
  std::vector<std::string> models;
  models.reserve(workload.demand.models.size());
  for (const ModelPreference& preference : workload.demand.models)
    models.push_back(preference.model.str());
  const std::string demand = plural(workload.demand.replicas, "replica") + " of " +
                             plural(workload.demand.per_replica.accelerators.value(),
                                    join(models, " or ") + " accelerator");
  switch (decision.cause) {
    case Cause::kWaitingForSpot:
      if (workload.deadline) return "waiting for spot as long as the deadline allows";
      return fmt::format("waiting for spot until {}, then on-demand",
                         format_instant(workload.waiting_since + workload.fallback_after));
    case Cause::kNoCapacity:
      return "no room for " + demand + ": every eligible pool is full or stocked out";
    case Cause::kNoEligiblePool:
      return "no pool can ever take " + demand +
             ": check model, tiers, size and node constraints against the CapacityPools";
    case Cause::kRateLimit:
      return fmt::format("every offering is dearer than maxRate {}",
                         dollars(workload.demand.max_rate.value_or(HourlyRate())));
    case Cause::kPriceUnknown: return "the only room is on pools whose price is not known";
    default: return because(snapshot, decision) + "; waiting for a place";
  }
}

}  // namespace

namespace {

// "asleep until 2026-11-23T07:00:00Z: policy nights: outside of its hours", and of a service whose
// turn it is not yet "asleep: policy nights: within its hours; waits for StatefulSet db".
std::string sleeping(const Boxed<AwakeState>& hours) {
  if (!hours) return "asleep";
  const bool known = !hours->awake && hours->next.has_value();
  const std::string until = known ? " until " + format_instant(*hours->next) : "";
  return "asleep" + until + ": " + hours->reason;
}

// Why an attempt that is to leave has not left yet.
std::string saving(const Snapshot& snapshot, const TrainingDecision& decision) {
  std::string text = decision.cause == Cause::kSuspended     ? "suspended by its spec"
                     : decision.cause == Cause::kAsleep      ? sleeping(decision.hours)
                     : decision.cause == Cause::kTerminating ? "being deleted"
                                                             : because(snapshot, decision);
  text += ": saving a checkpoint first";
  const auto& save = decision.interruption->save;
  if (save) text += ", until " + format_instant(save->deadline) + " at the latest";
  if (decision.nominated) text += "; then " + place_of(snapshot.pools[*decision.nominated]);
  return text;
}

}  // namespace

std::string explain(const Snapshot& snapshot, const TrainingDecision& decision, Instant) {
  const TrainingWorkload& workload = snapshot.training[decision.workload];
  const bool is_leaving = decision.interruption && decision.interruption->save &&
                          decision.interruption->save->reason != api::SaveReason::kPrecaution;
  if (is_leaving && decision.interruption->state == InterruptionState::kSaving)
    return saving(snapshot, decision);
  switch (decision.cause) {
    case Cause::kSuspended: return "suspended by its spec";
    case Cause::kAsleep: return sleeping(decision.hours);
    case Cause::kTerminating: return "being deleted";
    case Cause::kSucceeded: return "finished";
    case Cause::kEarlierAttemptEnding: return "waiting for the pods of an earlier attempt to end";
    case Cause::kCheckpointUnknown:
      return "waiting for the checkpoint store to tell what there is to resume from: never from "
             "the "
             "beginning because of an error";
    case Cause::kNoProgress:
      return fmt::format(
          "{} in a row without a newer checkpoint, and neither a lost node nor the program "
          "explains "
          "them: look at the events and logs of its pods",
          plural(workload.restarts_without_progress + 1, "restart"));
    case Cause::kRestartsExhausted:
      return fmt::format("the program failed {} and maxRestarts is {}",
                         plural(workload.user_failures + 1, "time"), workload.max_restarts);
    default: break;
  }
  if (!decision.placement) return waiting(snapshot, decision);
  const Pool& pool = snapshot.pools[decision.placement->pool];
  const HourlyRate rate =
      rate_of(pool.offering.price.likely, pool, workload.demand, workload.demand.replicas);
  return because(snapshot, decision) + ": " +
         priced(pool, workload.demand, workload.demand.replicas) +
         lower_price_not_taken(snapshot, decision, pool, rate) +
         next_best(snapshot, decision.alternatives);
}

std::string explain(const Snapshot& snapshot, const InferenceDecision& decision, Instant) {
  const InferenceWorkload& workload = snapshot.inference[decision.workload];
  if (decision.cause == Cause::kAsleep) return sleeping(decision.hours);
  std::vector<std::string> parts;
  parts.reserve(decision.shares.size());
  for (const InferenceShare& share : decision.shares) {
    parts.push_back(fmt::format("{} on {}", share.replicas, place_of(snapshot.pools[share.pool])));
  }
  std::string text = parts.empty() ? "no replica placed" : join(parts, ", ");
  if (decision.baseline_clamped) {
    text += fmt::format("; baseline {} counts as {}, there are no more replicas", workload.baseline,
                        workload.demand.replicas);
  }
  if (decision.covering > 0)
    text += fmt::format("; {} of these until spot serves", decision.covering);
  if (decision.spare > 0) text += fmt::format("; {} of these to spare", decision.spare);
  if (decision.unprotected > 0)
    text += "; the loss of a zone would leave " + plural(decision.unprotected, "replica") +
            " less than promised";
  std::int64_t leaving = 0;
  for (const InferenceShare& share : decision.shares)
    leaving += share.leaving;
  if (leaving > 0) text += "; " + plural(leaving, "more replica") + " about to lose its node";
  const std::string missing = plural(decision.unplaced, "replica") + " without a place: ";
  switch (decision.cause) {
    case Cause::kNoCapacity:
      return text + "; " + missing + "every eligible pool is full or stocked out";
    case Cause::kNoEligiblePool: return text + "; " + missing + "no pool can ever take them";
    case Cause::kRateLimit:
      return text + "; " + missing + "more would exceed maxRate " +
             dollars(workload.demand.max_rate.value_or(HourlyRate()));
    case Cause::kPriceUnknown:
      return text + "; " + missing + "the only room is on pools whose price is not known";
    case Cause::kSpotUnavailable:
      return text + "; spot is not to be had for all that should be on it";
    case Cause::kTerminating: return text + "; being deleted";
    default: return text;
  }
}

}  // namespace spillway::plan
