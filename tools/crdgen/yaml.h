#pragma once
// JSON as block YAML that people can read.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace spillway::crdgen {

// Keys in the order of the object; text is quoted unless it is a plain word that no YAML reader
// takes for anything else.
std::string to_yaml(const nlohmann::ordered_json& value);

}  // namespace spillway::crdgen
