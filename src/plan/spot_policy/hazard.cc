#include <algorithm>
#include <array>
#include <cmath>

#include <spillway/plan/hazard.h>

namespace spillway::plan {
namespace {

constexpr double kFreshRate = 0.7;   // per hour, times 1 / (age + kFreshAge)
constexpr double kFreshAge = 0.3;    // hours
constexpr double kFloorRate = 0.15;  // per hour, at any age
constexpr double kOldestAge = 100;   // hours, beyond all buckets
constexpr double kFirstEdge = 0.2;   // hours
constexpr double kHalfLifeHours = 96;
constexpr double kLateHalfLifeHours = 12;
constexpr double kPriorEvents = 8;      // of s = 1, against what was learnt
constexpr double kLatePriorEvents = 4;  // of the long memory, against the short one
constexpr double kLateWeight =
    0.3;  // of the short memory: the mean of exp(-t / 8 h) over the hours that decisions look ahead

// Of the buckets, for ever the same: where each begins, and its hazard.
struct Buckets {
  std::array<double, kAgeBuckets> edge{};
  std::array<double, kAgeBuckets> hazard{};
};

Buckets make_buckets() {
  Buckets buckets;
  for (std::size_t b = 1; b < kAgeBuckets; ++b)
    buckets.edge[b] = std::ldexp(kFirstEdge, static_cast<int>(b) - 1);
  for (std::size_t b = 0; b < kAgeBuckets; ++b) {
    const double low = buckets.edge[b];
    // Of a long bucket the near part counts: few periods reach the far one.
    const double beyond = 2 * low + 1;
    const double high = b + 1 == kAgeBuckets ? beyond : std::min(buckets.edge[b + 1], beyond);
    buckets.hazard[b] = base_exposure(low, high) / (high - low);
  }
  return buckets;
}

const Buckets& buckets() {
  static const Buckets all = make_buckets();
  return all;
}

double edge(std::size_t bucket) {
  return buckets().edge[bucket];
}

double hours(Duration time) {
  return std::chrono::duration<double, std::ratio<3600>>(time).count();
}

}  // namespace

std::size_t age_bucket(double age_hours) {
  std::size_t bucket = 0;
  while (bucket + 1 < kAgeBuckets && age_hours >= edge(bucket + 1))
    ++bucket;
  return bucket;
}

double age_bucket_width(std::size_t bucket) {
  return bucket + 1 == kAgeBuckets ? 0 : edge(bucket + 1) - edge(bucket);
}

double base_exposure(double from_age_hours, double to_age_hours) {
  return kFreshRate * std::log((to_age_hours + kFreshAge) / (from_age_hours + kFreshAge)) +
         kFloorRate * (to_age_hours - from_age_hours);
}

double hazard_at(double age_hours) {
  return kFreshRate / (age_hours + kFreshAge) + kFloorRate;
}

double age_of_hazard(double rate) {
  const double above_floor = std::max(rate - kFloorRate, kFreshRate / kOldestAge);
  return std::max(0.0, kFreshRate / above_floor - kFreshAge);
}

double base_hazard(std::size_t bucket) {
  return buckets().hazard[bucket];
}

void HazardMemory::decay(double elapsed_hours) {
  const double slow = std::exp2(-elapsed_hours / kHalfLifeHours);
  const double fast = std::exp2(-elapsed_hours / kLateHalfLifeHours);
  for (HazardCounts& counts : counts_) {
    counts.ended *= slow;
    counts.expected *= slow;
    counts.ended_lately *= fast;
    counts.expected_lately *= fast;
  }
}

void HazardMemory::see(MarketState state, Instant now) {
  if (state_ && now <= seen_at_) return;
  const Duration step = now - seen_at_;
  if (!state_ || step > kLongestStep) {
    if (state_) decay(hours(step));
    age_ = state_ == state ? age_ + step : Duration{};
    state_ = state;
    seen_at_ = now;
    return;
  }
  decay(hours(step));
  HazardCounts& counts = counts_[static_cast<std::size_t>(*state_)];
  const double expected = base_exposure(hours(age_), hours(age_ + step));
  counts.expected += expected;
  counts.expected_lately += expected;
  seen_at_ = now;
  age_ += step;
  if (state == *state_) return;
  counts.ended += 1;
  counts.ended_lately += 1;
  state_ = state;
  age_ = step;
}

HazardScale HazardMemory::scale() const {
  const auto of = [](const HazardCounts& counts) {
    const double slow = (counts.ended + kPriorEvents) / (counts.expected + kPriorEvents);
    const double fast = (counts.ended_lately + kLatePriorEvents * slow) /
                        (counts.expected_lately + kLatePriorEvents);
    return std::pow(fast, kLateWeight) * std::pow(slow, 1 - kLateWeight);
  };
  return {.window = of(counts_[static_cast<std::size_t>(MarketState::kWindow)]),
          .gap = of(counts_[static_cast<std::size_t>(MarketState::kGap)])};
}

}  // namespace spillway::plan
