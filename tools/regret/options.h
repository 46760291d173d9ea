#pragma once
// The command line of spillway-regret, as values, and the markets that it names.

#include <cstdint>
#include <string>
#include <vector>

#include <spillway/core/money.h>
#include <spillway/core/result.h>

#include "market.h"
#include "study.h"

namespace spillway::regret {

// As typed; check() turns it into what the study needs.
struct Options {
  std::vector<std::string> availability;
  double compute_hours = 48;
  double deadline_hours = 52;
  double changeover_hours = 0.2;
  std::string on_demand_price = "3.06";
  std::string spot_price = "0.9731";
  std::int64_t windows = 100;
  double history_hours = 48;
  std::uint64_t seed = 1;
  bool multi_zone = false;
  std::string prices;         // path, empty: the constant spot price
  std::string instance_type;  // empty: chosen by the spot price
  std::string sees = "all";
  double launch_spacing_minutes = 10;
  double on_demand_outages_per_week = 0;
  double on_demand_outage_hours = 1;
  std::string part = "all";
  std::int64_t instances = 1;
  bool no_safety_net = false;
  std::vector<std::string> policies;  // empty: the default ones
};

struct Setup {
  StudyRules rules;
  HourlyRate on_demand;
  std::vector<Market> markets;
  std::vector<std::string> policies;
  std::vector<std::string> remarks;  // for people: what was left out and why
};

Result<Setup> check(const Options& options);
[[nodiscard]] std::string describe(const Options& options, const Setup& setup);

}  // namespace spillway::regret
