#include <spillway/control/plain_workload.h>

#include <nlohmann/json.hpp>

#include <spillway/core/time.h>

namespace spillway::control {
namespace {

using nlohmann::json;

// The member, when it has the type that it has to have; else nullptr.
const json* member(const json& object, const char* key, json::value_t type) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found != object.end() && found->type() == type ? &*found : nullptr;
}

std::string_view text(const json& object, const char* key) {
  const json* found = member(object, key, json::value_t::string);
  return found == nullptr ? std::string_view()
                          : std::string_view(found->get_ref<const std::string&>());
}

std::int64_t integer(const json& object, const char* key, std::int64_t absent) {
  if (!object.is_object()) return absent;
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : absent;
}

// Ownership of one field of spec. Of several owners (the same value applied by two) the latest.
FieldOwner owner_of(const json& metadata, const char* spec_field) {
  FieldOwner latest;
  const json* entries = member(metadata, "managedFields", json::value_t::array);
  if (entries == nullptr) return latest;
  for (const json& entry : *entries) {
    const json* fields = member(entry, "fieldsV1", json::value_t::object);
    const json* spec =
        fields == nullptr ? nullptr : member(*fields, "f:spec", json::value_t::object);
    if (spec == nullptr || !spec->contains(spec_field)) continue;
    std::optional<Instant> at;
    if (const auto parsed = parse_instant(text(entry, "time"))) at = *parsed;
    if (!latest.manager.empty() && at <= latest.at) continue;
    latest = {.manager = kube::Interned(text(entry, "manager")),
              .applies = text(entry, "operation") == "Apply",
              .at = at};
  }
  return latest;
}

}  // namespace

kube::ResourceType type_of(PlainKind kind) {
  switch (kind) {
    case PlainKind::kDeployment: return kube::kDeployments;
    case PlainKind::kStatefulSet: return kStatefulSets;
    case PlainKind::kCronJob: return kCronJobs;
  }
  return kube::kDeployments;
}

Result<PlainWorkload> PlainWorkload::from_json(PlainKind kind, const json& object) {
  TRY(meta, kube::read_meta(object, {}));
  const json* spec = member(object, "spec", json::value_t::object);
  if (spec == nullptr) return invalid("spec has to be an object");
  const json empty = json::object();
  const json* status = member(object, "status", json::value_t::object);
  const json& shown = status == nullptr ? empty : *status;
  PlainWorkload workload{.kind = kind, .meta = std::move(meta)};
  if (kind == PlainKind::kCronJob) {
    const json* suspended = member(*spec, "suspend", json::value_t::boolean);
    workload.replicas = suspended != nullptr && suspended->get<bool>() ? 0 : 1;
    workload.ready = true;
    workload.set_by = owner_of(object.at("metadata"), "f:suspend");
    return workload;
  }
  const std::int64_t replicas = integer(*spec, "replicas", 1);
  if (replicas < 0 || replicas > INT32_MAX)
    return invalid("spec.replicas has to be an integer from 0 to 2147483647");
  workload.replicas = static_cast<std::int32_t>(replicas);
  workload.ready = integer(shown, "readyReplicas", 0) >= replicas &&
                   integer(shown, "observedGeneration", 0) >= workload.meta.generation;
  workload.set_by = owner_of(object.at("metadata"), "f:replicas");
  return workload;
}

}  // namespace spillway::control
