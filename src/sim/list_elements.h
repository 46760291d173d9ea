#pragma once
// The entries of a list by what tells them apart: keys, or the value itself.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/sim/schema.h>

namespace spillway::sim {

inline const Schema& item_schema(const Schema& list) {
  return list.items ? *list.items : any_schema();
}

// The path element of an entry: `k:{"name":"a"}` or `v:"a"`. A key that the entry leaves out has
// its default.
inline std::string element_of(const Schema& list, const nlohmann::json& item) {
  if (list.list == Schema::ListKind::kSet) return "v:" + item.dump();
  nlohmann::json keys = nlohmann::json::object();
  for (const std::string& key : list.keys) {
    const auto found = item.is_object() ? item.find(key) : item.end();
    if (item.is_object() && found != item.end()) {
      keys[key] = *found;
    } else if (const nlohmann::json& standard = schema_of(item_schema(list), key).default_value;
               !standard.is_null()) {
      keys[key] = standard;
    }
  }
  return "k:" + keys.dump();
}

// In the order of the list; refers into it.
class ElementIndex {
 public:
  ElementIndex(const Schema& schema, const nlohmann::json& list) {
    if (!list.is_array()) return;
    for (const nlohmann::json& item : list) {
      entries_.emplace_back(element_of(schema, item), &item);
      index_.emplace(entries_.back().first, &item);
    }
  }
  [[nodiscard]] const nlohmann::json* find(const std::string& element) const {
    const auto at = index_.find(element);
    return at == index_.end() ? nullptr : at->second;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const std::string& element(std::size_t i) const { return entries_[i].first; }
  [[nodiscard]] const nlohmann::json& item(std::size_t i) const { return *entries_[i].second; }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

 private:
  std::vector<std::pair<std::string, const nlohmann::json*>> entries_;
  std::map<std::string, const nlohmann::json*> index_;
};

}  // namespace spillway::sim
