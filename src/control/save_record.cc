#include <spillway/control/save_record.h>

#include <spillway/control/keys.h>

#include "attempts.h"
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

void SaveRecord::recall(const Picture& picture) {
  for (std::size_t i = 0; i < picture.training.size(); ++i) {
    const api::TrainingJob& job = *picture.training[i];
    if (!job.status.save) continue;
    const TrainingChildren& children = picture.training_children[i];
    std::vector<Shared<kube::Job>> attempts = children.earlier;
    if (children.current) attempts.push_back(children.current);
    for (const Shared<kube::Job>& attempt : attempts) {
      const auto pool = attempt->meta.labels.find(label::kPool);
      if (pool && attempt_of(attempt->meta) == job.status.save->attempt)
        count(job.meta.uid, *job.status.save, PoolName(*pool));
    }
  }
}

void SaveRecord::count(const Uid& job, const api::SaveStatus& save, const PoolName& pool) {
  const bool verified = save.state == api::SaveState::kVerified;
  const bool settled = verified || save.state == api::SaveState::kGivenUp;
  if (!settled || save.reason != api::SaveReason::kNotice) return;
  if (counted_.size() >= kMaxRemembered) counted_.clear();
  if (!counted_.insert(job.str() + "/" + save_id(save)).second) return;
  Counts& counts = pools_[pool];
  ++counts.asked;
  if (verified) ++counts.verified;
}

void SaveRecord::learn(const Picture& picture, const plan::Plan& plan) {
  for (const plan::TrainingDecision& decision : plan.training) {
    if (!decision.interruption) continue;
    const std::optional<api::SaveStatus>& settles = decision.interruption->save;
    if (!settles) continue;
    const plan::TrainingWorkload& workload = picture.snapshot.training[decision.workload];
    if (workload.placement)
      count(workload.uid, *settles, picture.snapshot.pools[workload.placement->pool].name);
  }
}

}  // namespace spillway::control
