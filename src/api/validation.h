#pragma once
// The rules of a described struct and of all that it holds, in C++: the same that the CRD has as
// CEL. Internal to codec.cc.

#include <optional>
#include <string>
#include <vector>

#include "field.h"
#include "problems.h"

namespace spillway::api {

template <class T>
void check_rules(Problems&, const Path&, const T&) {}  // a plain value has no rules

template <IsDescribed Class>
void check_rules(Problems& problems, const Path& path, const Class& value);

template <class T>
void check_rules(Problems& problems, const Path& path, const std::optional<T>& value) {
  if (value) check_rules(problems, path, *value);
}

template <class T>
void check_rules(Problems& problems, const Path& path, const std::vector<T>& list) {
  for (std::size_t i = 0; i < list.size(); ++i)
    check_rules(problems, Path{&path, {}, i}, list[i]);
}

template <IsDescribed Class>
void check_rules(Problems& problems, const Path& path, const Class& value) {
  if constexpr (!IsKind<Class>) {
    for (const Rule<Class>& rule : Described<Class>::rules) {
      if (!rule.holds(value)) {
        problems.add(path,
                     rule.explain == nullptr ? std::string(rule.message) : rule.explain(value));
      }
    }
  }
  for_each_field<Class>([&](const auto& field) {
    check_rules(problems, Path{&path, field.name}, value.*(field.member));
  });
}

// "tier cannot be changed: create a new CapacityPool with another name instead"
std::string immutable_message(std::string_view field, std::string_view kind);

template <class T>
void check_immutable(Problems&, const Path&, const T&, const T&, std::string_view) {}

template <IsDescribed Class>
void check_immutable(Problems& problems, const Path& path, const Class& before, const Class& after,
                     std::string_view kind);

// What was absent before or is absent now has nothing to compare, as for the API server.
template <IsDescribed Class>
void check_immutable(Problems& problems, const Path& path, const std::optional<Class>& before,
                     const std::optional<Class>& after, std::string_view kind) {
  if (before && after) check_immutable(problems, path, *before, *after, kind);
}

template <IsDescribed Class>
void check_immutable(Problems& problems, const Path& path, const Class& before, const Class& after,
                     std::string_view kind) {
  for_each_field<Class>([&](const auto& field) {
    const Path here{&path, field.name};
    if (!field.limits.immutable) {
      check_immutable(problems, here, before.*(field.member), after.*(field.member), kind);
    } else if (before.*(field.member) != after.*(field.member)) {
      problems.add(here, immutable_message(field.name, kind));
    }
  });
}

}  // namespace spillway::api
