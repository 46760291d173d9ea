#pragma once
// Plain Deployments, StatefulSets and CronJobs sleep when a policy says so: the decisions, pure.
// Level, not edge: a step looks at one object as it is and says which single write, if any, brings
// it where it should be. What to restore is remembered on the object itself in the same write that
// stops it, so no crash between two writes can lose it; the write is refused if the object has
// moved on from the version that was decided on.
//
//   wanted   annotation   value        step
//   asleep   none         running      stop it and remember (new objects: after a grace)
//   asleep   none         stopped      nothing: it was off before, and stays off at dawn
//   asleep   there        stopped      nothing: it sleeps
//   asleep   there        running      somebody changed it: a person wins until the next edge; a
//                                      machine is contradicted a few times, then named and left
//   awake    there        stopped      restore, in its turn
//   awake    there        running      forget: somebody was faster
//   awake    none         any          nothing
//
// A policy that is deleted, only audits, or selects the namespace no more wants everything awake.
// Rules and their reasons: docs/off-switch.md.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/control/plain_workload.h>
#include <spillway/core/ids.h>
#include <spillway/plan/snapshot.h>

namespace spillway::control {

namespace annotation {
// Set by Spillway: the object sleeps; its value says what to restore.
inline constexpr std::string_view kAsleep = "spillway.dev/asleep";
// Set by users on an object: "true" keeps it out of every off-hours policy.
inline constexpr std::string_view kNeverSleep = "spillway.dev/never-sleep";
// Set by users on an object or an InferencePool: an integer; lower ones are woken first and are
// ready before higher ones of the namespace begin. 0 without it.
inline constexpr std::string_view kWakeOrder = "spillway.dev/wake-order";
}  // namespace annotation

// What a policy in force says of one object now.
struct OffHoursOrder {
  std::string policy;  // metadata.name; empty: none enforces anything here
  bool asleep = false;
  Instant since{};               // the edge that began this: what people set after it stays
  std::optional<Instant> until;  // the next edge, if any
};

struct OffSwitchLimits {
  Duration grace = std::chrono::minutes(15);  // a new object is left alone for so long
  // A machine that starts a sleeping object again is contradicted so often in one sleep; the pause
  // before it doubles.
  int max_reversions = 3;
  Duration first_pause = std::chrono::seconds(10);
  // Objects of one order that do not become ready hold up the next ones for so long.
  Duration wake_patience = std::chrono::minutes(5);
};

// The annotation kAsleep: `{"replicas":3,"since":"2026-11-21T20:00:00Z","policy":"nights"}`; of a
// CronJob "suspend":false instead. "reverted" counts how often a machine was contradicted.
struct AsleepRecord {
  std::int32_t replicas = 1;
  Instant since{};
  std::string policy;
  int reverted = 0;
  friend bool operator==(const AsleepRecord&, const AsleepRecord&) = default;
};
Result<AsleepRecord> read_asleep_record(PlainKind kind, std::string_view text);
std::string write_asleep_record(PlainKind kind, const AsleepRecord& record);

enum class OffSwitchState : std::uint8_t {
  kUnmanaged,  // no policy, or none of our business
  kAwake,
  kAsleep,
  kNew,         // to sleep when its grace is over
  kLeftAlone,   // somebody started it while it slept
  kContested,   // a machine starts it again and again
  kWaking,      // waits for its turn
  kUnreadable,  // the annotation was damaged: nobody knows what to restore
};
std::string_view to_string(OffSwitchState state);

struct OffSwitchStep {
  OffSwitchState state = OffSwitchState::kUnmanaged;
  // One merge patch, on the version that was looked at; and what to tell when it is done.
  std::optional<nlohmann::json> patch;
  std::string reason;  // of the Event: "PutToSleep", "Woken", ...; with or without a patch
  std::string note;    // a sentence for Event and policy; empty when there is nothing to say
  bool warning = false;
  std::optional<Instant> look_again;
};

// `turn`: of its namespace (WakeTurns).
OffSwitchStep off_switch_step(const PlainWorkload& object, const OffHoursOrder& order,
                              const OffSwitchLimits& limits, Instant now,
                              const plan::WakeTurn& turn);

// Objects that are nobody's but the user's to switch: neither owned by a controller (its owner
// would start it again: act on the owner) nor marked with kNeverSleep, nor being deleted.
bool switchable(const PlainWorkload& object);
// What the annotation kWakeOrder says; 0 without it, and where it is no integer.
struct WakeOrder {
  std::int32_t value = 0;
  std::string problem;  // a sentence on what cannot be read and what to write; empty: nothing
};
WakeOrder read_wake_order(std::string_view text);  // its value; empty: it is not there
WakeOrder read_wake_order(const Annotations& annotations);
std::int32_t wake_order(const PlainWorkload& object);
// Whether the manager is known to be, or behaves like, a controller rather than a person's tool.
bool is_machine(const FieldOwner& owner);
// What its administrator has to write so that it leaves the field alone, as one sentence.
std::string ignore_rule(PlainKind kind, std::string_view manager);

// Whose turn it is to wake, by namespace: an order begins when everything of lower orders is ready,
// plain or a service, or has had its turn for `wake_patience`. Lower orders never wait for higher
// ones, so nobody waits in a circle. Remembers only until when which order is waited for;
// forgetting it costs one more wait.
class WakeTurns {
 public:
  // Of the namespaces in which somebody is to wake: all who are to be awake and are not ready,
  // those who sleep still among them.
  plan::WakeTurnIn next(const plan::NotReadyIn& not_ready, const OffSwitchLimits& limits,
                        Instant now);
  // When the next turn begins even if nothing becomes ready.
  [[nodiscard]] std::optional<Instant> look_again(Instant now) const;
  // Somebody is to wake.
  [[nodiscard]] bool any() const { return !waits_.empty(); }
  [[nodiscard]] bool any_in(const Namespace& ns) const { return waits_.contains(ns); }

 private:
  using Waits = std::map<std::int32_t, Instant>;  // by order; from then on it is not waited for
  std::map<Namespace, Waits> waits_;
};

}  // namespace spillway::control
