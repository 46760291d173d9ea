#pragma once
// The reference page of a kind, from its CustomResourceDefinition.

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace spillway::crdgen {

// Markdown: one row a field with type, default and bounds, then the rules and what `kubectl get`
// shows.
std::string reference_page(const nlohmann::ordered_json& definition);

}  // namespace spillway::crdgen
