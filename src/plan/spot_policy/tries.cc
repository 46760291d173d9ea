#include "tries.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spillway::plan {

// Bucket by bucket.
double mean_rest(double scale, double age_hours) {
  double length = 0;
  double survival = 1;
  double edge = 0;
  for (std::size_t b = 0; b + 1 < kAgeBuckets; ++b) {
    const double from = std::max(edge, age_hours);
    edge += age_bucket_width(b);
    if (edge <= from) continue;
    const double rate = scale * base_hazard(b);
    const double kept = std::exp(-rate * (edge - from));
    length += survival * (1 - kept) / rate;
    survival *= kept;
  }
  return length + survival / (scale * base_hazard(kAgeBuckets - 1));
}

double long_run_share(const HazardScale& scale) {
  const double window = mean_rest(scale.window, 0);
  return window / (window + mean_rest(scale.gap, 0));
}

double chance_served(double gap_scale, double share, double gap_age_hours, double hours) {
  constexpr double kLeastChance = 0.01;
  const double ended =
      -std::expm1(-gap_scale * base_exposure(gap_age_hours, gap_age_hours + hours));
  return std::max(ended * share, kLeastChance);
}

double ends_within(double scale, double age_hours, double chance, double limit) {
  constexpr int kHalvings = 20;  // of a day: to a tenth of a second
  const double ends = -std::log1p(-chance) / scale;
  double low = 0;
  double high = limit;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (base_exposure(age_hours, age_hours + middle) < ends ? low : high) = middle;
  }
  return high;
}

double typical_rest(double scale, double age_hours) {
  constexpr double kLongestHours = 100;
  return ends_within(scale, age_hours, 0.5, kLongestHours) / std::log(2.0);
}

double pause_between_tries(double cost, double saving, double gap_hours) {
  if (saving <= 0) return std::numeric_limits<double>::infinity();
  return std::sqrt(2 * std::max(cost, 0.0) * gap_hours / saving);
}

}  // namespace spillway::plan
