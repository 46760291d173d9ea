#pragma once
// What the model API server keeps: the objects of each collection, one version counter over all of
// them, and the history that watches are served from. Objects are immutable and shared; a change
// makes a new one.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/object.h>
#include <spillway/kube/resource_type.h>

namespace spillway::sim {

using Object = std::shared_ptr<const nlohmann::json>;
Object shared(nlohmann::json object);
using Collection = std::map<ObjectKey, Object>;

enum class ChangeKind { kAdded, kModified, kDeleted };
std::string_view to_string(ChangeKind kind);  // "ADDED", as a watch writes it

struct Change {
  ChangeKind kind = ChangeKind::kAdded;
  std::uint64_t version = 0;
  kube::ResourceType type;
  ObjectKey key;
  Object before;  // null when added
  Object object;  // as it is now; when deleted, as it was last, with the version of its deletion
};

class ObjectStore {
 public:
  using Listener = std::function<void(const Change&)>;

  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] const Collection& collection(const kube::ResourceType& type) const;
  [[nodiscard]] Object find(const kube::ResourceType& type, const ObjectKey& key) const;

  // Puts the object in place of what is there, under the next version, and tells the listeners.
  Object put(const kube::ResourceType& type, const ObjectKey& key, nlohmann::json object);
  void erase(const kube::ResourceType& type, const ObjectKey& key);

  // Takes over a change of another store, under the version that it has there.
  void follow(const Change& change);

  // Called after each change, in order of registration; may not change the store itself (it
  // schedules).
  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }

  // What is kept of the history, oldest first. All changes after `version` are there when version
  // >= compacted(); they begin at after(version).
  [[nodiscard]] const std::deque<Change>& history() const { return history_; }
  [[nodiscard]] std::deque<Change>::const_iterator after(std::uint64_t version) const;
  [[nodiscard]] std::uint64_t compacted() const { return compacted_; }
  // Keeps at most so many changes from the next one on (at least 1).
  void limit_history(std::size_t changes) { history_limit_ = changes; }
  // Forgets the history up to `version`, as etcd's compaction does.
  void compact(std::uint64_t version);

 private:
  void record(Change change);

  std::size_t history_limit_ = 20'000;
  std::uint64_t version_ = 1'000;  // not 1: nothing may depend on where it begins
  std::uint64_t compacted_ = 1'000;
  // A dozen kinds: looking through them is cheaper than any map. Addresses are stable.
  struct Kept {
    kube::ResourceType type;
    Collection objects;
  };
  Collection& kept(const kube::ResourceType& type);
  std::deque<Kept> collections_;
  std::deque<Change> history_;
  std::vector<Listener> listeners_;
};

}  // namespace spillway::sim
