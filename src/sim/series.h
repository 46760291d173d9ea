#pragma once
// Making a series short enough to be drawn, without losing its shape.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <spillway/core/time.h>

namespace spillway::sim {

// At most `limit` points (at least 8): of each stretch of time the first, the lowest, the highest
// and the last. `value_of(point)` is what low and high mean. A series that is short enough is kept.
template <class Point, class Value>
std::vector<Point> thinned(const std::vector<Point>& points, std::size_t limit, Value value_of) {
  if (points.size() <= limit) return points;
  const std::size_t stretches = limit / 4;
  const Instant from = points.front().at;
  const Duration length =
      (points.back().at - from) / static_cast<std::int64_t>(stretches) + Duration(1);
  std::vector<Point> kept;
  for (std::size_t begin = 0; begin < points.size();) {
    const auto stretch = (points[begin].at - from) / length;
    std::size_t end = begin;
    std::size_t low = begin;
    std::size_t high = begin;
    for (; end < points.size() && (points[end].at - from) / length == stretch; ++end) {
      if (value_of(points[end]) < value_of(points[low])) low = end;
      if (value_of(points[end]) > value_of(points[high])) high = end;
    }
    std::size_t before = begin;
    kept.push_back(points[begin]);
    for (const std::size_t next : {std::min(low, high), std::max(low, high), end - 1}) {
      if (next > before) kept.push_back(points[next]);
      before = std::max(before, next);
    }
    begin = end;
  }
  return kept;
}

}  // namespace spillway::sim
