#include <spillway/sim/garbage_collector.h>

#include <algorithm>

#include "json_fields.h"

namespace spillway::sim {
namespace {

using nlohmann::json;

constexpr Duration kLatency = std::chrono::milliseconds(50);

bool has_finalizer(const json& object, const char* name) {
  return std::ranges::any_of(list_in(object, "metadata", "finalizers"), [&](const json& finalizer) {
    return finalizer.get_ref<const std::string&>() == name;
  });
}

void drop_finalizer(json& object, const char* name) {
  json& list = object["metadata"]["finalizers"];
  if (list.is_array()) std::erase(list.get_ref<json::array_t&>(), json(name));
}

bool is_of(const Kind& kind, const json& reference) {
  return kind.type.kind == text_in(reference, "kind") &&
         kind.type.api_version() == text_in(reference, "apiVersion");
}

const Kind* kind_named(const std::string& collection) {
  for (const Kind& kind : all_kinds()) {
    if (kind.type.to_string() == collection) return &kind;
  }
  return nullptr;
}

}  // namespace

GarbageCollector::GarbageCollector(VirtualTime& time, ApiServer& server, const OwnerIndex& owners)
    : Model(time, server, "kube-controller-manager", kLatency), owners_(owners) {
  server.listen([this](const Change& change) { note(change); });
}

void GarbageCollector::note(const Change& change) {
  const std::string uid = change.object->at("metadata").at("uid");
  const json& owners = list_in(*change.object, "metadata", "ownerReferences");
  // Whose owners are as they were has been looked at; the look is due at the same time all the
  // same.
  if (change.kind == ChangeKind::kModified && !owners.empty() && !is_deleting(*change.object) &&
      owners == list_in(*change.before, "metadata", "ownerReferences"))
    return look_at({});
  const std::string collection = change.type.to_string();
  const std::size_t before = candidates_.size();
  if (change.kind == ChangeKind::kDeleted) {
    for (const auto& child : owners_.children(uid))
      candidates_.insert(child);
    for (const json& owner : owners) {
      for (const Kind& kind : all_kinds()) {
        if (is_of(kind, owner)) {
          const ObjectKey key{.ns = kind.type.namespaced ? change.key.ns : Namespace(),
                              .name = ObjectName(string_in(owner, "name"))};
          candidates_.insert({kind.type.to_string(), key});
        }
      }
    }
  } else if (!owners.empty() || is_deleting(*change.object)) {
    candidates_.insert({collection, change.key});
  }
  if (candidates_.size() != before) look_at({});
}

void GarbageCollector::sync(const ObjectKey&) {
  const auto candidates = std::exchange(candidates_, {});
  for (const auto& [collection, key] : candidates) {
    if (const Kind* kind = kind_named(collection)) sync_one(*kind, key);
  }
}

Object GarbageCollector::owner_of(const json& reference, const Namespace& ns) const {
  for (const Kind& kind : all_kinds()) {
    if (!is_of(kind, reference)) continue;
    Object owner = server_.find(kind.type, {.ns = kind.type.namespaced ? ns : Namespace(),
                                            .name = ObjectName(string_in(reference, "name"))});
    if (owner && owner->at("metadata").at("uid") == reference.at("uid")) return owner;
  }
  return nullptr;
}

void GarbageCollector::sync_one(const Kind& kind, const ObjectKey& key) {
  const Object object = server_.find(kind.type, key);
  if (!object) return;
  if (is_deleting(*object)) {
    finish_owner(kind, key, object);
    return;
  }
  json kept = json::array();
  bool foreground = false;
  const json& references = list_in(*object, "metadata", "ownerReferences");
  for (const json& reference : references) {
    const Object owner = owner_of(reference, key.ns);
    if (!owner) continue;
    const bool waits = is_deleting(*owner) && has_finalizer(*owner, "foregroundDeletion");
    if (waits) {
      foreground = true;
    } else {
      kept.push_back(reference);
    }
  }
  if (references.empty() || kept.size() == references.size()) return;
  if (!kept.empty()) {
    edit(kind.type, key, "", [&](json& next) { next["metadata"]["ownerReferences"] = kept; });
    return;
  }
  const bool has_children =
      !owners_.children(object->at("metadata").at("uid").get<std::string>()).empty();
  remove(kind.type, key, *object,
         {.propagation = foreground && has_children ? kube::Propagation::kForeground
                                                    : kube::Propagation::kBackground});
}

void GarbageCollector::finish_owner(const Kind& kind, const ObjectKey& key, const Object& object) {
  const auto children = owners_.children(object->at("metadata").at("uid").get<std::string>());
  if (has_finalizer(*object, "orphan")) {
    const json uid = object->at("metadata").at("uid");
    for (const auto& [collection, child] : children) {
      edit(kind_named(collection)->type, child, "", [&](json& next) {
        auto& references = next["metadata"]["ownerReferences"].get_ref<json::array_t&>();
        std::erase_if(references,
                      [&](const json& reference) { return reference.at("uid") == uid; });
      });
    }
    edit(kind.type, key, "", [](json& next) { drop_finalizer(next, "orphan"); });
    return;
  }
  if (!has_finalizer(*object, "foregroundDeletion")) return;
  bool blocked = false;
  for (const auto& [collection, child] : children) {
    const Kind& child_kind = *kind_named(collection);
    const Object there = server_.find(child_kind.type, child);
    for (const json& reference : there->at("metadata").value("ownerReferences", json::array())) {
      blocked = blocked || (reference.at("uid") == object->at("metadata").at("uid") &&
                            reference.value("blockOwnerDeletion", false));
    }
    if (!is_deleting(*there)) sync_one(child_kind, child);
  }
  if (blocked) return;
  edit(kind.type, key, "", [](json& next) { drop_finalizer(next, "foregroundDeletion"); });
}

}  // namespace spillway::sim
