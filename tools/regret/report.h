#pragma once
// A study's result for people and for programs.

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "study.h"

namespace spillway::regret {

struct Headline {
  std::string description;  // one line: what was run
  double on_demand_only =
      0;  // dollars: the work on on-demand without a changeover, the baseline of "saving"
  std::uint64_t seed = 0;  // of the bootstrap
};

[[nodiscard]] std::string to_table(const StudyResult& result, const Headline& headline);
// Keys: description, optimum, windows[], policies{}, differences[]; docs/policy-quality.md
// describes them.
[[nodiscard]] nlohmann::ordered_json to_json(const StudyResult& result, const Headline& headline);

}  // namespace spillway::regret
