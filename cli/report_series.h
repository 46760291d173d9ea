#pragma once
// Step functions of the report, made fit for drawing.

#include <array>
#include <cstddef>
#include <vector>

#include <spillway/sim/simulation.h>

#include "report_axis.h"

namespace spillway::cli {

inline constexpr std::size_t kBins = 400;
using Binned = std::array<double, kBins>;

// The time-weighted mean of a step function in each of kBins equal parts of the axis. Before its
// first point it is zero.
Binned binned(const std::vector<sim::CountPoint>& points, const TimeAxis& time, double factor);
void add(Binned& sum, const Binned& more);

// A step line through prices, "M..H..V..", thinned to what a screen can show: of the changes that
// fall on one place the lowest and the highest stay.
std::string price_path(const std::vector<sim::PricePoint>& points, const TimeAxis& time,
                       const ValueAxis& value, double per);

}  // namespace spillway::cli
