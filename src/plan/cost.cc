#include "cost.h"

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

Hours expected_hours_saved(Hours stretch, Hours loss, Hours mean_life) {
  if (stretch.count() <= 0) return Hours(0);
  if (std::isinf(mean_life.count())) return stretch;
  const double useful = 1.0 - loss / mean_life;
  return useful > 0 ? stretch / useful : Hours(kInfinite);
}

namespace {

Hours hours_for(Hours stretch, Hours life, const Effort& effort) {
  return effort.rework ? expected_hours_saved(stretch, effort.start + *effort.rework, life)
                       : expected_hours(stretch, life);
}

}  // namespace

Hours hours_from_start(const Rates& rates, const Effort& effort) {
  return hours_for(effort.work / rates.speed + effort.start, rates.fresh_life, effort);
}

double cost_from_start(const Rates& rates, const Effort& effort) {
  return rates.usd * hours_from_start(rates, effort).count();
}

bool hopeless(const Rates& rates, const Effort& effort) {
  if (effort.rework) return effort.start + *effort.rework >= rates.fresh_life;
  return (effort.work / rates.speed + effort.start) / rates.fresh_life > kMostLives;
}

double cost_to_finish(const Rates& rates, const Effort& effort) {
  return rates.usd * hours_for(effort.work / rates.speed, rates.residual_life, effort).count();
}

double serving_cost(const Rates& rates, Hours load) {
  const double useful = 1.0 - load / rates.fresh_life;
  return useful > 0 ? rates.usd / rates.speed / useful : kInfinite;
}

}  // namespace spillway::plan
