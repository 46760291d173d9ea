#pragma once
// Kubernetes quantities ("500m", "2Gi", "1e3", "4"), as resource requests carry them.

#include <cstdint>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway {

// The value in units of 1/1000, rounded up, as the scheduler rounds CPU: "500m" -> 500, "2" ->
// 2000.
Result<std::int64_t> parse_quantity_milli(std::string_view text);
// The value in whole units, rounded up: "2Gi" -> 2147483648, "1500m" -> 2.
Result<std::int64_t> parse_quantity(std::string_view text);

}  // namespace spillway
