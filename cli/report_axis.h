#pragma once
// Scales of the report's figures. Geometry is drawn into a square of 1000 by 1000 that the page
// stretches to the figure's size; texts stand beside it as HTML, so that they keep their size on
// every screen.

#include <string>
#include <vector>

#include <spillway/core/time.h>

namespace spillway::cli {

inline constexpr double kExtent = 1000;

struct Tick {
  double at = 0;  // 0 to 1000
  std::string label;
  bool minor = false;  // left out on narrow screens
};

class TimeAxis {
 public:
  TimeAxis(Instant from, Instant to) : from_(from), to_(to) {}
  // 0 to 1000, cut at the ends.
  [[nodiscard]] double x(Instant at) const;
  [[nodiscard]] Instant from() const { return from_; }
  [[nodiscard]] Instant to() const { return to_; }
  // At most about eight, on whole days or hours (UTC).
  [[nodiscard]] std::vector<Tick> ticks() const;

 private:
  Instant from_;
  Instant to_;
};

// From 0 up to a round number at or above `largest`; 0 is at the bottom.
class ValueAxis {
 public:
  explicit ValueAxis(double largest);
  [[nodiscard]] double y(double value) const;  // 1000 (bottom) to 0
  [[nodiscard]] double top() const { return top_; }
  // Three to six round values, 0 included.
  [[nodiscard]] std::vector<double> ticks() const;

 private:
  double step_ = 1;
  double top_ = 1;
};

}  // namespace spillway::cli
