#include <spillway/control/world.h>

#include <spillway/control/keys.h>
#include <spillway/control/picture.h>

#include "attempts.h"

namespace spillway::control {
namespace {

std::optional<ObjectKey> if_attended(const api::TrainingJob& job) {
  const bool expires = job.spec.ttl_seconds_after_finished && job.status.finished_at;
  if (!over(job) || job.holds_deletion || expires) return kAttended;
  return std::nullopt;
}

std::optional<ObjectKey> by_training_job(const kube::Job& job) {
  const auto name = job.meta.labels.find(label::kTrainingJob);
  if (!name) return std::nullopt;
  return ObjectKey{.ns = job.meta.key.ns, .name = ObjectName(*name)};
}

std::optional<ObjectKey> alive_or_by_training_job(const kube::Pod& pod) {
  if (!pod.terminal()) return kAttended;
  const auto name = pod.meta.labels.find(label::kTrainingJob);
  if (!name || !attempt_of(pod.meta)) return std::nullopt;
  return ObjectKey{.ns = pod.meta.key.ns, .name = ObjectName(*name)};
}

}  // namespace

World::World() {
  training_jobs.group_by(&if_attended);
  jobs.group_by(&by_training_job);
  pods.group_by(&alive_or_by_training_job);
}

}  // namespace spillway::control
