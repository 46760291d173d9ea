#pragma once
// YAML as kubectl reads it: for tests that start from files a person would write.

#include <string>

#include <nlohmann/json.hpp>

namespace spillway::api::testing {

nlohmann::json json_from_yaml(const std::string& text);
std::string read_file(const std::string& path);

}  // namespace spillway::api::testing
