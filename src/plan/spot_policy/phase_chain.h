#pragma once
// The market as a chain of phases, advanced by one step of the programme: gaps by age bucket, then
// windows by age bucket.

#include <array>
#include <cmath>
#include <cstddef>

#include <spillway/plan/hazard.h>

namespace spillway::plan {

inline constexpr std::size_t kPhases = 2 * kAgeBuckets;
using ByPhase = std::array<float, kPhases>;
using ByAge = std::array<float, kAgeBuckets>;

class PhaseChain {
 public:
  // `failover`: chance that at the end of a window another zone's window is there to take its
  // place.
  PhaseChain(const HazardScale& scale, double failover, double step_hours);
  // The same from rates per hour at which gaps and windows end, by age bucket.
  using Hazards = std::array<double, kAgeBuckets>;
  PhaseChain(const Hazards& gap, const Hazards& window, double failover, double step_hours);

  // Expectation of `value` one step on, by the phase now.
  [[nodiscard]] ByPhase expect(const ByPhase& value) const;
  // The same on spot: `running` while the window lasts, `after` (by phase) once it has ended.
  [[nodiscard]] ByAge expect_spot(const ByAge& running, const ByPhase& after) const;

 private:
  struct Rates {
    float ends;
    float older;  // given that it does not end
  };
  [[nodiscard]] float after_window(const ByPhase& value) const;

  std::array<Rates, kAgeBuckets> gap_{};
  std::array<Rates, kAgeBuckets> window_{};
  ByAge other_age_{};  // how old the window of another zone is when ours ends: the long-run share
                       // of time at each age
  float failover_ = 0;
};

}  // namespace spillway::plan
