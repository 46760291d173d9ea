#pragma once
// Identity and metadata of a Kubernetes object: the part of ObjectMeta that Spillway uses.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/time.h>

namespace spillway {

// Namespace and name; the namespace of a cluster-scoped object is empty.
struct ObjectKey {
  Namespace ns;
  ObjectName name;

  // "team-a/llama-70b", or "spot-a" for a cluster-scoped object.
  [[nodiscard]] std::string to_string() const;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
  friend bool operator==(const ObjectKey&, const ObjectKey&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ObjectKey& key) {
    return out << key.to_string();
  }
};

// Resource versions are decimal numbers of any length without a leading zero (KEP-5504): compared
// by length, then character by character. The empty version is older than every other.
class ResourceVersion {
 public:
  ResourceVersion() = default;
  explicit ResourceVersion(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }

  friend std::strong_ordering operator<=>(const ResourceVersion& a, const ResourceVersion& b) {
    if (a.text_.size() != b.text_.size()) return a.text_.size() <=> b.text_.size();
    return a.text_.compare(b.text_) <=> 0;
  }
  friend bool operator==(const ResourceVersion&, const ResourceVersion&) = default;

 private:
  std::string text_;
};

struct OwnerReference {
  std::string kind;
  ObjectName name;
  Uid uid;
  bool controller = false;
  friend bool operator==(const OwnerReference&, const OwnerReference&) = default;
};

using Labels = std::map<std::string, std::string>;
using Annotations = std::map<std::string, std::string>;

struct ObjectMeta {
  ObjectKey key;
  Uid uid;
  ResourceVersion resource_version;
  std::int64_t generation = 0;
  Instant created_at{};
  std::optional<Instant> deleted_at;  // deletionTimestamp: being deleted
  Labels labels;
  Annotations annotations;
  std::optional<OwnerReference> controller;  // the owner reference with controller: true

  friend bool operator==(const ObjectMeta&, const ObjectMeta&) = default;
};

}  // namespace spillway

template <>
struct std::hash<spillway::ObjectKey> {
  std::size_t operator()(const spillway::ObjectKey& key) const noexcept {
    const std::size_t a = std::hash<spillway::Namespace>{}(key.ns);
    const std::size_t b = std::hash<spillway::ObjectName>{}(key.name);
    return a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2));
  }
};
