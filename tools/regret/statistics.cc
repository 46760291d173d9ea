#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace spillway::regret {
namespace {

constexpr int kResamples = 2000;

struct BlockSum {
  double sum = 0;
  double count = 0;
};

}  // namespace

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - std::floor(at)) * (values[high] - values[low]);
}

Interval bootstrap_interval(const std::vector<double>& values,
                            const std::vector<std::size_t>& blocks, std::uint64_t seed) {
  std::map<std::size_t, BlockSum> by_block;
  for (std::size_t i = 0; i < values.size(); ++i) {
    by_block[blocks[i]].sum += values[i];
    by_block[blocks[i]].count += 1;
  }
  std::vector<BlockSum> sums;
  sums.reserve(by_block.size());
  for (const auto& [block, sum] : by_block)
    sums.push_back(sum);
  RandomNumbers random(seed);
  std::vector<double> means;
  means.reserve(kResamples);
  for (int draw = 0; draw < kResamples; ++draw) {
    BlockSum total;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const BlockSum& one = sums[random.below(sums.size())];
      total.sum += one.sum;
      total.count += one.count;
    }
    means.push_back(total.sum / total.count);
  }
  return {.low = quantile(means, 0.025), .high = quantile(means, 0.975)};
}

std::uint64_t RandomNumbers::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::size_t RandomNumbers::below(std::size_t bound) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>((static_cast<Wide>(next()) * bound) >> 64);
}

}  // namespace spillway::regret
