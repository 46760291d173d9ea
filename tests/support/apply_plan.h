#pragma once
// What the world is after a plan was carried out: decisions stand recorded as made, children of
// ended attempts are gone, new ones do not exist yet. Planning the result again must change
// nothing.

#include <algorithm>

#include <spillway/plan/plan.h>

namespace spillway::plan::test {

inline void apply(TrainingWorkload& workload, const TrainingDecision& decision, Instant now) {
  if (workload.checkpointing) {
    if (decision.interruption && decision.interruption->save)
      workload.checkpointing->save = decision.interruption->save;
    workload.restarts_without_progress = decision.restarts_without_progress;
    workload.checkpointing->suggested_interval = decision.suggested_interval;
  }
  if (decision.verdict == TrainingVerdict::kKeep || decision.verdict == TrainingVerdict::kWait)
    return;
  if (workload.checkpointing && workload.placement && workload.state != AttemptState::kNotCreated) {
    workload.checkpointing->ended = Checkpointing::Ended{
        .attempt = workload.placement->attempt, .at = now, .work = decision.work_done};
  }
  workload.placement = decision.placement;
  workload.state = AttemptState::kNotCreated;
  workload.bound.clear();
  workload.starting_since.reset();
  workload.running_since.reset();
  if (decision.counts_as_user_failure) ++workload.user_failures;
  if (decision.placement) {
    workload.last_attempt = decision.placement->attempt;
    workload.earlier_attempt_ending = true;
  } else {
    workload.waiting_since = now;
  }
}

// Replicas that are taken back are the unbound ones first, then those on the nodes that the plan
// says are to be left. Their room is given up, but they serve until others do.
inline void apply(InferenceWorkload& workload, const InferenceDecision& decision, Instant now) {
  std::vector<InferenceAllocation> next;
  for (const InferenceShare& share : decision.shares) {
    InferenceAllocation allocation{.pool = share.pool,
                                   .desired = share.replicas,
                                   .leaving = share.leaving,
                                   .since = now,
                                   .starting_since = now};
    for (const InferenceAllocation& before : workload.allocations) {
      if (before.pool != share.pool) continue;
      allocation = before;
      allocation.desired = share.replicas;
      allocation.leaving = share.leaving;
      for (const std::size_t node : share.leave) {
        const auto at = std::find_if(
            allocation.bound.begin(), allocation.bound.end(),
            [&](const Bound& bound) { return bound.node == node && bound.replicas > 0; });
        if (at != allocation.bound.end()) --at->replicas;
      }
      std::int64_t bound = 0;
      std::erase_if(allocation.bound, [](const Bound& at) { return at.replicas <= 0; });
      for (const Bound& at : allocation.bound)
        bound += at.replicas;
      const bool was_short = before.ready < before.desired;
      const bool is_short = std::min(allocation.ready, bound) < share.replicas;
      if (is_short && (!was_short || share.replicas > before.desired))
        allocation.starting_since = now;
    }
    next.push_back(std::move(allocation));
  }
  for (const InferenceAllocation& before : workload.allocations) {
    const bool kept = std::any_of(next.begin(), next.end(), [&](const InferenceAllocation& after) {
      return after.pool == before.pool;
    });
    if (kept || before.ready == 0) continue;
    next.push_back({.pool = before.pool, .ready = before.ready, .since = now});
  }
  workload.allocations = std::move(next);
}

// Finished jobs leave the snapshot.
inline Snapshot apply_plan(Snapshot snapshot, const Plan& plan, Instant now, const Config& config) {
  for (const StockOut& stock_out : plan.stock_outs) {
    market::Offering& offering = snapshot.pools[stock_out.pool].offering;
    offering.availability = market::Availability::kStockedOut;
    offering.retry_at = now + config.stock_out_base;
  }
  std::vector<TrainingWorkload> training;
  for (std::size_t i = 0; i < snapshot.training.size(); ++i) {
    const TrainingVerdict verdict = plan.training[i].verdict;
    if (verdict == TrainingVerdict::kSucceed || verdict == TrainingVerdict::kFail) continue;
    apply(snapshot.training[i], plan.training[i], now);
    training.push_back(std::move(snapshot.training[i]));
  }
  snapshot.training = std::move(training);
  for (std::size_t i = 0; i < snapshot.inference.size(); ++i)
    apply(snapshot.inference[i], plan.inference[i], now);
  return snapshot;
}

}  // namespace spillway::plan::test
