#pragma once
// The sections of the report. Each returns its HTML, or "" when there is nothing to show.

#include <cstddef>
#include <string>
#include <vector>

#include <spillway/sim/simulation.h>

#include "report_axis.h"

namespace spillway::cli {

// What a page may hold, so that it opens at once whatever was simulated.
inline constexpr std::size_t kMaxPriceStrips = 24;
inline constexpr std::size_t kMaxBars = 60;              // workloads in the timeline
inline constexpr std::size_t kMaxBarSpans = 3'000;       // their stays, together
inline constexpr std::size_t kMaxTableRows = 1'000;      // workloads
inline constexpr std::size_t kMaxDetailBytes = 600'000;  // of stays told in words
inline constexpr std::size_t kMaxTeams = 30;
inline constexpr std::size_t kMaxNotes = 60;

// Workloads by cost, the dearest first: who is on the page when not everybody fits.
std::vector<const sim::WorkloadRow*> dearest_first(const sim::SimulationReport& report);
// The id of a stay told in words, to which its bar points: "p12-3".
std::string stay_id(std::size_t row, std::size_t span);
// Which of the rows of dearest_first() have their stays told in words: the first so many.
std::size_t rows_with_details(const std::vector<const sim::WorkloadRow*>& rows);

std::string headline(const sim::SimulationReport& report);
std::string tiles(const sim::SimulationReport& report);
std::string use_figure(const sim::SimulationReport& report, const TimeAxis& time);
std::string cost_figure(const sim::SimulationReport& report, const TimeAxis& time);
std::string price_figure(const sim::SimulationReport& report, const TimeAxis& time);
std::string placement_figure(const sim::SimulationReport& report, const TimeAxis& time);
std::string baseline_figure(const sim::SimulationReport& report);
std::string workload_table(const sim::SimulationReport& report);
std::string notes(const sim::SimulationReport& report);

// Shared by the figures: labels below a plot, and the legend of the tiers.
std::string time_labels(const TimeAxis& time);
std::string tier_key();
std::string section(std::string_view title, std::string_view lede, const std::string& body);
std::string tier_word(api::Tier tier);  // "reserved", "spot", "on demand"

}  // namespace spillway::cli
