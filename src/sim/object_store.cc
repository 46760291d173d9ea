#include <spillway/sim/object_store.h>

#include <algorithm>
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
  for (const Kept& kept : collections_) {
    if (kept.type.plural == type.plural && kept.type.group == type.group) return kept.objects;
  }
  return none;
}

Collection& ObjectStore::kept(const kube::ResourceType& type) {
  for (Kept& kept : collections_) {
    if (kept.type.plural == type.plural && kept.type.group == type.group) return kept.objects;
  }
  return collections_.emplace_back(Kept{.type = type, .objects = {}}).objects;
}

std::deque<Change>::const_iterator ObjectStore::after(std::uint64_t version) const {
  return std::ranges::upper_bound(history_, version, {}, &Change::version);
}

Object ObjectStore::find(const kube::ResourceType& type, const ObjectKey& key) const {
  const Collection& objects = collection(type);
  const auto found = objects.find(key);
  return found == objects.end() ? nullptr : found->second;
}

namespace {

// From the leaves up. The library's own way, which cannot run out of stack, moves every value to a
// heap-allocated stack first: half of what it costs to forget an object, and a store forgets one
// with each change.
void dismantle(json& value) {
  if (value.is_object()) {
    auto& fields = value.get_ref<json::object_t&>();
    for (auto& [name, below] : fields) {
      if (below.is_structured()) dismantle(below);
    }
    fields.clear();
  } else if (value.is_array()) {
    auto& items = value.get_ref<json::array_t&>();
    for (json& below : items) {
      if (below.is_structured()) dismantle(below);
    }
    items.clear();
  }
}

}  // namespace

Object shared(json object) {
  struct Dismantled {
    explicit Dismantled(json whole) : value(std::move(whole)) {}
    ~Dismantled() { dismantle(value); }
    Dismantled(const Dismantled&) = delete;
    Dismantled& operator=(const Dismantled&) = delete;
    json value;
  };
  const auto kept = std::make_shared<Dismantled>(std::move(object));
  return {kept, &kept->value};
}

Object ObjectStore::put(const kube::ResourceType& type, const ObjectKey& key, json object) {
  ++version_;
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  Object& place = kept(type)[key];
  Object before = std::exchange(place, shared(std::move(object)));
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
  auto& objects = kept(type);
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
          .object = shared(std::move(last))});
}

void ObjectStore::follow(const Change& change) {
  SPILLWAY_CHECK(change.version > version_);
  version_ = change.version;
  Collection& objects = kept(change.type);
  if (change.kind == ChangeKind::kDeleted)
    objects.erase(change.key);
  else
    objects[change.key] = change.object;
  record(change);
}

void ObjectStore::record(Change change) {
  history_.push_back(std::move(change));
  if (history_.size() > history_limit_) {
    compacted_ = history_.front().version;
    history_.pop_front();
  }
  const Change& told = history_.back();  // nobody changes the store while it is told
  for (const Listener& listener : listeners_)
    listener(told);
}

void ObjectStore::compact(std::uint64_t version) {
  while (!history_.empty() && history_.front().version <= version)
    history_.pop_front();
  compacted_ = std::max(compacted_, std::min(version, version_));
}

}  // namespace spillway::sim
