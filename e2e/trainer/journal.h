#pragma once
// What the program says, one JSON object a line on standard output:
//   {"at": "2026-11-21T12:00:00.123Z", "event": "step", "step": 1200, "loss": 0.25}
// The clock is read for these lines only, never for the arithmetic. Any thread.

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace spillway::trainer {

void journal(std::string_view event, nlohmann::json fields);

}  // namespace spillway::trainer
