#include "json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <nlohmann/json.hpp>

namespace spillway::sim {
namespace {

using nlohmann::json;

bool needs_no_escape(std::string_view text) {
  return std::ranges::all_of(text, [](char one) {
    const auto byte = static_cast<unsigned char>(one);
    return byte >= 0x20 && byte < 0x7F && one != '"' && one != '\\';
  });
}

void append(const json& value, std::string& out);

void append_as_dumped(const json& value, std::string& out) {
  out += value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void append_text(const std::string& text, std::string& out) {
  if (!needs_no_escape(text)) return append_as_dumped(text, out);
  out += '"';
  out += text;
  out += '"';
}

template <class Integer>
void append_integer(Integer number, std::string& out) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_object(const json::object_t& fields, std::string& out) {
  out += '{';
  const char* separator = "";
  for (const auto& [name, value] : fields) {
    out += separator;
    separator = ",";
    append_text(name, out);
    out += ':';
    append(value, out);
  }
  out += '}';
}

void append_list(const json::array_t& items, std::string& out) {
  out += '[';
  const char* separator = "";
  for (const json& item : items) {
    out += separator;
    separator = ",";
    append(item, out);
  }
  out += ']';
}

void append(const json& value, std::string& out) {
  if (value.is_object()) {
    append_object(value.get_ref<const json::object_t&>(), out);
  } else if (value.is_array()) {
    append_list(value.get_ref<const json::array_t&>(), out);
  } else if (value.is_string()) {
    append_text(value.get_ref<const std::string&>(), out);
  } else if (value.is_number_unsigned()) {
    append_integer(value.get<std::uint64_t>(), out);
  } else if (value.is_number_integer()) {
    append_integer(value.get<std::int64_t>(), out);
  } else {
    append_as_dumped(value, out);
  }
}

}  // namespace

std::string json_text(const json& value) {
  constexpr std::size_t kUsual = 4096;
  std::string out;
  out.reserve(kUsual);
  append(value, out);
  return out;
}

}  // namespace spillway::sim
