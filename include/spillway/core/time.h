#pragma once
// Instants and durations. An Instant is wall-clock time in UTC with millisecond resolution, as
// Kubernetes objects and price feeds carry it. Deadlines of requests and leases use MonotonicTime,
// which no clock step can move.

#include <chrono>
#include <string>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway {

using Duration = std::chrono::milliseconds;
using Instant = std::chrono::sys_time<std::chrono::milliseconds>;

struct MonotonicClock {  // only a tag: time points are made by the Clock seam, never read from a
                         // global
  using rep = std::chrono::milliseconds::rep;
  using period = std::chrono::milliseconds::period;
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};
using MonotonicTime = MonotonicClock::time_point;

// RFC 3339 as Kubernetes writes and accepts it: "2026-11-21T09:14:01Z", with optional fraction and
// offset.
Result<Instant> parse_instant(std::string_view text);
// Whole seconds, "2026-11-21T09:14:01Z": the form of metav1.Time. The fraction is cut.
std::string format_instant(Instant instant);
// Microseconds, "2026-11-21T09:14:01.000000Z": the form of metav1.MicroTime (Lease).
std::string format_micro_time(Instant instant);

// Go-style durations, as Kubernetes users write them: "1h30m", "90s", "1.5h", "250ms". No days, no
// negative values.
Result<Duration> parse_duration(std::string_view text);
// The shortest exact Go-style form: "1h30m", "45s", "0s".
std::string format_duration(Duration duration);

}  // namespace spillway
