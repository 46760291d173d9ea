#pragma once
// Reading a described struct from JSON: types, bounds and forms of the field table, every problem
// with its path. Internal to codec.cc.

#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/core/schedule.h>
#include <spillway/core/text.h>

#include "field.h"
#include "problems.h"

namespace spillway::api {

using Json = nlohmann::json;

struct Reader {
  Problems& problems;
  UnknownFields unknown;
};

// "a number", "text": what stands there, for a sentence.
std::string describe(const Json& value);

bool read_integer(Reader& reader, const Path& path, const Json& value, std::int64_t minimum,
                  std::int64_t maximum, std::int64_t& out);
// Text of the field's form and length; false when a problem was noted.
bool read_text(Reader& reader, const Path& path, const Json& value, const Limits& limits,
               std::string& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                bool& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                std::string& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Money& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                HourlyRate& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Duration& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Instant& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                WeekdaySpan& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                TimeOfDay& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                CalendarDate& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                TierSet& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                PodTemplate& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                IntOrPercent& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                TargetPort& out);
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Labels& out);

template <std::integral Integer>
  requires(!std::same_as<Integer, bool>)
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Integer& out) {
  std::int64_t number = 0;
  const std::int64_t lowest = std::numeric_limits<Integer>::min();
  const std::int64_t highest = std::numeric_limits<Integer>::max();
  if (read_integer(reader, path, value, limits.minimum.value_or(lowest),
                   limits.maximum.value_or(highest), number)) {
    out = static_cast<Integer>(number);
  }
}

inline void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                       std::chrono::seconds& out) {
  std::int64_t number = out.count();
  read_value(reader, path, value, limits, number);
  out = std::chrono::seconds(number);
}

template <class Tag>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                StrongInt<Tag>& out) {
  std::int64_t number = out.value();
  read_value(reader, path, value, limits, number);
  out = StrongInt<Tag>(number);
}

template <class Tag>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                StrongString<Tag>& out) {
  std::string text;
  read_value(reader, path, value, limits, text);
  out = StrongString<Tag>(std::move(text));
}

template <class Enum>
  requires std::is_enum_v<Enum>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits&, Enum& out) {
  std::string text;
  if (!read_text(reader, path, value, {}, text)) return;
  if (const auto parsed = parse_enum<Enum>(text)) {
    out = *parsed;
  } else {
    reader.problems.add(path, parsed.error().message);
  }
}

template <IsDescribed Class>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                Class& out);

template <class T>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                std::optional<T>& out) {
  T inner{};
  read_value(reader, path, value, limits, inner);
  out = std::move(inner);
}

// True when the count is allowed.
bool read_count(Reader& reader, const Path& path, std::size_t count, const Limits& limits);
void refuse_duplicates(Reader& reader, const Path& path, const Json& list, std::string_view key);

template <class T>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits& limits,
                std::vector<T>& out) {
  if (!value.is_array()) {
    reader.problems.add(path, describe(value) + ": write a list");
    return;
  }
  if (!read_count(reader, path, value.size(), limits)) return;
  if (!limits.list_key.empty()) refuse_duplicates(reader, path, value, limits.list_key);
  out.clear();
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    T entry{};
    read_value(reader, Path{&path, {}, i}, value[i], of_entries(limits), entry);
    out.push_back(std::move(entry));
  }
}

template <IsDescribed Class>
void refuse_unknown_fields(Reader& reader, const Path& path, const Json& value) {
  for (const auto& [key, ignored] : value.items()) {
    bool known = IsKind<Class> && (key == "apiVersion" || key == "kind" || key == "metadata");
    std::vector<std::string> names;
    for_each_field<Class>([&](const auto& field) {
      known = known || key == field.name;
      names.emplace_back(field.name);
    });
    if (!known)
      reader.problems.add(Path{&path, key},
                          "there is no such field: the fields here are " + join(names, ", "));
  }
}

template <IsDescribed Class>
void read_value(Reader& reader, const Path& path, const Json& value, const Limits&, Class& out) {
  if (!value.is_object()) {
    reader.problems.add(path, describe(value) + ": write an object with fields");
    return;
  }
  if (reader.unknown == UnknownFields::kRefuse) refuse_unknown_fields<Class>(reader, path, value);
  for_each_field<Class>([&](const auto& field) {
    const auto found = value.find(field.name);
    const Path here{&path, field.name};
    if (found != value.end() && !found->is_null()) {
      read_value(reader, here, *found, field.limits, out.*(field.member));
    } else if (field.limits.required) {
      reader.problems.add(here, "missing: write it");
    }
  });
}

}  // namespace spillway::api
