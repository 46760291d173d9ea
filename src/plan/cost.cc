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

double cost_from_scratch(const Rates& rates, Hours work, Hours restart_delay) {
  return rates.usd * expected_hours(work / rates.speed + restart_delay, rates.fresh_life).count();
}

bool hopeless(const Rates& rates, Hours work, Hours restart_delay) {
  return (work / rates.speed + restart_delay) / rates.fresh_life > kMostLives;
}

double cost_to_finish(const Rates& rates, Hours work_left) {
  return rates.usd * expected_hours(work_left / rates.speed, rates.residual_life).count();
}

double serving_cost(const Rates& rates, Hours load) {
  const double useful = 1.0 - load / rates.fresh_life;
  return useful > 0 ? rates.usd / rates.speed / useful : kInfinite;
}

}  // namespace spillway::plan
