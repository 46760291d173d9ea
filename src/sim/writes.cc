#include <algorithm>
#include <array>

#include <spillway/sim/api_server.h>
#include <spillway/sim/field_management.h>

#include "json_fields.h"

// What a write does to an object: apiserver's registry/rest (BeforeCreate, BeforeUpdate,
// BeforeDelete) and generic registry.
namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr const char* kForeground = "foregroundDeletion";
constexpr const char* kOrphan = "orphan";

Manager manager_of(const Kind& kind, const ApiServer::Editor& editor) {
  return {.name = editor.manager,
          .api_version = kind.type.api_version(),
          .subresource = editor.subresource};
}

std::string version_of(const json& object) {
  return string_in(object, "metadata", "resourceVersion");
}
std::string uid_of(const json& object) {
  return string_in(object, "metadata", "uid");
}

// Everything that is neither metadata nor status: a change of it is a new generation.
bool same_desired(const json& a, const json& b) {
  const auto beside = [](const std::string& part) {
    return part == "metadata" || part == "status" || part == "kind" || part == "apiVersion";
  };
  const auto covers = [&](const json& one, const json& other, bool compare) {
    for (const auto& [part, value] : one.items()) {
      if (beside(part)) continue;
      const auto there = other.find(part);
      if (there == other.end() || (compare && *there != value)) return false;
    }
    return true;
  };
  return covers(a, b, true) && covers(b, a, false);
}

// A Deployment's annotations count as what is desired of it (apps/deployment/strategy.go).
bool annotated_anew(const Kind& kind, const json& a, const json& b) {
  return kind.type == kube::kDeployments &&
         map_in(a, "metadata", "annotations") != map_in(b, "metadata", "annotations");
}

// `field` as it is in `live`, and not there when it is not there. What is the same stays: most of
// an object was made from the live one, and comparing is cheaper than copying.
void restore(json& object, const json& live, const std::string& field) {
  const auto before = live.find(field);
  if (before == live.end()) {
    object.erase(field);
  } else if (const auto now = object.find(field); now == object.end()) {
    object.emplace(field, *before);
  } else if (*now != *before) {
    *now = *before;
  }
}

// ... and every field but one (or two).
void restore_all_but(json& object, const json& live, std::string_view field,
                     std::string_view other = {}) {
  const auto stays = [&](const std::string& name) { return name == field || name == other; };
  for (const auto& [name, value] : live.items()) {
    if (!stays(name)) restore(object, live, name);
  }
  std::erase_if(object.get_ref<json::object_t&>(),
                [&](const auto& part) { return !stays(part.first) && !live.contains(part.first); });
}

// A status endpoint takes the status alone, and of an apply who owns what.
void keep_all_but_status(json& object, const json& live, bool fields_managed) {
  if (!object.contains("status")) object["status"] = json::object();
  restore_all_but(object, live, "status", "metadata");
  json& metadata = object["metadata"];
  if (!metadata.is_object()) metadata = json::object();
  restore_all_but(metadata, live.at("metadata"), fields_managed ? "managedFields" : "");
}

bool deleting(const json& object) {
  return object.at("metadata").contains("deletionTimestamp");
}

bool has_finalizers(const json& object) {
  const auto found = object.at("metadata").find("finalizers");
  return found != object.at("metadata").end() && !found->empty();
}

void tidy_metadata(json& metadata) {
  for (const char* name :
       {"finalizers", "ownerReferences", "labels", "annotations", "managedFields"}) {
    const auto found = metadata.find(name);
    if (found != metadata.end() && (found->is_null() || found->empty())) metadata.erase(found);
  }
}

void identify(json& object, const Kind& kind, const ObjectKey& key) {
  object["apiVersion"] = kind.type.api_version();
  object["kind"] = kind.type.kind;
  object["metadata"]["name"] = key.name.str();
  if (kind.type.namespaced) object["metadata"]["namespace"] = key.ns.str();
}

void set_finalizer(json& list, const char* name, bool wanted) {
  const auto found = std::ranges::find(list, json(name));
  if (wanted && found == list.end()) list.push_back(name);
  if (!wanted && found != list.end()) list.erase(found);
}

// What is being deleted is held by nobody new. The API server says it twice of a custom resource.
void check_finalizers(const Kind& kind, const json& object, const json& before,
                      std::vector<Cause>& causes) {
  if (!deleting(before)) return;
  const json held = before.at("metadata").value("finalizers", json::array());
  std::string late;
  for (const json& finalizer : object.at("metadata").value("finalizers", json::array())) {
    if (std::find(held.begin(), held.end(), finalizer) == held.end())
      late += (late.empty() ? "" : ", ") + finalizer.dump();
  }
  if (late.empty()) return;
  const Cause cause{.reason = "FieldValueForbidden",
                    .message =
                        "Forbidden: no new finalizers can be added if the object is being deleted, "
                        "found new finalizers []string{" +
                        late + "}",
                    .field = "metadata.finalizers"};
  causes.insert(causes.end(), kind.own ? 2 : 1, cause);
}

Refused field_conflict(const std::vector<FieldConflict>& conflicts) {
  json causes = json::array();
  std::string words;
  std::size_t count = 0;
  for (const FieldConflict& conflict : conflicts) {
    std::string paths;
    for (const std::string& path : conflict.paths) {
      causes.push_back({{"reason", "FieldManagerConflict"},
                        {"message", "conflict with " + conflict.manager},
                        {"field", path}});
      paths += "\n- " + path;
      ++count;
    }
    const bool single = conflicts.size() == 1 && conflict.paths.size() == 1;
    words +=
        single ? "conflict with " + conflict.manager + ": " + conflict.paths.front()
               : (words.empty() ? "" : "\n") + ("conflicts with " + conflict.manager) + ":" + paths;
  }
  return Refused(Refusal{.code = 409,
                         .reason = "Conflict",
                         .message = "Apply failed with " + std::to_string(count) + " conflict" +
                                    (count == 1 ? "" : "s") + ": " + words,
                         .details = {{"causes", std::move(causes)}}});
}

}  // namespace

std::string ApiServer::next_uid() {
  const std::uint64_t high = random_.next();
  const std::uint64_t low = random_.next();
  std::string digits;
  for (const std::uint64_t part : {high, low}) {
    for (int shift = 60; shift >= 0; shift -= 4)
      digits += "0123456789abcdef"[(part >> shift) & 15];
  }
  digits[12] = '4';
  digits[16] = "89ab"[(low >> 60) & 3];
  return digits.substr(0, 8) + "-" + digits.substr(8, 4) + "-" + digits.substr(12, 4) + "-" +
         digits.substr(16, 4) + "-" + digits.substr(20);
}

Answer<Object> ApiServer::create(const kube::ResourceType& type, json object,
                                 const Editor& editor) {
  const ObjectKey key{.ns = Namespace(string_in(object, "metadata", "namespace")),
                      .name = ObjectName(string_in(object, "metadata", "name"))};
  return insert(kind_of(type), key, std::move(object), editor, false);
}

Answer<Object> ApiServer::insert(const Kind& kind, const ObjectKey& key, json object,
                                 const Editor& editor, bool fields_managed) {
  if (kind.type.namespaced && !store_.find(kNamespaces, {.name = ObjectName(key.ns.str())})) {
    return not_found(kNamespaces, ObjectName(key.ns.str()));
  }
  if (!version_of(object).empty()) {
    return Refused(Refusal{.code = 500,
                           .reason = "",
                           .message = "resourceVersion should not be set on objects to be created",
                           .details = {}});
  }
  json& metadata = object["metadata"];
  for (const char* field : {"resourceVersion", "generation", "deletionTimestamp",
                            "deletionGracePeriodSeconds", "selfLink"}) {
    metadata.erase(field);
  }
  if (!fields_managed) metadata.erase("managedFields");
  identify(object, kind, key);
  if (kind.own) prune(*kind.schema, object);
  if (kind.set_defaults) kind.set_defaults(object);
  object["metadata"]["uid"] = next_uid();
  object["metadata"]["creationTimestamp"] = stamp();
  if (kind.generation) object["metadata"]["generation"] = 1;
  if (kind.on_create) kind.on_create(object);
  tidy_metadata(object["metadata"]);
  std::vector<Cause> causes;
  kind.validate(object, nullptr, causes);
  if (!causes.empty()) return invalid_object(kind.type, key.name, causes);
  if (store_.find(kind.type, key)) return already_exists(kind.type, key.name);
  if (kind.keeps_fields && !fields_managed)
    manage_update(*kind.schema, kind.skeleton, object, manager_of(kind, editor), clock_.now());
  if (kind.allocate) kind.allocate(object);
  return store_.put(kind.type, key, std::move(object));
}

Answer<Object> ApiServer::replace(const kube::ResourceType& type, const ObjectKey& key, json object,
                                  const Editor& editor) {
  const Kind& kind = kind_of(type);
  const Object live = store_.find(type, key);
  if (!live) return not_found(type, key.name);
  const std::string version = version_of(object);
  if (version.empty() && !kind.unconditional) {
    kube::ResourceType named = type;  // said of the resource, not of the kind
    if (kind.own) named.kind = type.plural;
    return invalid_object(named, key.name,
                          {{.reason = "FieldValueInvalid",
                            .message = "Invalid value: " + std::string(kind.own ? "0" : "\"\"") +
                                       ": must be specified for an update",
                            .field = "metadata.resourceVersion"}});
  }
  if (!version.empty() && version != version_of(*live)) return object_modified(type, key.name);
  const std::string uid = uid_of(object);
  const std::string live_uid = (*live)["metadata"]["uid"];
  if (!uid.empty() && uid != live_uid) {
    return conflict(
        type, key.name,
        "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + live_uid);
  }
  return overwrite(kind, key, live, std::move(object), editor, false);
}

Answer<Object> ApiServer::edit(const kube::ResourceType& type, const ObjectKey& key,
                               const Editor& editor, const std::function<void(json&)>& change) {
  const Object live = store_.find(type, key);
  if (!live) return not_found(type, key.name);
  json next = *live;
  change(next);
  return overwrite(kind_of(type), key, live, std::move(next), editor, false);
}

Answer<Object> ApiServer::merge_patch(const kube::ResourceType& type, const ObjectKey& key,
                                      const json& patch, const Editor& editor) {
  const Object live = store_.find(type, key);
  if (!live) return not_found(type, key.name);
  const std::string version = version_of(patch);
  if (!version.empty() && version != version_of(*live)) return object_modified(type, key.name);
  const std::string uid = uid_of(patch);
  const std::string live_uid = (*live)["metadata"]["uid"];
  if (!uid.empty() && uid != live_uid) {
    return conflict(
        type, key.name,
        "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + live_uid);
  }
  json next = *live;
  next.merge_patch(patch);
  return overwrite(kind_of(type), key, live, std::move(next), editor, false);
}

Answer<Object> ApiServer::apply(const kube::ResourceType& type, const ObjectKey& key, json config,
                                bool force, const Editor& editor) {
  const Kind& kind = kind_of(type);
  const Object live = store_.find(type, key);
  const std::string version = version_of(config);
  if (!live && !editor.subresource.empty()) return not_found(type, key.name);
  if (!version.empty() && (!live || version != version_of(*live)))
    return object_modified(type, key.name);
  if (!uid_of(config).empty() && live && config["metadata"]["uid"] != (*live)["metadata"]["uid"]) {
    return conflict(type, key.name,
                    "Precondition failed: UID in precondition: " +
                        config["metadata"]["uid"].get<std::string>() +
                        ", UID in object meta: " + (*live)["metadata"]["uid"].get<std::string>());
  }
  // An endpoint takes only its own part: the others are reset before ownership is looked at.
  if (editor.subresource == "status") {
    config = {{"status", config.value("status", json::object())}};
  } else if (kind.status) {
    config.erase("status");
  }
  if (kind.own) prune(*kind.schema, config);
  json nothing = json::object();
  if (!live) identify(nothing, kind, key);
  Applied applied = manage_apply(*kind.schema, live ? *live : nothing, std::move(config),
                                 manager_of(kind, editor), force, clock_.now());
  if (!applied.conflicts.empty()) return field_conflict(applied.conflicts);
  if (live) return overwrite(kind, key, live, std::move(applied.object), editor, true);
  applied.object["metadata"].erase("resourceVersion");
  return insert(kind, key, std::move(applied.object), editor, true);
}

Answer<Object> ApiServer::overwrite(const Kind& kind, const ObjectKey& key, const Object& live,
                                    json object, const Editor& editor, bool fields_managed) {
  const json& old_metadata = (*live)["metadata"];
  if (editor.subresource == "status") {
    keep_all_but_status(object, *live, fields_managed);
  } else if (kind.status) {
    restore(object, *live, "status");
  }
  json& metadata = object["metadata"];
  static const std::array<std::string, 6> kServerSet = {
      "uid",        "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
      "generation", "resourceVersion"};
  for (const std::string& field : kServerSet)
    restore(metadata, old_metadata, field);
  if (!fields_managed) restore(metadata, old_metadata, "managedFields");
  identify(object, kind, key);
  // What is desired was defaulted and checked when it came.
  const bool as_before = !kind.own && same_desired(object, *live);
  if (kind.own) prune(*kind.schema, object);
  if (kind.set_defaults && !as_before) kind.set_defaults(object);
  tidy_metadata(object["metadata"]);
  std::vector<Cause> causes;
  check_finalizers(kind, object, *live, causes);
  if (!as_before) kind.validate(object, live.get(), causes);
  if (!causes.empty()) return invalid_object(kind.type, key.name, causes);
  const bool desired_anew = !as_before && !same_desired(object, *live);
  if (kind.generation && (desired_anew || annotated_anew(kind, object, *live))) {
    object["metadata"]["generation"] = old_metadata.value("generation", std::int64_t{0}) + 1;
  }
  if (kind.keeps_fields && !fields_managed)
    manage_update(*kind.schema, *live, object, manager_of(kind, editor), clock_.now());
  if (same_content(object, *live)) return live;
  const bool graceful = object["metadata"].value("deletionGracePeriodSeconds", 0) > 0;
  if (deleting(object) && !has_finalizers(object) && !graceful) {
    store_.erase(kind.type, key);
    return shared(std::move(object));
  }
  return store_.put(kind.type, key, std::move(object));
}

Answer<Object> ApiServer::remove(const kube::ResourceType& type, const ObjectKey& key,
                                 const kube::DeleteOptions& options) {
  const Object live = store_.find(type, key);
  if (!live) return not_found(type, key.name);
  const json& metadata = (*live)["metadata"];
  const std::string uid = metadata["uid"];
  const std::string version = metadata["resourceVersion"];
  kube::ResourceType named = type;  // said of the kind, not of the resource
  named.plural = type.kind;
  if (options.uid && options.uid->str() != uid) {
    return conflict(named, key.name,
                    "the UID in the precondition (" + options.uid->str() +
                        ") does not match the UID in record (" + uid +
                        "). The object might have been deleted and then recreated");
  }
  if (options.resource_version && options.resource_version->str() != version) {
    return conflict(named, key.name,
                    "the ResourceVersion in the precondition (" + options.resource_version->str() +
                        ") does not match the ResourceVersion in record (" + version +
                        "). The object might have been modified");
  }
  return end_of(kind_of(type), key, live, options);
}

// What deleting leaves: nothing, or an object that waits for its finalizers or for the kubelet.
Answer<Object> ApiServer::end_of(const Kind& kind, const ObjectKey& key, const Object& live,
                                 const kube::DeleteOptions& options) {
  std::int64_t grace = 0;
  if (kind.type == kube::kPods) {
    const bool nobody_ends_it = text_in(*live, "spec", "nodeName").empty() || has_ended(*live);
    const auto standard = number_in(*live, 30, "spec", "terminationGracePeriodSeconds");
    grace = options.grace ? options.grace->count() : standard;
    if (nobody_ends_it) grace = 0;
  }
  const json& before = live->at("metadata");
  const bool already = deleting(*live);
  if (already) {
    const auto current = before.value("deletionGracePeriodSeconds", std::int64_t{0});
    if (grace >= current && (current > 0 || has_finalizers(*live))) return live;
  }
  json finalizers = before.value("finalizers", json::array());
  set_finalizer(finalizers, kForeground, options.propagation == kube::Propagation::kForeground);
  set_finalizer(finalizers, kOrphan, options.propagation == kube::Propagation::kOrphan);
  if (grace == 0 && finalizers.empty()) {
    store_.erase(kind.type, key);
    return Object();
  }
  json object = *live;
  json& metadata = object["metadata"];
  metadata.erase("finalizers");
  if (!finalizers.empty()) metadata["finalizers"] = std::move(finalizers);
  metadata["deletionTimestamp"] = format_instant(clock_.now() + std::chrono::seconds(grace));
  metadata["deletionGracePeriodSeconds"] = grace;
  if (kind.generation && !already)
    metadata["generation"] = metadata.value("generation", std::int64_t{0}) + 1;
  return store_.put(kind.type, key, std::move(object));
}

}  // namespace spillway::sim
