#pragma once
// Two of the four seams that carry all effects: reading the time and drawing random numbers. (The
// others: transport to the API server, HTTP to clouds. Timers are in async/timers.h.) Only the
// programs choose an implementation.

#include <cstdint>
#include <memory>

#include <spillway/core/time.h>

namespace spillway {

// Thread-safe in every implementation.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Instant now() const = 0;              // wall clock, may step
  [[nodiscard]] virtual MonotonicTime monotonic() const = 0;  // CLOCK_MONOTONIC, never steps
};

// Not thread-safe: used on the control thread.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;  // uniform over all 64-bit values
  // Uniform in [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
};

std::unique_ptr<Clock> make_system_clock();
std::unique_ptr<Random> make_random(
    std::uint64_t seed);  // deterministic: the same seed draws the same numbers
std::unique_ptr<Random> make_entropy_random();  // seeded from the operating system

}  // namespace spillway
