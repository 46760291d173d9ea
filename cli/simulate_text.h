#pragma once
// A simulation's report as tables and as a document.

#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <spillway/sim/simulation.h>

namespace spillway::cli {

inline constexpr std::size_t kDearestShown = 20;

// `all`: every workload, not only the dearest.
std::string simulation_text(const sim::SimulationReport& report, bool all);

// Everything that the report holds, in plain units: money as decimal text, times as RFC 3339 and
// seconds. SimulationSpeed is left out, so that the same input gives the same document.
nlohmann::ordered_json simulation_document(const sim::SimulationReport& report);

// "30 days simulated in 12.3 s: 210,000 simulated seconds per second".
std::string speed_text(const sim::SimulationSpeed& speed);

}  // namespace spillway::cli
