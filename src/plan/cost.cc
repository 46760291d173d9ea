#include "cost.h"

#include <algorithm>
#include <cmath>

namespace spillway::plan {
namespace {

// e^700 is near the largest double: nobody waits that many lives.
constexpr double kMostLives = 700;

}  // namespace

Hours expected_hours(Hours stretch, Hours mean_life) {
  if (stretch.count() <= 0) return Hours(0);
  if (std::isinf(mean_life.count())) return stretch;
  return stretch / mean_life > kMostLives ? Hours(kInfinite)
                                          : mean_life * std::expm1(stretch / mean_life);
}

Hours expected_hours_saved(Hours stretch, Hours start, const Saving& saving, Hours mean_life) {
  if (stretch.count() <= 0) return Hours(0);
  if (std::isinf(mean_life.count())) return stretch;
  const Hours interval = std::min(std::max(saving.interval, Hours(1e-3)), stretch);
  const double lives = (start + interval + saving.save) / mean_life;
  if (lives > kMostLives) return Hours(kInfinite);
  const Hours lost =
      expected_hours(interval, mean_life) * (stretch / interval) * std::exp(start / mean_life);
  const Hours rescued = stretch * std::exp((start + saving.save) / mean_life);
  return lost * (1 - saving.rescued) + rescued * saving.rescued;
}

namespace {

Hours hours_to_finish(const Rates& rates, const Effort& effort) {
  const Hours stretch = effort.work / rates.speed;
  return effort.saving
             ? expected_hours_saved(stretch, effort.start, *effort.saving, rates.residual_life)
             : expected_hours(stretch, rates.residual_life);
}

}  // namespace

Hours hours_from_start(const Rates& rates, const Effort& effort) {
  const Hours stretch = effort.work / rates.speed;
  if (!effort.saving) return expected_hours(stretch + effort.start, rates.fresh_life);
  return effort.start +
         expected_hours_saved(stretch, effort.start, *effort.saving, rates.fresh_life);
}

double cost_from_start(const Rates& rates, const Effort& effort) {
  return rates.usd * hours_from_start(rates, effort).count();
}

double least_cost_from_start(const Rates& rates, const Effort& effort) {
  // e^x >= 1 + x + x^2 / 2, for every life that is not infinite; rounding is given away.
  constexpr double kRounding = 1 - 1e-9;
  const Hours stretch = effort.work / rates.speed;
  if (!effort.saving) {
    const Hours whole = stretch + effort.start;
    const double lives = whole / rates.fresh_life;
    return rates.usd * whole.count() * (1 + lives / 2 + lives * lives / 6) * kRounding;
  }
  const Saving& saving = *effort.saving;
  const Hours interval = std::min(std::max(saving.interval, Hours(1e-3)), stretch);
  const double start = effort.start / rates.fresh_life;
  const double rescued = (effort.start + saving.save) / rates.fresh_life;
  const double lost = (1 + interval / rates.fresh_life / 2) * (1 + start + start * start / 2);
  const double longer =
      lost * (1 - saving.rescued) + (1 + rescued + rescued * rescued / 2) * saving.rescued;
  return rates.usd * (effort.start + stretch * longer).count() * kRounding;
}

bool hopeless(const Rates& rates, const Effort& effort) {
  const Hours stretch = effort.work / rates.speed;
  const Hours alone =
      effort.saving ? std::min(stretch, effort.saving->interval) + effort.saving->save : stretch;
  return (alone + effort.start) / rates.fresh_life > kMostLives;
}

double cost_to_finish(const Rates& rates, const Effort& effort) {
  return rates.usd * hours_to_finish(rates, effort).count();
}

double serving_cost(const Rates& rates, Hours load) {
  const double useful = 1.0 - load / rates.fresh_life;
  return useful > 0 ? rates.usd / rates.speed / useful : kInfinite;
}

}  // namespace spillway::plan
