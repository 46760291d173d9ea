#include "yaml_json.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace spillway::api::testing {
namespace {

nlohmann::json convert(const YAML::Node& node) {
  if (node.IsMap()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& entry : node)
      object[entry.first.as<std::string>()] = convert(entry.second);
    return object;
  }
  if (node.IsSequence()) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& entry : node)
      list.push_back(convert(entry));
    return list;
  }
  if (!node.IsScalar()) return nullptr;
  const auto text = node.as<std::string>();
  if (node.Tag() == "!") return text;  // quoted
  const auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_number() || value.is_boolean() || value.is_null() ? value : nlohmann::json(text);
}

}  // namespace

nlohmann::json json_from_yaml(const std::string& text) {
  return convert(YAML::Load(text));
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + path);
  return text.str();
}

}  // namespace spillway::api::testing
