#pragma once
// What off-hours do to our workloads. A service that sleeps is one of which no replicas are asked
// for; a job is suspended, not begun, or left alone, as its policy says (api::TrainingOffHours).

#include <spillway/plan/hours.h>

#include "pass.h"

namespace spillway::plan {

// Null when nothing ever puts it to sleep.
Boxed<AwakeState> hours_of(const Snapshot& snapshot, const TrainingWorkload& workload, Instant now);
Boxed<AwakeState> hours_of(const Snapshot& snapshot, const InferenceWorkload& workload,
                           Instant now);

inline bool asleep(const Boxed<AwakeState>& hours) {
  return hours && !hours->awake;
}
// The attempt in force is to end as if spec.suspend were set.
bool is_put_to_sleep(const Job& job);
// No attempt may begin now.
bool may_not_begin(const Job& job);

// A service as it is planned for while it sleeps.
InferenceWorkload without_replicas(const InferenceWorkload& workload);

// Services that are awake and wait for others of their Namespace to be ready: those with a lower
// wake order go first, each order for at most kWakePatience after the edge that woke them. From
// this instant on the service may begin; nullopt: now.
inline constexpr Duration kWakePatience = std::chrono::minutes(5);
std::optional<Instant> waits_for_its_turn(const Snapshot& snapshot,
                                          const InferenceWorkload& workload,
                                          const AwakeState& state, Instant now);

}  // namespace spillway::plan
