#include "as_applied.h"

#include <spillway/api/codec.h>

namespace spillway::cli {
namespace {

// Newer than every version of the server: one digit more.
ResourceVersion newer(const ResourceVersion& version) {
  return ResourceVersion(version.empty() ? "1" : version.str() + "0");
}

Result<void> admit(const api::TrainingJob& job, Instant now) {
  if (!job.spec.deadline || *job.spec.deadline > now) return {};
  return invalid("spec.deadline: " + format_instant(*job.spec.deadline) +
                 " has passed: write a time in the future");
}
template <class Kind>
Result<void> admit(const Kind&, Instant) {
  return {};
}

template <class Kind>
Result<void> apply_one(const Manifest& manifest, kube::Store<Kind>& store, Instant now) {
  TRY(object, api::read<Kind>(manifest.object, api::UnknownFields::kRefuse));
  object.status = {};
  const auto before = store.find(object.meta.key);
  if (!before) {
    TRY_VOID(admit(object, now));
    object.meta.uid = Uid("from-file-" + object.meta.key.to_string());
    object.meta.generation = 1;
    object.meta.created_at = std::chrono::floor<std::chrono::seconds>(now);
    object.meta.resource_version = newer({});
    store.upsert(std::move(object));
    return {};
  }
  TRY_VOID(api::validate_update(*before, object));
  Kind after = *before;
  if (!(after.spec == object.spec)) ++after.meta.generation;
  after.spec = std::move(object.spec);
  after.meta.resource_version = newer(before->meta.resource_version);
  store.upsert(std::move(after));
  return {};
}

}  // namespace

Result<Applied> apply_manifests(const std::vector<Manifest>& manifests, control::World& world,
                                Instant now) {
  Applied applied;
  for (const Manifest& manifest : manifests) {
    const std::string kind = manifest.kind();
    Result<void> done;
    if (!manifest.ours()) {
      applied.ignored.push_back(kind);
      continue;
    }
    if (kind == api::kResource<api::TrainingJob>.kind) {
      done = apply_one(manifest, world.training_jobs, now);
    } else if (kind == api::kResource<api::InferencePool>.kind) {
      done = apply_one(manifest, world.inference_pools, now);
    } else {
      done = apply_one(manifest, world.capacity_pools, now);
    }
    const nlohmann::json& metadata = manifest.object.at("metadata");
    const ObjectKey key{Namespace(metadata.value("namespace", "")),
                        ObjectName(metadata.value("name", ""))};
    std::string title = kind;
    title += " " + key.to_string();
    if (!done) return fail(done.error().in(manifest.source + ", " + title));
    applied.workloads.insert(std::move(title));
  }
  return applied;
}

}  // namespace spillway::cli
