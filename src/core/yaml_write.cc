#include <algorithm>
#include <array>

#include <spillway/core/yaml.h>

namespace spillway {
namespace {

using Json = nlohmann::ordered_json;

bool is_word(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
  };
  return !text.empty() && is_letter(text.front()) &&
         std::all_of(text.begin(), text.end(), is_inner);
}

// YAML 1.1 readers take these for booleans and null.
bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kReserved{"true", "false", "yes", "no",  "on",
                                                             "off",  "y",     "n",   "null"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end();
}

std::string scalar(const Json& value) {
  if (!value.is_string()) return value.dump();  // numbers, booleans, null, and empty {} and []
  const auto& text = value.get_ref<const std::string&>();
  return is_word(text) && !is_reserved(text) ? text
                                             : value.dump();  // a JSON string is a YAML string
}

bool is_block(const Json& value) {
  return (value.is_object() || value.is_array()) && !value.empty();
}

void write(std::string& out, const Json& value, std::size_t indent);

// Writes "key: value" pairs; the first begins where the caller left off ("- " of a list entry).
void write_object(std::string& out, const Json& object, std::size_t indent) {
  bool first = true;
  for (const auto& [key, value] : object.items()) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += scalar(Json(key)) + ":";
    if (is_block(value)) {
      const std::size_t inner = value.is_array() ? indent : indent + 2;
      out += "\n" + std::string(inner, ' ');
      write(out, value, inner);
    } else {
      out += " " + scalar(value) + "\n";
    }
  }
}

void write(std::string& out, const Json& value, std::size_t indent) {
  if (value.is_object() && !value.empty()) return write_object(out, value, indent);
  if (!is_block(value)) {
    out += scalar(value) + "\n";
    return;
  }
  bool first = true;
  for (const Json& entry : value) {
    if (!first) out.append(indent, ' ');
    first = false;
    out += "- ";
    write(out, entry, indent + 2);
  }
}

}  // namespace

std::string to_yaml(const Json& value) {
  std::string out;
  write(out, value, 0);
  return out;
}

}  // namespace spillway
