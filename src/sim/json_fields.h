#pragma once
// Reading JSON objects without a copy, without a path to parse and without an exception where
// something is missing: the models look at every object of a simulation many times. What is given
// refers into the object.

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace spillway::sim {

// nullptr when one of the names is missing, or is looked for in what is no object.
inline const nlohmann::json* find_in(const nlohmann::json& object) {
  return &object;
}
template <class... Names>
const nlohmann::json* find_in(const nlohmann::json& object, std::string_view name, Names... below) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : find_in(*found, below...);
}

// "" when there is no text.
template <class... Names>
std::string_view text_in(const nlohmann::json& object, Names... names) {
  const nlohmann::json* found = find_in(object, names...);
  return found != nullptr && found->is_string()
             ? std::string_view(found->get_ref<const std::string&>())
             : std::string_view();
}
template <class... Names>
std::string string_in(const nlohmann::json& object, Names... names) {
  return std::string(text_in(object, names...));
}

template <class... Names>
std::int64_t number_in(const nlohmann::json& object, std::int64_t otherwise, Names... names) {
  const nlohmann::json* found = find_in(object, names...);
  return found != nullptr && found->is_number_integer() ? found->get<std::int64_t>() : otherwise;
}

// An empty list or map when there is none.
template <class... Names>
const nlohmann::json& list_in(const nlohmann::json& object, Names... names) {
  static const nlohmann::json none = nlohmann::json::array();
  const nlohmann::json* found = find_in(object, names...);
  return found != nullptr && found->is_array() ? *found : none;
}
template <class... Names>
const nlohmann::json& map_in(const nlohmann::json& object, Names... names) {
  static const nlohmann::json none = nlohmann::json::object();
  const nlohmann::json* found = find_in(object, names...);
  return found != nullptr && found->is_object() ? *found : none;
}

template <class... Names>
bool is_set(const nlohmann::json& object, Names... names) {
  const nlohmann::json* found = find_in(object, names...);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

// Of a pod: "Pending" until somebody says otherwise.
inline std::string_view phase_in(const nlohmann::json& pod) {
  const std::string_view phase = text_in(pod, "status", "phase");
  return phase.empty() ? "Pending" : phase;
}
inline bool has_ended(const nlohmann::json& pod) {
  const std::string_view phase = phase_in(pod);
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace spillway::sim
