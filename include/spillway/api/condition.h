#pragma once
// metav1.Condition: the standard form in which every resource says how it is.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/api/enums.h>
#include <spillway/core/time.h>

namespace spillway::api {

struct Condition {
  std::string type;  // CamelCase, one of the names below
  ConditionStatus status = ConditionStatus::kUnknown;
  std::int64_t observed_generation = 0;  // metadata.generation that this condition speaks of
  Instant last_transition_time{};        // when `status` last flipped
  std::string reason;                    // CamelCase, never empty, for programs
  std::string message;                   // a sentence for people

  friend bool operator==(const Condition&, const Condition&) = default;
};
using Conditions = std::vector<Condition>;

namespace condition {
// CapacityPool: its price and nodes are known and it can take work.
inline constexpr std::string_view kReady = "Ready";
// TrainingJob and InferencePool: a pool was chosen for all that was asked for.
inline constexpr std::string_view kPlaced = "Placed";
// TrainingJob: all ranks of the current attempt run.
inline constexpr std::string_view kRunning = "Running";
// TrainingJob with checkpoints: the newest one was verified. False or Unknown say what to fix.
inline constexpr std::string_view kCheckpointed = "Checkpointed";
// TrainingJob: capacity that it runs on is about to be taken; the message says until when and what
// is being done.
inline constexpr std::string_view kInterrupted = "Interrupted";
// TrainingJob: ended well, or for good. At most one of the two is ever True, and then it stays so.
inline constexpr std::string_view kComplete = "Complete";
inline constexpr std::string_view kFailed = "Failed";
// InferencePool: all the replicas asked for are ready.
inline constexpr std::string_view kAvailable = "Available";
// InferencePool: not all is as it was asked for; the reason says what, the message why.
inline constexpr std::string_view kDegraded = "Degraded";
// InferencePool with spec.gateway: the Gateway API's object is there and in step.
inline constexpr std::string_view kGatewayPool = "GatewayPool";
// InferencePool: a field asks for more than another allows (baseline above replicas); what is done
// instead is in the message.
inline constexpr std::string_view kClamped = "Clamped";
// CostPolicy: no other policy keeps awake what this one puts to sleep.
inline constexpr std::string_view kAgrees = "Agrees";
// CostPolicy: somebody else starts what this policy stops.
inline constexpr std::string_view kContested = "Contested";
}  // namespace condition

// The condition of this type, or null.
const Condition* find_condition(const Conditions& conditions, std::string_view type);
bool is_true(const Conditions& conditions, std::string_view type);

// Puts the condition in, sorted by type. When the status is what it was, the time of the last
// transition is kept, so that an unchanged verdict writes nothing. True when anything changed.
bool set_condition(Conditions& conditions, Condition condition);

}  // namespace spillway::api
