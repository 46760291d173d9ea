#pragma once
// How long something took, as Prometheus counts it.

#include <algorithm>
#include <array>
#include <cstdint>

#include <spillway/core/time.h>

namespace spillway::control {

class DurationHistogram {
 public:
  static constexpr std::array<Duration, 11> kBounds{
      Duration(1),   Duration(2),   Duration(5),    Duration(10),   Duration(25),   Duration(50),
      Duration(100), Duration(250), Duration(1000), Duration(2500), Duration(10000)};

  void add(Duration took) {
    const auto bound = std::ranges::lower_bound(kBounds, took);
    ++counts_[static_cast<std::size_t>(bound - kBounds.begin())];
    sum_ += took;
  }
  // Observations up to each bound, not cumulated; the last entry is of what took longer.
  [[nodiscard]] const std::array<std::uint64_t, kBounds.size() + 1>& counts() const {
    return counts_;
  }
  [[nodiscard]] Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};
  Duration sum_{};
};

}  // namespace spillway::control
