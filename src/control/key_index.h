#pragma once
// Where the object of a namespace and a name is in a list; asked with views, so that looking for
// the workload of each pod copies nothing.

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <spillway/core/object.h>

namespace spillway::control {

class KeyIndex {
 public:
  void add(const ObjectKey& key, std::size_t index) { places_.emplace(key, index); }
  [[nodiscard]] std::optional<std::size_t> find(const Namespace& ns, std::string_view name) const {
    const auto at = places_.find(View{ns.str(), name});
    return at == places_.end() ? std::nullopt : std::optional(at->second);
  }

 private:
  struct View {
    std::string_view ns, name;
    friend bool operator==(const View&, const View&) = default;
  };
  static View view(const View& key) { return key; }
  static View view(const ObjectKey& key) { return {key.ns.str(), key.name.str()}; }
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const auto& key) const {
      const std::hash<std::string_view> hash;
      return hash(view(key).ns) * 31 + hash(view(key).name);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const { return view(a) == view(b); }
  };
  std::unordered_map<ObjectKey, std::size_t, Hash, Equal> places_;
};

}  // namespace spillway::control
