#pragma once
// YAML and JSON as people write them, read into JSON documents as kubectl reads them; and JSON as
// block YAML that people can read.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/result.h>

namespace spillway {

inline constexpr std::size_t kMaxYamlBytes = std::size_t{16} << 20;
inline constexpr std::size_t kMaxYamlDepth = 64;
inline constexpr std::size_t kMaxYamlValues = 200'000;  // of all documents, aliases written out

// One of the documents between "---" lines. `value` is never null: empty documents are left out.
struct YamlDocument {
  nlohmann::json value;
  std::size_t line = 1;  // where it begins
};

// All documents of a text, in order. JSON is YAML: a text that begins with '{' or '[' is read by a
// JSON parser. Plain words follow YAML 1.1, as kubectl does: yes, on and true are booleans, 010 is
// eight, dates are text. Anchors, aliases and merge keys are written out. kInvalidArgument names
// the line and what is wrong: no YAML, a key twice, a number that JSON cannot hold, above a limit.
Result<std::vector<YamlDocument>> parse_yaml(std::string_view text);

// Keys in the order of the object; text is quoted unless it is a plain word that no YAML reader
// takes for anything else.
std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace spillway
