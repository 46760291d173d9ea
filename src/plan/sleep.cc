#include "sleep.h"

#include <set>

namespace spillway::plan {
namespace {

Boxed<AwakeState> state_of(const Snapshot& snapshot, HoursSubject subject,
                           const Boxed<OwnHours>& own, Instant now) {
  static const AwakeRules kNoPolicies({}, {});
  const AwakeRules& hours = snapshot.hours ? *snapshot.hours : kNoPolicies;
  if (own) {
    subject.environment = own->environment;
    subject.annotations = &own->overrides;
    if (own->schedule) subject.schedule = &*own->schedule;
    if (!own->schedule_problem.empty()) subject.schedule_problem = &own->schedule_problem;
  }
  AwakeState state = hours.state(subject, now);
  if (!state.managed) return {};
  return state;
}

std::int32_t wake_order(const InferenceWorkload& workload) {
  return workload.own_hours ? workload.own_hours->wake_order : 0;
}

bool is_ready(const InferenceWorkload& workload) {
  std::int64_t ready = 0;
  for (const InferenceAllocation& allocation : workload.allocations)
    ready += allocation.ready;
  return ready >= workload.demand.replicas;
}

}  // namespace

Boxed<AwakeState> hours_of(const Snapshot& snapshot, const TrainingWorkload& workload,
                           Instant now) {
  if (!snapshot.hours && !workload.own_hours) return {};
  HoursSubject subject{.kind = SubjectKind::kTrainingJob, .ns = workload.key.ns};
  return state_of(snapshot, std::move(subject), workload.own_hours, now);
}

Boxed<AwakeState> hours_of(const Snapshot& snapshot, const InferenceWorkload& workload,
                           Instant now) {
  if (!snapshot.hours && !workload.own_hours) return {};
  HoursSubject subject{.kind = SubjectKind::kInferencePool, .ns = workload.key.ns};
  return state_of(snapshot, std::move(subject), workload.own_hours, now);
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

std::optional<Instant> waits_for_its_turn(const Snapshot& snapshot,
                                          const InferenceWorkload& workload,
                                          const AwakeState& state, Instant now) {
  const std::int32_t order = wake_order(workload);
  if (order <= 0 || !state.awake || !state.since || is_ready(workload)) return std::nullopt;
  const bool began = !workload.allocations.empty();
  if (began) return std::nullopt;
  std::set<std::int32_t> before;  // orders below, of which somebody is not ready
  for (const InferenceWorkload& other : snapshot.inference) {
    const bool earlier = other.key.ns == workload.key.ns && wake_order(other) < order;
    if (!earlier || other.terminating || is_ready(other)) continue;
    const Boxed<AwakeState> hours = hours_of(snapshot, other, now);
    if (hours && hours->awake) before.insert(wake_order(other));
  }
  const Instant until = *state.since + kWakePatience * static_cast<std::int64_t>(before.size());
  if (before.empty() || now >= until) return std::nullopt;
  return until;
}

}  // namespace spillway::plan
