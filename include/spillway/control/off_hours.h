#pragma once
// What the CostPolicies and people say of a plain workload at an instant: plan::AwakeRules, asked
// for objects that are not ours. Overrides count only where a policy in force lists the kind: by
// that its administrator has agreed to this kind being switched at all.

#include <compare>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <spillway/api/cost_policy.h>
#include <spillway/control/namespaces.h>
#include <spillway/control/off_switch.h>
#include <spillway/plan/hours.h>

namespace spillway::control {

class OffHoursBook {
 public:
  using PolicyPointer = std::shared_ptr<const api::CostPolicy>;
  using NamespacePointer = std::shared_ptr<const NamespaceView>;

  // What is there at `now`; order() is asked for the same instant.
  void look(std::vector<PolicyPointer> policies, std::vector<NamespacePointer> namespaces,
            Instant now);
  // Of objects that say nothing themselves it is computed once for a namespace, a kind and an
  // environment.
  [[nodiscard]] const OffHoursOrder& order(const PlainWorkload& object);
  // Nothing can be asleep.
  [[nodiscard]] bool idle() const { return rules_.policies().empty(); }

 private:
  // Who gets the same answer; `alone` has a word of its own.
  struct Group {
    Namespace ns;
    PlainKind kind = PlainKind::kDeployment;
    std::string environment;
    Uid alone;
    friend auto operator<=>(const Group&, const Group&) = default;
  };
  [[nodiscard]] OffHoursOrder compute(const PlainWorkload& object, const Group& group) const;
  [[nodiscard]] const plan::HoursPolicy* policy_for(const plan::HoursSubject& subject,
                                                    PlainKind kind) const;

  std::vector<PolicyPointer> policies_;
  std::vector<NamespacePointer> namespaces_;
  std::map<std::string, Instant> made_at_;  // by policy
  plan::AwakeRules rules_{{}, {}};
  Instant now_{};
  std::map<Group, OffHoursOrder> orders_;
};

}  // namespace spillway::control
