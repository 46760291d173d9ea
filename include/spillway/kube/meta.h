#pragma once
// Object metadata in the compact form that the caches of this module hold: 45,000 objects have to
// fit into a few dozen MiB. Field names are those of spillway::ObjectMeta, so that
// generic code takes either.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/object.h>
#include <spillway/core/result.h>
#include <spillway/kube/interned.h>

namespace spillway::kube {

// A small sorted map of interned strings: labels or annotations.
class LabelSet {
 public:
  using Entry = std::pair<Interned, Interned>;

  [[nodiscard]] std::optional<std::string_view> find(std::string_view key) const;
  // The value, or "" when absent: for labels where both mean the same.
  [[nodiscard]] std::string_view get(std::string_view key) const { return find(key).value_or(""); }
  [[nodiscard]] bool contains(std::string_view key) const { return find(key).has_value(); }
  // True when every pair of `selector` is here (the meaning of nodeSelector and matchLabels).
  [[nodiscard]] bool matches(const Labels& selector) const;
  [[nodiscard]] Labels to_map() const;

  void set(std::string_view key, std::string_view value);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }
  void shrink() { entries_.shrink_to_fit(); }

  friend bool operator==(const LabelSet&, const LabelSet&) = default;

 private:
  std::vector<Entry> entries_;  // sorted by key
};

// The owner reference with controller: true.
struct Controller {
  Interned kind;
  Interned name;
  Interned uid;
  friend bool operator==(const Controller&, const Controller&) = default;
};

struct Meta {
  ObjectKey key;
  Uid uid;
  ResourceVersion resource_version;
  std::int64_t generation = 0;
  Instant created_at{};
  std::optional<Instant> deleted_at;  // deletionTimestamp: being deleted
  LabelSet labels;
  LabelSet annotations;
  std::optional<Controller> controller;

  [[nodiscard]] bool controlled_by(const Uid& owner) const {
    return controller && controller->uid == owner.str();
  }
  friend bool operator==(const Meta&, const Meta&) = default;
};

// Which labels and annotations a type keeps: those with our prefix "spillway.dev/" always, and the
// named ones.
struct Keep {
  bool all_labels = false;
  std::span<const std::string_view> labels;
  std::span<const std::string_view> annotations;
};

// Reads `metadata` of an object. kInvalidArgument names the missing or malformed field; name, uid
// and resourceVersion are required (the API server always sends them).
Result<Meta> read_meta(const nlohmann::json& object, const Keep& keep);

}  // namespace spillway::kube
