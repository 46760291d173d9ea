#include <spillway/control/policies.h>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/control/reconcile.h>

namespace spillway::control {

std::vector<Work> PolicyReporter::work(const World& world, const Picture& picture,
                                       const plan::Plan& plan, Instant now) {
  std::vector<Work> all;
  wake_at_.reset();
  bool due = !counted_at_ || now >= *counted_at_ + kCountInterval || now < *counted_at_;
  bool any = false;
  world.cost_policies.for_each([&](const Shared<api::CostPolicy>& policy) {
    any = true;
    const auto& status = policy->status;
    const bool passed = status.next_transition && now >= *status.next_transition;
    due = due || passed || status.observed_generation != policy->meta.generation;
  });
  if (!any) return all;
  if (due) counted_at_ = now;
  wake_at_ = *counted_at_ + kCountInterval;
  if (!due) return all;
  world.cost_policies.for_each([&](const Shared<api::CostPolicy>& policy) {
    if (policy->meta.deleted_at) return;
    const api::CostPolicyStatus next = policy_status(*policy, picture, plan, now);
    api::CostPolicyStatus ours = policy->status;
    std::erase_if(ours.conditions, [](const api::Condition& condition) {
      return condition.type == api::condition::kContested;
    });
    if (next == ours) return;
    Work work{.subject = reference_to("CostPolicy", policy->meta)};
    work.writes.emplace_back(WriteStatus{kCostPolicies, policy->meta.key,
                                         policy->meta.resource_version, api::write(next)});
    all.push_back(std::move(work));
  });
  return all;
}

}  // namespace spillway::control
