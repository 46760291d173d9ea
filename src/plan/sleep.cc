#include "sleep.h"

#include <map>

namespace spillway::plan {
namespace {

std::int32_t wake_order(const InferenceWorkload& workload) {
  return workload.own_hours ? workload.own_hours->wake_order : 0;
}

bool is_ready(const InferenceWorkload& workload) {
  std::int64_t ready = 0;
  for (const InferenceAllocation& allocation : workload.allocations)
    ready += allocation.ready;
  return ready >= workload.demand.replicas;
}

// It sleeps still, and may not be woken before others.
bool is_to_begin(const InferenceWorkload& workload) {
  return workload.slept && workload.allocations.empty();
}

// The orders below of which somebody is not ready, with a name of each.
using OrdersBefore = std::map<std::int32_t, std::string>;

OrdersBefore not_ready_before(const Snapshot& snapshot, const InferenceWorkload& workload,
                              Instant now) {
  const std::int32_t order = wake_order(workload);
  OrdersBefore before;
  for (const InferenceWorkload& other : snapshot.inference) {
    const bool earlier = wake_order(other) < order && other.key.ns == workload.key.ns;
    if (!earlier || other.terminating || is_ready(other)) continue;
    const Boxed<AwakeState> hours = hours_of(snapshot, other, now);
    if (hours && hours->awake)
      before.try_emplace(wake_order(other), "InferencePool " + other.key.name.str());
  }
  return before;
}

}  // namespace

Boxed<AwakeState> awake_state(const Boxed<AwakeRules>& hours, HoursSubject subject,
                              const Boxed<OwnHours>& own, Instant now) {
  if (!hours && !own) return {};
  static const AwakeRules kNoPolicies({}, {});
  if (own) {
    subject.environment = own->environment;
    subject.annotations = &own->overrides;
    if (own->schedule) subject.schedule = &*own->schedule;
    if (!own->schedule_problem.empty()) subject.schedule_problem = &own->schedule_problem;
  }
  AwakeState state = (hours ? *hours : kNoPolicies).state(subject, now);
  if (!state.managed) return {};
  return state;
}

Boxed<AwakeState> hours_of(const Snapshot& snapshot, const TrainingWorkload& workload,
                           Instant now) {
  return awake_state(snapshot.hours, {.kind = SubjectKind::kTrainingJob, .ns = workload.key.ns},
                     workload.own_hours, now);
}

Boxed<AwakeState> hours_of(const Snapshot& snapshot, const InferenceWorkload& workload,
                           Instant now) {
  return awake_state(snapshot.hours, {.kind = SubjectKind::kInferencePool, .ns = workload.key.ns},
                     workload.own_hours, now);
}

bool is_put_to_sleep(const Job& job) {
  return asleep(job.hours) && job.hours->training == api::TrainingOffHours::kSuspend;
}

bool may_not_begin(const Job& job) {
  if (!asleep(job.hours)) return false;
  switch (job.hours->training) {
    case api::TrainingOffHours::kSuspend:
    case api::TrainingOffHours::kHoldStarts: return true;
    case api::TrainingOffHours::kFinish: return job.workload->last_attempt.value() == 0;
    case api::TrainingOffHours::kIgnore: return false;
  }
  return false;
}

InferenceWorkload without_replicas(const InferenceWorkload& workload) {
  InferenceWorkload none = workload;
  none.demand.replicas = 0;
  none.baseline = 0;
  none.overprovision = 0;
  none.floor_through_zone_loss.reset();
  return none;
}

Waking services_waking(const Snapshot& snapshot, Instant now) {
  Waking waking;
  for (const InferenceWorkload& workload : snapshot.inference) {
    if (workload.terminating || is_ready(workload)) continue;
    if (asleep(hours_of(snapshot, workload, now))) continue;
    (is_to_begin(workload) ? waking.to_begin : waking.begun).insert(workload.key.ns);
  }
  return waking;
}

Turn turn_of(const Snapshot& snapshot, const InferenceWorkload& workload,
             const Boxed<AwakeState>& hours, Instant now) {
  if (asleep(hours) || is_ready(workload)) return {};
  const auto waits_for = [](const std::string& name, std::optional<Instant> until) {
    return Turn{.begins = until, .reason = "waits for " + name};
  };
  if (const auto at = snapshot.turns.find(workload.key.ns); at != snapshot.turns.end()) {
    const WakeTurn& turn = at->second;
    const std::int32_t order = wake_order(workload);
    if (is_to_begin(workload) && order > turn.order) return waits_for(turn.waits_for, turn.until);
    if (!turn.without || turn.without->wake_order >= order) return {};
    return {
        .begins = std::nullopt,
        .reason = "goes on without " + turn.without->name + ", which took too long to be ready"};
  }
  if (!workload.allocations.empty() || !hours || !hours->since) return {};
  const OrdersBefore before = not_ready_before(snapshot, workload, now);
  const Instant until = *hours->since + kWakePatience * static_cast<std::int64_t>(before.size());
  if (now >= until || before.empty()) return {};
  return waits_for(before.begin()->second, until);
}

}  // namespace spillway::plan
