#include "report_axis.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace spillway::cli {
namespace {

using std::chrono::hours;

constexpr std::array<hours, 11> kSteps{hours(1),       hours(3),       hours(6),      hours(12),
                                       hours(24),      hours(24 * 2),  hours(24 * 5), hours(24 * 7),
                                       hours(24 * 14), hours(24 * 30), hours(24 * 60)};
constexpr int kMostTicks = 8;

std::string day_label(Instant at, bool with_hour) {
  using namespace std::chrono;
  const auto day = floor<days>(at);
  const year_month_day date(day);
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto hour = duration_cast<std::chrono::hours>(at - day).count();
  if (with_hour && hour != 0) return fmt::format("{:02}:00", hour);
  return fmt::format("{} {}", static_cast<unsigned>(date.day()),
                     kMonths.at(static_cast<unsigned>(date.month()) - 1));
}

}  // namespace

double TimeAxis::x(Instant at) const {
  const auto whole = static_cast<double>((to_ - from_).count());
  if (whole <= 0) return 0;
  const auto part = static_cast<double>((std::clamp(at, from_, to_) - from_).count());
  return kExtent * part / whole;
}

std::vector<Tick> TimeAxis::ticks() const {
  std::vector<Tick> ticks;
  if (to_ <= from_) return ticks;
  const auto fits = [&](hours step) { return (to_ - from_) / step < kMostTicks; };
  const auto* const step = std::find_if(kSteps.begin(), kSteps.end() - 1, fits);
  Instant at = std::chrono::floor<std::chrono::days>(from_);
  while (at < from_)
    at += *step;
  for (; at < to_; at += *step) {
    ticks.push_back(
        {.at = x(at), .label = day_label(at, *step < hours(24)), .minor = ticks.size() % 2 == 1});
  }
  return ticks;
}

ValueAxis::ValueAxis(double largest) {
  if (!std::isfinite(largest) || largest <= 0) return;
  const double rough = largest / 4;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double digit = rough / power;
  // A quarter of a hundred is round, a quarter of a ten is not.
  const double quarter = power >= 10 ? 2.5 : 5;
  step_ = power * (digit <= 1         ? 1
                   : digit <= 2       ? 2
                   : digit <= quarter ? quarter
                   : digit <= 5       ? 5
                                      : 10);
  top_ = step_ * std::ceil(largest / step_);
}

double ValueAxis::y(double value) const {
  if (!std::isfinite(value)) return kExtent;
  return kExtent * (1 - std::clamp(value / top_, 0.0, 1.0));
}

std::vector<double> ValueAxis::ticks() const {
  std::vector<double> values;
  for (int i = 0; i <= std::lround(top_ / step_); ++i)
    values.push_back(step_ * i);
  return values;
}

}  // namespace spillway::cli
