#include "yaml_json.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include <spillway/core/yaml.h>

namespace spillway::api::testing {

nlohmann::json json_from_yaml(const std::string& text) {
  auto documents = parse_yaml(text);
  if (!documents) throw std::runtime_error(documents.error().message);
  return documents->empty() ? nlohmann::json() : std::move(documents->front().value);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw std::runtime_error("cannot read " + path);
  return text.str();
}

}  // namespace spillway::api::testing
