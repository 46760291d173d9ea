#include "report_series.h"

#include <algorithm>
#include <cmath>

#include "html.h"

namespace spillway::cli {

Binned binned(const std::vector<sim::CountPoint>& points, const TimeAxis& time, double factor) {
  Binned sums{};
  constexpr double kWidth = kExtent / static_cast<double>(kBins);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double from = time.x(points[i].at);
    const double to = i + 1 < points.size() ? time.x(points[i + 1].at) : kExtent;
    const double height = factor * points[i].count;
    auto bin = static_cast<std::size_t>(from / kWidth);
    for (; bin < kBins && static_cast<double>(bin) * kWidth < to; ++bin) {
      const double begin = std::max(from, static_cast<double>(bin) * kWidth);
      const double end = std::min(to, static_cast<double>(bin + 1) * kWidth);
      sums[bin] += height * std::max(0.0, end - begin) / kWidth;
    }
  }
  return sums;
}

void add(Binned& sum, const Binned& more) {
  for (std::size_t i = 0; i < kBins; ++i)
    sum[i] += more[i];
}

std::string price_path(const std::vector<sim::PricePoint>& points, const TimeAxis& time,
                       const ValueAxis& value, double per) {
  const auto y = [&](const sim::PricePoint& point) {
    return std::round(value.y(point.per_node.approximate_dollars() / per));
  };
  std::string path;
  double last_y = -1;
  for (std::size_t i = 0; i < points.size();) {
    const double x = std::round(time.x(points[i].at));
    double lowest = y(points[i]);
    double highest = lowest;
    double latest = lowest;
    for (; i < points.size() && std::round(time.x(points[i].at)) == x; ++i) {
      latest = y(points[i]);
      lowest = std::min(lowest, latest);
      highest = std::max(highest, latest);
    }
    if (path.empty()) {
      path = "M" + coordinate(x) + " " + coordinate(latest);
    } else if (latest != last_y || lowest != highest) {
      path += "H" + coordinate(x);
      for (const double at : {lowest, highest, latest}) {
        if (at != last_y) path += "V" + coordinate(at);
        last_y = at;
      }
    }
    last_y = latest;
  }
  return path.empty() ? path : path + "H1000";
}

}  // namespace spillway::cli
