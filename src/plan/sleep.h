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

// A service that is awake waits for others of its Namespace to be ready: lower wake orders go
// first. Whose turn it is the snapshot knows where plain workloads wake in the same order; else
// each order is waited for at most kWakePatience after the edge that woke it. Lower orders never
// wait for higher ones, so nobody waits in a circle.
inline constexpr Duration kWakePatience = std::chrono::minutes(5);
struct Turn {
  std::optional<Instant> begins;  // it waits until then; nullopt: it may begin now
  std::string reason;             // "waits for StatefulSet db"; empty: nobody is in its way
};
Turn turn_of(const Snapshot& snapshot, const InferenceWorkload& workload,
             const Boxed<AwakeState>& hours, Instant now);

}  // namespace spillway::plan
