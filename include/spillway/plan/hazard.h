#pragma once
// How long spot windows (capacity on offer) and gaps between them last. Their lengths are near
// universal: at age a, in hours, either ends at a rate of s x (0.7 / (a + 0.3) + 0.15) per hour,
// with s around 1 on every recorded trace. So a fresh window is distrusted and an
// old one trusted, and what is learnt of a pool is only s, apart for windows and gaps. Pure values;
// no clock.

#include <array>
#include <cstddef>
#include <optional>

#include <spillway/core/time.h>

namespace spillway::plan {

enum class MarketState { kGap = 0, kWindow = 1 };

// Ages are told apart by bucket: [0, 0.2), [0.2, 0.4), [0.4, 0.8), ... each twice as long, the last
// without end.
inline constexpr std::size_t kAgeBuckets = 10;
[[nodiscard]] std::size_t age_bucket(double age_hours);
// Hours; 0 for the last bucket, which nothing leaves by ageing.
[[nodiscard]] double age_bucket_width(std::size_t bucket);
// The rate per hour at s = 1 at an age, and the age with that rate (never below zero; capped far
// out, where the rate is flat).
[[nodiscard]] double hazard_at(double age_hours);
[[nodiscard]] double age_of_hazard(double rate);
// Mean rate per hour at which a window or gap whose age lies in the bucket ends, at s = 1.
[[nodiscard]] double base_hazard(std::size_t bucket);
// Expected number of ends between two ages at s = 1: the integral of the rate.
[[nodiscard]] double base_exposure(double from_age_hours, double to_age_hours);

// s for windows and for gaps.
struct HazardScale {
  double window = 1;
  double gap = 1;
};

// Counts of one kind of period, decaying: events, and what base_exposure would have led to expect.
struct HazardCounts {
  double ended = 0;
  double expected = 0;
  double ended_lately = 0;
  double expected_lately = 0;
};

// Learns s of one pool from what is seen of it. A few numbers, so that a status can hold them.
class HazardMemory {
 public:
  // The pool was seen up or down at `now`. Sightings come in order; one that is older than the last
  // is ignored. Between two sightings more than `kLongestStep` apart nothing is assumed: the next
  // sighting begins a period of unknown age, taken as 0.
  void see(MarketState state, Instant now);

  static constexpr Duration kLongestStep = std::chrono::minutes(35);

  [[nodiscard]] std::optional<MarketState> state() const { return state_; }
  [[nodiscard]] Instant seen_at() const { return seen_at_; }
  // Of the period in progress, as seen: zero when it began between two sightings.
  [[nodiscard]] Duration age() const { return age_; }
  [[nodiscard]] HazardScale scale() const;

 private:
  void decay(double hours);

  std::optional<MarketState> state_;
  Instant seen_at_{};
  Duration age_{};
  std::array<HazardCounts, 2> counts_{};  // by MarketState
};

}  // namespace spillway::plan
