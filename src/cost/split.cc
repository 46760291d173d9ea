#include <spillway/cost/split.h>

#include <algorithm>
#include <numeric>

#include <spillway/core/check.h>

namespace spillway::cost {

std::vector<Money> split(Money amount, std::span<const std::int64_t> weights) {
  const auto total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  SPILLWAY_CHECK(total > 0 && amount >= Money());
  std::vector<Money> parts(weights.size());
  std::vector<std::int64_t> remainders(weights.size());
  std::int64_t left = amount.micros();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    SPILLWAY_CHECK(weights[i] >= 0);
    const auto product = static_cast<__int128>(amount.micros()) * weights[i];
    const auto whole = static_cast<std::int64_t>(product / total);
    remainders[i] = static_cast<std::int64_t>(product % total);
    parts[i] = Money::micros(whole);
    left -= whole;
  }
  if (left == 0) return parts;
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
  });
  // Fewer are left than there are parts with a remainder, so a part of weight 0 gets none.
  for (std::size_t i = 0; i < order.size() && left > 0; ++i, --left)
    parts[order[i]] += Money::micros(1);
  return parts;
}

}  // namespace spillway::cost
