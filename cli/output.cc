#include "output.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include <spillway/core/yaml.h>

namespace spillway::cli {

std::string document_text(const nlohmann::ordered_json& document, Format format) {
  if (format == Format::kYaml) return to_yaml(document);
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Result<void> print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0)
    return fail(ErrorCode::kInternal, "standard output cannot be written to");
  return {};
}

}  // namespace spillway::cli
