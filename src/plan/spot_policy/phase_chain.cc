#include "phase_chain.h"

#include <algorithm>
#include <numeric>

namespace spillway::plan {
namespace {

PhaseChain::Hazards scaled_hazards(double scale) {
  PhaseChain::Hazards hazards{};
  for (std::size_t b = 0; b < kAgeBuckets; ++b)
    hazards[b] = scale * base_hazard(b);
  return hazards;
}

template <class Rates>
std::array<Rates, kAgeBuckets> rates_of(const PhaseChain::Hazards& hazards, double step_hours) {
  std::array<Rates, kAgeBuckets> rates{};
  for (std::size_t b = 0; b < kAgeBuckets; ++b) {
    const double width = age_bucket_width(b);
    rates[b].ends = static_cast<float>(1 - std::exp(-hazards[b] * step_hours));
    rates[b].older = width > 0 ? static_cast<float>(std::min(1.0, step_hours / width)) : 0.0F;
  }
  return rates;
}

}  // namespace

PhaseChain::PhaseChain(const HazardScale& scale, double failover, double step_hours)
    : PhaseChain(scaled_hazards(scale.gap), scaled_hazards(scale.window), failover, step_hours) {}

PhaseChain::PhaseChain(const Hazards& gap, const Hazards& window, double failover,
                       double step_hours)
    : gap_(rates_of<Rates>(gap, step_hours)),
      window_(rates_of<Rates>(window, step_hours)),
      failover_(static_cast<float>(failover)) {
  float arriving = 1;  // windows per step that reach the bucket
  for (std::size_t b = 0; b < kAgeBuckets; ++b) {
    const Rates& rates = window_[b];
    const float leaves = rates.ends + (1 - rates.ends) * rates.older;
    other_age_[b] = arriving / leaves;  // steps spent there
    arriving *= (1 - rates.ends) * rates.older / leaves;
  }
  const float total = std::accumulate(other_age_.begin(), other_age_.end(), 0.0F);
  for (float& share : other_age_)
    share /= total;
}

float PhaseChain::after_window(const ByPhase& value) const {
  if (failover_ == 0) return value[0];
  float other = 0;
  for (std::size_t b = 0; b < kAgeBuckets; ++b)
    other += other_age_[b] * value[kAgeBuckets + b];
  return (1 - failover_) * value[0] + failover_ * other;
}

ByPhase PhaseChain::expect(const ByPhase& value) const {
  ByPhase next{};
  const float fresh = value[kAgeBuckets];
  const float over = after_window(value);
  for (std::size_t b = 0; b < kAgeBuckets; ++b) {
    const std::size_t older = std::min(b + 1, kAgeBuckets - 1);
    const auto mix = [&](const Rates& rates, float ended, float same, float grown) {
      return rates.ends * ended + (1 - rates.ends) * (same + rates.older * (grown - same));
    };
    next[b] = mix(gap_[b], fresh, value[b], value[older]);
    next[kAgeBuckets + b] =
        mix(window_[b], over, value[kAgeBuckets + b], value[kAgeBuckets + older]);
  }
  return next;
}

ByAge PhaseChain::expect_spot(const ByAge& running, const ByPhase& after) const {
  ByAge next{};
  const float over = after_window(after);
  for (std::size_t b = 0; b < kAgeBuckets; ++b) {
    const Rates& rates = window_[b];
    const float grown = running[std::min(b + 1, kAgeBuckets - 1)];
    next[b] =
        rates.ends * over + (1 - rates.ends) * (running[b] + rates.older * (grown - running[b]));
  }
  return next;
}

}  // namespace spillway::plan
