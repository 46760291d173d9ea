#pragma once
// Who may run now: the off-hours of policies, the schedules of single workloads, and what people
// asked for. Pure, and a level: the same at any time for the same facts, however often it is asked
// and whatever was missed.
//
// Who decides, first to last:
//   1. what a person asked for, with an end: annotations of the object, then of its Namespace;
//      of two on the same object, wake goes before sleep;
//   2. holidays: of the object's own schedule, then of the policies;
//   3. the windows of the object's own schedule;
//   4. the windows of the policies that select it; when they disagree, awake wins;
//   5. nobody: awake.
// An exception of a schedule (exceptUntil) lifts its own holidays and windows. What cannot be read
// errs towards awake: of overrides wake counts without an end until it is mended, sleep not at all;
// an own schedule whose windows contradict each other keeps the object awake, whatever policies
// say.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <spillway/api/cost_policy.h>
#include <spillway/core/ids.h>
#include <spillway/core/object.h>
#include <spillway/core/schedule.h>
#include <spillway/core/time.h>

namespace spillway::plan {

// A CostPolicy with off-hours that make sense.
struct HoursPolicy {
  ObjectName name;
  api::PolicySelector selector;
  bool enforced = false;  // mode Enforce; else it is only shown
  Schedule schedule;
  api::TrainingOffHours training = api::TrainingOffHours::kFinish;
  std::vector<api::PlainWorkloadKind> workloads;
};

struct NamespaceFacts {
  Labels labels;
  Annotations annotations;  // those of overrides
};

enum class SubjectKind : std::uint8_t {
  kInferencePool,
  kTrainingJob,
  kDeployment,
  kStatefulSet,
  kCronJob,
};

// What may have to sleep. Pointers are into the caller's object and outlive the call only.
struct HoursSubject {
  SubjectKind kind = SubjectKind::kInferencePool;
  Namespace ns;
  std::string environment;                   // its own; empty: that of its Namespace
  const Annotations* annotations = nullptr;  // of overrides; null: none
  const Schedule* schedule = nullptr;        // its own
  // Why its own makes no sense, one sentence; null: it does, or there is none.
  const std::string* schedule_problem = nullptr;
};

// What people asked for, as annotations say it.
struct Override {
  std::optional<Instant> wake_until;
  std::optional<Instant> sleep_until;
  std::string by;
  std::optional<Instant> at;
  std::string problem;  // one sentence on what cannot be read; empty: nothing
  bool wake_unreadable = false;
};
Override read_override(const Annotations& annotations);

struct AwakeState {
  bool awake = true;
  bool managed = false;          // something may put it to sleep, now or some day
  std::optional<Instant> since;  // the latest edge of what decides; nullopt: long ago, or never
  std::optional<Instant> next;  // when `awake` changes, if nobody asks for anything; nullopt: never
  std::string reason;           // "policy nights: outside of its hours"
  std::string problem;          // of an override or of its own schedule; empty: none
  // The policy that decides, or the first that would; empty: none.
  ObjectName policy;
  // Of TrainingJobs: the mildest of what the policies say that put it to sleep.
  api::TrainingOffHours training = api::TrainingOffHours::kSuspend;

  friend bool operator==(const AwakeState&, const AwakeState&) = default;
};

// Everything that is known of hours at one instant.
class AwakeRules {
 public:
  AwakeRules(std::vector<HoursPolicy> policies, std::map<Namespace, NamespaceFacts> namespaces);

  [[nodiscard]] const std::vector<HoursPolicy>& policies() const { return policies_; }
  [[nodiscard]] const std::map<Namespace, NamespaceFacts>& namespaces() const {
    return namespaces_;
  }
  // Whether the policy is about it, enforced or not.
  [[nodiscard]] bool selects(const HoursPolicy& policy, const HoursSubject& subject) const;
  // Time: linear in the policies that select it, and their windows. Without any, at once.
  [[nodiscard]] AwakeState state(const HoursSubject& subject, Instant now) const;
  // Nothing can put anything to sleep but an object's own schedule and annotations.
  [[nodiscard]] bool idle() const { return policies_.empty() && !overridden_; }

 private:
  std::vector<HoursPolicy> policies_;  // by name
  std::map<Namespace, NamespaceFacts> namespaces_;
  bool overridden_ = false;  // some Namespace has an override
};

}  // namespace spillway::plan
