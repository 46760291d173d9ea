#pragma once
// The field tables: each field of a resource is described once, and reader, writer, defaults,
// validation, CRD schema and reference page are made from the description (the types are
// the one source).
//
// Described<T> names a struct's fields and its rules:
//
//   template <> struct Described<PoolNodes> {
//     static constexpr auto fields = std::tuple(field("max", &PoolNodes::max, "Nodes at most.",
//     {.required = true})); static constexpr std::array<Rule<PoolNodes>, 0> rules{};
//   };

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "formats.h"

namespace spillway::api {

// What a value may be. A member that says nothing here is optional and unbounded, which only a
// test's struct may be: the schema test demands a bound on every string, list and map.
struct Limits {
  bool required = false;
  bool defaulted = false;  // absent means the member's initial value, and the schema says so
  bool immutable = false;
  std::optional<std::int64_t> minimum;
  std::optional<std::int64_t> maximum;
  std::size_t min_items = 0;  // lists and maps
  std::size_t max_items = 0;
  std::size_t max_length = 0;          // plain text, map values
  const TextFormat* format = nullptr;  // text with a form
  std::string_view list_key;           // lists of objects: the field that tells the entries apart
};

// What is left for the entries of a list: its counts are its own.
constexpr Limits of_entries(const Limits& limits) {
  return {.max_length = limits.max_length, .format = limits.format};
}

template <class Class, class Member>
struct Field {
  std::string_view name;
  Member Class::* member;
  std::string_view doc;
  Limits limits;
};

template <class Class, class Member>
constexpr Field<Class, Member> field(std::string_view name, Member Class::* member,
                                     std::string_view doc, Limits limits = {}) {
  return {name, member, doc, limits};
}

// A rule that relates fields of a struct. `cel` is empty when the API server cannot check it (then
// only validate() does).
template <class Class>
struct Rule {
  std::string_view cel;
  std::string_view message;
  bool (*holds)(const Class&);
  // The sentence with the object's own values in it, which only C++ can say. Null = message.
  std::string (*explain)(const Class&) = nullptr;
};

// A kind (an object with metadata) has instead of rules: `doc`, `name` (the TextFormat of
// metadata.name) and `columns`.
template <class Class>
struct Described;

template <class T>
concept IsDescribed = requires { Described<T>::fields; };
template <class T>
concept IsKind = requires { Described<T>::columns; };

// Calls visit(field) for every field of a described struct.
template <class Class, class Visit>
constexpr void for_each_field(Visit&& visit) {
  std::apply([&](const auto&... fields) { (visit(fields), ...); }, Described<Class>::fields);
}

struct PrinterColumn {
  std::string_view name;
  std::string_view type;  // string, integer, date
  std::string_view json_path;
  std::string_view doc;
  bool wide = false;  // only with -o wide
};

}  // namespace spillway::api
