#include <spillway/sim/object_store.h>

#include <utility>

#include <spillway/core/check.h>

namespace spillway::sim {

using nlohmann::json;

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdded: return "ADDED";
    case ChangeKind::kModified: return "MODIFIED";
    case ChangeKind::kDeleted: return "DELETED";
  }
  return "MODIFIED";
}

const Collection& ObjectStore::collection(const kube::ResourceType& type) const {
  static const Collection none;
  const auto found = collections_.find(type.to_string());
  return found == collections_.end() ? none : found->second;
}

Object ObjectStore::find(const kube::ResourceType& type, const ObjectKey& key) const {
  const Collection& objects = collection(type);
  const auto found = objects.find(key);
  return found == objects.end() ? nullptr : found->second;
}

Object ObjectStore::put(const kube::ResourceType& type, const ObjectKey& key, json object) {
  ++version_;
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  Object& place = collections_[type.to_string()][key];
  Object before = std::exchange(place, std::make_shared<const json>(std::move(object)));
  const Object now = place;
  record({.kind = before ? ChangeKind::kModified : ChangeKind::kAdded,
          .version = version_,
          .type = type,
          .key = key,
          .before = std::move(before),
          .object = now});
  return now;
}

void ObjectStore::erase(const kube::ResourceType& type, const ObjectKey& key) {
  auto& objects = collections_[type.to_string()];
  const auto found = objects.find(key);
  SPILLWAY_CHECK(found != objects.end());
  ++version_;
  const Object before = found->second;
  json last = *before;
  last["metadata"]["resourceVersion"] = std::to_string(version_);
  objects.erase(found);
  record({.kind = ChangeKind::kDeleted,
          .version = version_,
          .type = type,
          .key = key,
          .before = before,
          .object = std::make_shared<const json>(std::move(last))});
}

void ObjectStore::follow(const Change& change) {
  SPILLWAY_CHECK(change.version > version_);
  version_ = change.version;
  Collection& objects = collections_[change.type.to_string()];
  if (change.kind == ChangeKind::kDeleted)
    objects.erase(change.key);
  else
    objects[change.key] = change.object;
  record(change);
}

void ObjectStore::record(Change change) {
  history_.push_back(std::move(change));
  if (history_.size() > kMaxHistory) {
    compacted_ = history_.front().version;
    history_.pop_front();
  }
  const Change told = history_.back();  // a listener may look at the history
  for (const Listener& listener : listeners_)
    listener(told);
}

void ObjectStore::compact(std::uint64_t version) {
  while (!history_.empty() && history_.front().version <= version)
    history_.pop_front();
  compacted_ = std::max(compacted_, std::min(version, version_));
}

}  // namespace spillway::sim
