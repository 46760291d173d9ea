#pragma once
// What the status of each CostPolicy should say after a plan.

#include <optional>
#include <vector>

#include <spillway/control/work.h>
#include <spillway/control/world.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

// Status of the policies. What moves with every workload is counted at most every kCountInterval.
class PolicyReporter {
 public:
  static constexpr Duration kCountInterval = std::chrono::seconds(10);
  std::vector<Work> work(const World& world, const Picture& picture, const plan::Plan& plan,
                         Instant now);
  // When the next counts are due; nullopt without policies.
  [[nodiscard]] std::optional<Instant> wake_at() const { return wake_at_; }

 private:
  std::optional<Instant> counted_at_;
  std::optional<Instant> wake_at_;
};

// What the status of a policy should say. The condition Contested is another writer's and not in
// it.
api::CostPolicyStatus policy_status(const api::CostPolicy& policy, const Picture& picture,
                                    const plan::Plan& plan, Instant now);

}  // namespace spillway::control
