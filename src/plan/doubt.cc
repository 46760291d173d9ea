#include "doubt.h"

#include <cmath>

namespace spillway::plan {
namespace {

using HoursOfGap = std::chrono::duration<double, std::ratio<3600>>;

// Nothing is doubted for longer.
constexpr double kLongestHours = 24;
constexpr int kHalvings = 20;  // to a tenth of a second

}  // namespace

Instant likely_back_at(const Pool& pool) {
  if (pool.tier != api::Tier::kSpot || pool.seen_state != MarketState::kGap) return Instant::min();
  const double age = HoursOfGap(pool.seen_age).count();
  const double ends = std::log(2.0) / pool.hazard.gap;
  double low = 0;
  double high = kLongestHours;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (base_exposure(age, age + middle) < ends ? low : high) = middle;
  }
  return pool.seen_at + std::chrono::ceil<Duration>(HoursOfGap(high));
}

}  // namespace spillway::plan
