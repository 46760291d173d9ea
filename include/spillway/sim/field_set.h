#pragma once
// A set of field paths of an object, as server-side apply keeps them in metadata.managedFields
// (KEP-555). It is a tree whose edges are path elements in their written form: "f:name" for a field
// or key, "k:{...}" for the entry of a list by its keys, "v:..." for an entry by its value. "." in
// the written form says that the path itself is a member.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace spillway::sim {

class FieldSet {
 public:
  // From and to the written form ("fieldsV1").
  static FieldSet parse(const nlohmann::json& fields_v1);
  [[nodiscard]] nlohmann::json to_json() const;

  [[nodiscard]] bool empty() const { return !member_ && children_.empty(); }
  [[nodiscard]] bool member() const { return member_; }
  void set_member() { member_ = true; }
  // The subtree below an element, made when it is not there.
  FieldSet& at(const std::string& element) { return children_[element]; }
  // nullptr when no path goes through it.
  [[nodiscard]] const FieldSet* find(const std::string& element) const;
  [[nodiscard]] const std::map<std::string, FieldSet>& children() const { return children_; }

  void add(const FieldSet& other);
  // Takes out exactly the members of `other`.
  void subtract(const FieldSet& other);
  // Takes out the members of `other` and everything below them.
  void subtract_below(const FieldSet& other);
  [[nodiscard]] FieldSet intersection(const FieldSet& other) const;
  // Every member as a path for people: ".spec.replicas",
  // `.spec.ports[port=80,protocol="TCP"].name`.
  [[nodiscard]] std::vector<std::string> paths() const;

  // The same questions of a set in its written form, without reading it: is a member of `set` one
  // of it, or is a path through one of its paths; are all members of `set` in it.
  static bool any_of(const FieldSet& set, const nlohmann::json& fields_v1);
  static bool any_below(const FieldSet& set, const nlohmann::json& fields_v1);
  static bool all_of(const FieldSet& set, const nlohmann::json& fields_v1);

  friend bool operator==(const FieldSet&, const FieldSet&) = default;

 private:
  void collect(const std::string& prefix, std::vector<std::string>& paths) const;
  void drop_empty_children();

  bool member_ = false;
  std::map<std::string, FieldSet> children_;
};

}  // namespace spillway::sim
