#include <algorithm>
#include <set>

#include <spillway/control/policies.h>
#include <spillway/core/text.h>

#include "status_parts.h"

namespace spillway::control {
namespace {

class PolicyStatus {
 public:
  PolicyStatus(const api::CostPolicy& policy, const Picture& picture, const plan::Plan& plan,
               Instant now)
      : policy_(policy), picture_(picture), plan_(plan), now_(now) {
    next_.conditions = policy.status.conditions;  // for the times of their last transitions
    std::erase_if(next_.conditions, [](const api::Condition& condition) {
      return condition.type == api::condition::kContested;
    });
  }

  api::CostPolicyStatus run() {
    next_.observed_generation = policy_.meta.generation;
    if (!policy_.spec.off_hours) {
      say(api::condition::kReady, true, "NoOffHours", "the policy says nothing about hours");
      return std::move(next_);
    }
    const auto schedule = Schedule::make(policy_.spec.off_hours->schedule());
    if (!schedule) {
      say(api::condition::kReady, false, "Invalid",
          "nothing sleeps by this policy: " + schedule.error().message);
      return std::move(next_);
    }
    next_.awake = awake(*schedule, now_);
    next_.next_transition = next_transition(*schedule, now_);
    const bool enforced = policy_.spec.mode == api::PolicyMode::kEnforce;
    say(api::condition::kReady, true, enforced ? "Enforced" : "Audited",
        enforced ? "what sleeps by this policy is put to sleep"
                 : "nothing is put to sleep by this policy; status.asleep counts what would be");
    count();
    return std::move(next_);
  }

 private:
  void say(std::string_view type, bool holds, std::string_view reason, const std::string& message) {
    api::set_condition(next_.conditions, condition(type, holds, policy_.meta.generation, reason,
                                                   shorten(message, kMaxSentence), now_));
  }

  void count() {
    const plan::HoursPolicy* mine = nullptr;
    if (picture_.snapshot.hours) {
      for (const plan::HoursPolicy& each : picture_.snapshot.hours->policies()) {
        if (each.name == policy_.meta.key.name) mine = &each;
      }
    }
    if (mine == nullptr) return;  // the picture is older than the policy
    api::PolicyCounts selected;
    api::PolicyCounts asleep;
    for (const auto& [name, facts] : picture_.snapshot.hours->namespaces()) {
      if (!mine->selector.namespaces || mine->selector.namespaces->matches(facts.labels))
        ++selected.namespaces;
    }
    for (const plan::InferenceDecision& decision : plan_.inference) {
      const plan::InferenceWorkload& workload = picture_.snapshot.inference[decision.workload];
      add(*mine, plan::SubjectKind::kInferencePool, workload, decision.hours,
          selected.inference_pools, asleep.inference_pools);
    }
    for (const plan::TrainingDecision& decision : plan_.training) {
      const plan::TrainingWorkload& workload = picture_.snapshot.training[decision.workload];
      add(*mine, plan::SubjectKind::kTrainingJob, workload, decision.hours, selected.training_jobs,
          asleep.training_jobs);
    }
    next_.selected = selected;
    next_.asleep = asleep;
    say_agrees();
  }

  template <class Workload>
  void add(const plan::HoursPolicy& mine, plan::SubjectKind kind, const Workload& workload,
           const plan::Boxed<plan::AwakeState>& hours, std::int32_t& selected,
           std::int32_t& asleep) {
    plan::HoursSubject subject{.kind = kind, .ns = workload.key.ns};
    if (workload.own_hours) subject.environment = workload.own_hours->environment;
    if (!picture_.snapshot.hours->selects(mine, subject)) return;
    ++selected;
    const bool off = next_.awake.has_value() && !*next_.awake;
    const bool sleeps = mine.enforced ? hours && !hours->awake : off;
    if (sleeps) ++asleep;
    const bool overruled = mine.enforced && off && hours && hours->awake &&
                           !hours->policy.empty() && hours->policy != mine.name;
    if (overruled) overruled_by_.insert(hours->policy.str());
  }

  void say_agrees() {
    std::string message;
    for (const std::string& name : overruled_by_)
      message +=
          (message.empty() ? "awake wins: some of what is selected stays awake by policy " : ", ") +
          name;
    say(api::condition::kAgrees, overruled_by_.empty(),
        overruled_by_.empty() ? "NoDisagreement" : "Overruled", message);
  }

  const api::CostPolicy& policy_;
  const Picture& picture_;
  const plan::Plan& plan_;
  Instant now_;
  api::CostPolicyStatus next_;
  std::set<std::string> overruled_by_;
};

}  // namespace

api::CostPolicyStatus policy_status(const api::CostPolicy& policy, const Picture& picture,
                                    const plan::Plan& plan, Instant now) {
  return PolicyStatus(policy, picture, plan, now).run();
}

}  // namespace spillway::control
