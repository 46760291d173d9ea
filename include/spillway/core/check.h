#pragma once
// Broken invariants end the process: a controller that no longer understands its own state must not
// act. Whatever a network, a user or a file can cause is handled as a Result instead.

#include <string_view>

namespace spillway {
[[noreturn]] void check_failed(std::string_view condition, std::string_view file, int line);
}  // namespace spillway

#define SPILLWAY_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::spillway::check_failed(#condition, __FILE__, __LINE__))
