#pragma once
// Recorded availability of spot capacity: one file per zone, one number per tick
// (docs/policy-quality.md has the format).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>

namespace spillway::regret {

using Seconds = std::int64_t;  // traces and their rules count in whole seconds

struct Trace {
  std::string name;  // of the file, without folder and extension: "us-west-2a_v100_1"
  Zone zone;         // the part of the name before the first "_"
  Seconds tick = 0;  // sampling step
  std::vector<std::uint8_t> available;  // per tick: 1 = the instances asked for could be had
  double most_at_once = 0;              // instances that could be had in the best tick

  [[nodiscard]] double mean_availability() const;
  [[nodiscard]] bool has_transition() const;
};

// JSON {"metadata": {"gap_seconds": n}, "data": [n, ...]}; a number counts the instances
// obtainable, so 1 = available. `instances` is how many are needed. Refused, each with a sentence:
// anything but whole numbers of at least zero, a missing or zero gap_seconds, a metadata text that
// says that 0 means available, and a mean availability so low that the file is either inverted or
// of no use.
Result<Trace> parse_trace(std::string_view text, const std::string& name, std::int64_t instances);
Result<Trace> read_trace(const std::string& path, std::int64_t instances);

// The whole file, at most `kMaxFileBytes`.
inline constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
Result<std::string> read_file(const std::string& path);

}  // namespace spillway::regret
