#pragma once
// A map from texts that holds at most so many entries: the one used longest ago goes first.

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace spillway::kube {

template <class Value>
class LruMap {
 public:
  explicit LruMap(std::size_t capacity) : capacity_(capacity) {}

  // The value, marked as just used; nullptr when there is none. Valid until the next change of the
  // map.
  Value* find(const std::string& key) {
    const auto at = index_.find(key);
    if (at == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, at->second);
    return &at->second->second;
  }
  // A fresh value under `key`, which must not be there.
  Value& insert(const std::string& key, Value value) {
    if (entries_.size() >= capacity_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
    return entries_.front().second;
  }
  template <class Predicate>  // Predicate: bool(Value&)
  void erase_if(Predicate predicate) {
    for (auto at = entries_.begin(); at != entries_.end();) {
      if (predicate(at->second)) {
        index_.erase(at->first);
        at = entries_.erase(at);
      } else {
        ++at;
      }
    }
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;  // most recently used first
  std::size_t capacity_;
  Entries entries_;
  std::unordered_map<std::string, typename Entries::iterator> index_;
};

}  // namespace spillway::kube
