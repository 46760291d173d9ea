#pragma once
// The local copy of one collection: what a reflector has seen, plus our own writes as soon as they
// are answered.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <spillway/core/object.h>

namespace spillway::kube {

enum class Change { kAdded, kUpdated, kDeleted };

// Objects of T, ordered by key (iteration is deterministic). T has `meta` with key, uid and
// resource_version, as ObjectMeta or kube::Meta have them, and operator==.
//
// The rules:
//  - an older or equal resourceVersion never overwrites a newer one under the same key: watch
//  events lag behind our own
//    writes, and versions of one collection are comparable (KEP-5504);
//  - another UID under the same key is another object: deletion of the old one and creation of the
//  new one are reported;
//  - a UID that was deleted stays deleted: late events do not bring it back (memory of the last
//  4096 deletions);
//  - replace_all() is the truth about which keys exist, except for what is newer than the list.
//
// Objects are immutable and shared: a snapshot keeps the pointers and may be read on other threads.
// The store itself belongs to the control thread.
template <class T>
class Store {
 public:
  using Pointer = std::shared_ptr<const T>;
  // Called after each change, from within the call that made it: signals only, must not touch the
  // store. An update that changed nothing but the resourceVersion is not reported.
  using Listener = std::function<void(const ObjectKey& key, Change change)>;

  // `synced` is called once, when the first complete list is in: an empty one changes no object.
  void set_listener(Listener listener, std::function<void()> synced = {}) {
    listener_ = std::move(listener);
    synced_listener_ = std::move(synced);
  }

  // Keeps the objects in groups as they come and go, so that whoever asks for one group does not
  // look through all the rest. `group_of` depends on nothing but the object, and gives none for
  // what nobody asks for. To be set while the store is empty.
  using GroupOf = std::optional<ObjectKey> (*)(const T&);
  void group_by(GroupOf group_of) { group_of_ = group_of; }

  // From a watch event or the answer to an own write (write-through). False when the rules kept
  // what is there.
  bool upsert(T object);
  // Removes the object if it has that UID, and remembers the UID as deleted in any case. For watch
  // events DELETED and for deletions that the server confirmed (Removal::kGone). False when nothing
  // was removed.
  bool erase(const ObjectKey& key, const Uid& uid);

  struct List {
    std::vector<T> objects;
    std::set<ObjectKey>
        undecodable;  // in the list, but not understood: what the store has of them stays
    ResourceVersion version;
    // The server's history was set back (etcd restored from a backup): versions and deletions known
    // here mean nothing any more, so the list wins over everything.
    bool regressed = false;
  };
  // Atomically makes the store what `list` says: upserts by the rules, then drops every other
  // object that is not newer than the list. Marks the store as synced.
  void replace_all(List list);

  [[nodiscard]] Pointer find(const ObjectKey& key) const;
  template <class Visit>  // Visit: void(const Pointer&); in order of key
  void for_each(Visit visit) const {
    for (const Pointer& object : objects_)
      visit(object);
  }
  template <class Visit>  // the same of one group
  void for_each_in(const ObjectKey& group, Visit visit) const {
    const auto at = groups_.find(group);
    if (at == groups_.end()) return;
    for (const Pointer& object : at->second)
      visit(object);
  }
  // All objects in order of key, cheap to take: pointers only.
  [[nodiscard]] std::vector<Pointer> snapshot() const { return {objects_.begin(), objects_.end()}; }
  [[nodiscard]] std::size_t size() const { return objects_.size(); }

  // True once a first complete list is in: before, absence means nothing.
  [[nodiscard]] bool synced() const { return synced_; }
  // The version up to which the watch has told everything (bookmarks move it, own writes do not): a
  // store has caught up with an own write when the object is here at its version, or seen_version()
  // has passed it (KEP-5647).
  [[nodiscard]] const ResourceVersion& seen_version() const { return seen_version_; }
  void observe_version(const ResourceVersion& version) {
    if (version > seen_version_) seen_version_ = version;
  }

 private:
  struct KeyLess {
    using is_transparent = void;
    bool operator()(const Pointer& a, const Pointer& b) const { return a->meta.key < b->meta.key; }
    bool operator()(const Pointer& a, const ObjectKey& b) const { return a->meta.key < b; }
    bool operator()(const ObjectKey& a, const Pointer& b) const { return a < b->meta.key; }
  };
  using Set = std::set<Pointer, KeyLess>;

  void put(typename Set::iterator at, T object);
  void take_out(typename Set::iterator at);
  static bool same_but_for_version(T& object, const T& old);
  void regroup(const T* before, const Pointer& after);
  void bury(const Uid& uid);
  void notify(const ObjectKey& key, Change change) {
    if (listener_) listener_(key, change);
  }

  static constexpr std::size_t kMaxTombstones = 4096;
  Set objects_;
  GroupOf group_of_ = nullptr;
  std::unordered_map<ObjectKey, Set> groups_;      // none is empty
  std::set<std::string, std::less<>> tombstones_;  // UIDs; in order of their burial in buried_
  std::deque<std::string> buried_;
  Listener listener_;
  std::function<void()> synced_listener_;
  ResourceVersion seen_version_;
  bool synced_ = false;
};

template <class T>
bool Store<T>::upsert(T object) {
  if (tombstones_.contains(object.meta.uid.str())) return false;
  const auto at = objects_.find(object.meta.key);
  if (at != objects_.end() && object.meta.resource_version <= (*at)->meta.resource_version)
    return false;
  put(at, std::move(object));
  return true;
}

template <class T>
void Store<T>::put(typename Set::iterator at, T object) {
  const ObjectKey key = object.meta.key;
  if (at == objects_.end()) {
    auto fresh = std::make_shared<const T>(std::move(object));
    regroup(nullptr, fresh);
    objects_.insert(std::move(fresh));
    return notify(key, Change::kAdded);
  }
  const Pointer old = *at;
  const bool same = same_but_for_version(object, *old);
  auto fresh = std::make_shared<const T>(std::move(object));
  regroup(old.get(), fresh);
  auto node = objects_.extract(at);
  node.value() = fresh;
  objects_.insert(std::move(node));
  if (old->meta.uid != fresh->meta.uid) {
    bury(old->meta.uid);
    notify(key, Change::kDeleted);
    return notify(key, Change::kAdded);
  }
  if (!same) notify(key, Change::kUpdated);
}

// `object` is as it was when this returns; a copy of it would cost more than the comparison.
template <class T>
bool Store<T>::same_but_for_version(T& object, const T& old) {
  ResourceVersion version = std::exchange(object.meta.resource_version, old.meta.resource_version);
  const bool same = object == old;
  object.meta.resource_version = std::move(version);
  return same;
}

template <class T>
void Store<T>::take_out(typename Set::iterator at) {
  regroup(at->get(), nullptr);
  objects_.erase(at);
}

// `before` leaves its group and `after` joins its own; null: was not there, or is no more.
template <class T>
void Store<T>::regroup(const T* before, const Pointer& after) {
  if (group_of_ == nullptr) return;
  if (const auto left = before != nullptr ? group_of_(*before) : std::nullopt) {
    const auto group = groups_.find(*left);
    group->second.erase(group->second.find(before->meta.key));
    if (group->second.empty()) groups_.erase(group);
  }
  if (const auto joined = after != nullptr ? group_of_(*after) : std::nullopt)
    groups_[*joined].insert(after);
}

template <class T>
bool Store<T>::erase(const ObjectKey& key, const Uid& uid) {
  bury(uid);
  const auto at = objects_.find(key);
  if (at == objects_.end() || (*at)->meta.uid != uid) return false;
  take_out(at);
  notify(key, Change::kDeleted);
  return true;
}

template <class T>
void Store<T>::replace_all(List list) {
  if (list.regressed) {
    tombstones_.clear();
    buried_.clear();
    seen_version_ = {};
  }
  std::set<ObjectKey> listed = std::move(list.undecodable);
  for (T& object : list.objects) {
    listed.insert(object.meta.key);
    if (!list.regressed) {
      upsert(std::move(object));
      continue;
    }
    const auto at = objects_.find(object.meta.key);
    if (at == objects_.end() || !(**at == object)) put(at, std::move(object));
  }
  std::vector<Pointer> vanished;
  for (const Pointer& object : objects_) {
    const bool newer = !list.regressed && object->meta.resource_version > list.version;
    if (!newer && !listed.contains(object->meta.key)) vanished.push_back(object);
  }
  for (const Pointer& object : vanished) {
    take_out(objects_.find(object->meta.key));
    if (!list.regressed) bury(object->meta.uid);
    notify(object->meta.key, Change::kDeleted);
  }
  observe_version(list.version);
  const bool first = !std::exchange(synced_, true);
  if (first && synced_listener_) synced_listener_();
}

template <class T>
void Store<T>::bury(const Uid& uid) {
  if (!tombstones_.insert(uid.str()).second) return;
  buried_.push_back(uid.str());
  if (buried_.size() <= kMaxTombstones) return;
  tombstones_.erase(buried_.front());
  buried_.pop_front();
}

template <class T>
auto Store<T>::find(const ObjectKey& key) const -> Pointer {
  const auto at = objects_.find(key);
  return at == objects_.end() ? nullptr : *at;
}

}  // namespace spillway::kube
