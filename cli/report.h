#pragma once
// A simulation as one self-contained HTML page: no file, font or script from elsewhere, readable
// from disk, in light and dark, on a phone and on paper. Pure: the same report gives the same page.

#include <cstddef>
#include <string>

#include <spillway/sim/simulation.h>

namespace spillway::cli {

// Whatever the report holds, the page stays below this; what is left out is said on the page.
inline constexpr std::size_t kMaxReportBytes = 2'000'000;

std::string report_html(const sim::SimulationReport& report);

}  // namespace spillway::cli
