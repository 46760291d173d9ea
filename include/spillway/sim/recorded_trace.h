#pragma once
// How many instances a spot market would have given, tick by tick, as recorded by trying:
//
//   {"metadata": {"gap_seconds": 600}, "data": [1, 1, 0, ...]}
//
// Tick i holds from start + i * gap. 0 = none could be had; in a trace that never says more than 1,
// 1 = as many as one likes, because a recorder that asks for one learns no more. Other metadata is
// ignored, apart from `start` (RFC 3339: when tick 0 was) and words that turn the coding around.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::sim {

struct RecordedTrace {
  std::string source;  // the file, as errors and notes name it
  Duration tick{};
  std::optional<Instant>
      start;  // nullopt: nobody wrote down when; it is laid at the start of a run
  std::vector<std::int32_t> instances;

  [[nodiscard]] Duration length() const {
    return tick * static_cast<std::int64_t>(instances.size());
  }
  // 1 is "any number" then.
  [[nodiscard]] bool yes_or_no() const;
};

// kInvalidArgument, one sentence that names `source` and what to write instead: no gap_seconds (1 s
// to a day), a missing tick (null), a negative or broken number, a coding in which 0 is available.
// At most 2,000,000 ticks.
Result<RecordedTrace> parse_trace(const nlohmann::json& document, const std::string& source);

// What a file name says of where a trace is from: "us-west-2a_v100_8.json" = zone us-west-2a, eight
// accelerators of model v100 on a node. nullopt for any other form.
struct TraceName {
  Zone zone;
  std::string model;  // small letters and digits
  std::int64_t accelerators = 0;
};
std::optional<TraceName> parse_trace_name(std::string_view file_name);
// "V100" and "V100-SXM2" are the v100 of a file name; "A100" is not.
bool same_model(std::string_view of_trace, const AcceleratorModel& of_pool);

}  // namespace spillway::sim
