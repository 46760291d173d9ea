#include <spillway/control/save_record.h>

#include "checkpoint_facts.h"

namespace spillway::control {

void SaveRecord::show(Picture& picture) const {
  for (plan::TrainingWorkload& workload : picture.snapshot.training) {
    if (!workload.checkpointing || !workload.placement) continue;
    const auto at = pools_.find(picture.snapshot.pools[workload.placement->pool].name);
    if (at == pools_.end()) continue;
    workload.checkpointing->notice_saves = at->second.asked;
    workload.checkpointing->notice_saves_verified = at->second.verified;
  }
}

void SaveRecord::learn(const Picture& picture, const plan::Plan& plan) {
  for (const plan::TrainingDecision& decision : plan.training) {
    if (!decision.interruption) continue;
    const std::optional<api::SaveStatus>& settles = decision.interruption->save;
    if (!settles) continue;
    const api::SaveStatus& save = *settles;
    const bool verified = save.state == api::SaveState::kVerified;
    const bool settled = verified || save.state == api::SaveState::kGivenUp;
    const plan::TrainingWorkload& workload = picture.snapshot.training[decision.workload];
    if (!settled || save.reason != api::SaveReason::kNotice || !workload.placement) continue;
    if (counted_.size() >= kMaxRemembered) counted_.clear();
    if (!counted_.insert(workload.uid.str() + "/" + save_id(save)).second) continue;
    Counts& counts = pools_[picture.snapshot.pools[workload.placement->pool].name];
    ++counts.asked;
    if (verified) ++counts.verified;
  }
}

}  // namespace spillway::control
