#include "journal.h"

#include <chrono>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>

#include <spillway/core/time.h>

namespace spillway::trainer {

void journal(std::string_view event, nlohmann::json fields) {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  std::string at = format_instant(std::chrono::floor<std::chrono::seconds>(now));
  const std::string digits = std::to_string(milliseconds);
  at.insert(at.size() - 1, "." + std::string(3 - digits.size(), '0') + digits);
  fields["at"] = at;
  fields["event"] = event;
  const std::string line = fields.dump() + "\n";

  static std::mutex one_line_at_a_time;
  const std::scoped_lock lock(one_line_at_a_time);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);  // what a power cut takes was not said
}

}  // namespace spillway::trainer
