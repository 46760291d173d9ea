#pragma once
// How answers are printed.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/result.h>

namespace spillway::cli {

enum class Format { kTable, kJson, kYaml };

// An answer as a document: JSON indented by two, or YAML. Not for kTable.
std::string document_text(const nlohmann::ordered_json& document, Format format);

// Writes to standard output; an error when it is closed or full.
Result<void> print(const std::string& text);

}  // namespace spillway::cli
