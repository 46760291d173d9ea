#pragma once
// JSON as compact text, the same to the byte as the library's dump() with invalid UTF-8 replaced;
// quicker, because nearly no text in an object of Kubernetes has anything to escape.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace spillway::sim {

std::string json_text(const nlohmann::json& value);

}  // namespace spillway::sim
