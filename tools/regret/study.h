#pragma once
// Policies over many windows of recorded time, next to the exact optimum of each.

#include <cstdint>
#include <string>
#include <vector>

#include <spillway/core/result.h>

#include "market.h"
#include "simulator.h"

namespace spillway::regret {

enum class Part {
  kAll,
  kFirstHalf,
  kSecondHalf
};  // where windows may start (and, for the first half, end)

struct StudyRules {
  JobTerms job;
  SimulationRules simulation;
  std::size_t windows = 0;  // per market
  Seconds history = 0;
  std::uint64_t seed = 0;
  Part part = Part::kAll;
};

struct PolicyResult {
  std::string name;
  std::vector<Outcome> outcomes;  // by window
  std::vector<double> ratios;     // cost / optimum, by window
};

struct WindowResult {
  std::string market;
  std::size_t start = 0;  // tick
  std::size_t block = 0;  // windows of a market that share time share a block
  double optimum = 0;     // dollars
};

struct StudyResult {
  std::vector<WindowResult> windows;
  std::vector<PolicyResult> policies;

  [[nodiscard]] const PolicyResult* find(const std::string& name) const;
};

// Names that --policies takes.
[[nodiscard]] std::vector<std::string> known_policies();
[[nodiscard]] std::vector<std::string> default_policies(bool is_multi_zone);

// Start ticks are drawn evenly at random, from `rules.seed`, for each market alike.
Result<StudyResult> run_study(const std::vector<Market>& markets, const StudyRules& rules,
                              const std::vector<std::string>& policies);

}  // namespace spillway::regret
