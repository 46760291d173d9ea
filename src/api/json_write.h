#pragma once
// Writing a described struct as JSON: absent options and empty texts, lists and maps are left out.
// Internal to api.

#include <chrono>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/api/codec.h>
#include <spillway/core/schedule.h>

#include "field.h"

namespace spillway::api {

inline nlohmann::json to_json_value(const std::string& value) {
  return value;
}
inline nlohmann::json to_json_value(Money value) {
  return value.to_string();
}
inline nlohmann::json to_json_value(HourlyRate value) {
  return value.to_string();
}
inline nlohmann::json to_json_value(Duration value) {
  return format_duration(value);
}
inline nlohmann::json to_json_value(Instant value) {
  return format_instant(value);
}
inline nlohmann::json to_json_value(WeekdaySpan value) {
  return format_weekdays(value);
}
inline nlohmann::json to_json_value(TimeOfDay value) {
  return format_time_of_day(value);
}
inline nlohmann::json to_json_value(CalendarDate value) {
  return format_date(value);
}
inline nlohmann::json to_json_value(std::chrono::seconds value) {
  return value.count();
}
inline nlohmann::json to_json_value(const Labels& value) {
  return value;
}
inline nlohmann::json to_json_value(const PodTemplate& value) {
  return nlohmann::json::parse(value.json());
}

template <class Number>
  requires std::is_arithmetic_v<Number>
nlohmann::json to_json_value(Number value) {
  return value;
}

template <class Enum>
  requires std::is_enum_v<Enum>
nlohmann::json to_json_value(Enum value) {
  return std::string(to_string(value));
}

inline nlohmann::json to_json_value(TierSet value) {
  nlohmann::json list = nlohmann::json::array();
  for (Tier tier : kAllTiers) {
    if (value.contains(tier)) list.push_back(to_json_value(tier));
  }
  return list;
}

inline nlohmann::json to_json_value(const IntOrPercent& value) {
  if (value.percent) return std::to_string(value.value) + "%";
  return value.value;
}

inline nlohmann::json to_json_value(const TargetPort& value) {
  return std::visit([](const auto& port) { return nlohmann::json(port); }, value);
}

template <class Tag>
nlohmann::json to_json_value(const StrongString<Tag>& value) {
  return value.str();
}

template <class Tag>
nlohmann::json to_json_value(StrongInt<Tag> value) {
  return value.value();
}

template <IsDescribed Class>
nlohmann::json to_json_value(const Class& value);

template <class T>
nlohmann::json to_json_value(const std::optional<T>& value) {
  return value ? to_json_value(*value) : nlohmann::json();
}

template <class T>
nlohmann::json to_json_value(const std::vector<T>& value) {
  nlohmann::json list = nlohmann::json::array();
  for (const T& entry : value)
    list.push_back(to_json_value(entry));
  return list;
}

inline bool says_nothing(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_null() || ((value.is_object() || value.is_array()) && value.empty());
}

// An option that is there says something even when it is empty: a selector {} selects everything.
template <class T>
bool is_said(const T&) {
  return false;
}
template <IsDescribed T>
bool is_said(const std::optional<T>& value) {
  return value.has_value();
}

template <IsDescribed Class>
nlohmann::json to_json_value(const Class& value) {
  nlohmann::json object = nlohmann::json::object();
  for_each_field<Class>([&](const auto& field) {
    nlohmann::json member = to_json_value(value.*(field.member));
    if (field.limits.required || is_said(value.*(field.member)) || !says_nothing(member))
      object[std::string(field.name)] = std::move(member);
  });
  return object;
}

}  // namespace spillway::api
