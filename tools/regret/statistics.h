#pragma once
// Figures about per-window values.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace spillway::regret {

[[nodiscard]] double mean(const std::vector<double>& values);
// By linear interpolation between order statistics; `share` from 0 to 1. Values are not empty.
[[nodiscard]] double quantile(std::vector<double> values, double share);

struct Interval {
  double low = 0;
  double high = 0;
};

// 95 % interval of the mean by a block bootstrap: values with the same block are drawn together,
// because windows that overlap in time see the same market. `blocks` has one number per value.
[[nodiscard]] Interval bootstrap_interval(const std::vector<double>& values,
                                          const std::vector<std::size_t>& blocks,
                                          std::uint64_t seed);

// The same numbers on every machine, unlike the standard library's distributions.
class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();                  // splitmix64
  std::size_t below(std::size_t bound);  // uniform in [0, bound), bound > 0

 private:
  std::uint64_t state_;
};

}  // namespace spillway::regret
