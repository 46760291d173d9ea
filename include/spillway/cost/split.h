#pragma once
// Dividing money without losing or inventing any.

#include <cstdint>
#include <span>
#include <vector>

#include <spillway/core/money.h>

namespace spillway::cost {

// `amount` in parts proportional to `weights`, exact to the micro-dollar: each part is its exact
// share cut to whole micro-dollars, and the micro-dollars left over go one each to the parts with
// the largest remainders, the earlier part first among equals. The parts add up to `amount`; a part
// of weight 0 gets nothing. Weights are not negative, their sum is above 0, the amount is not
// negative (SPILLWAY_CHECK).
std::vector<Money> split(Money amount, std::span<const std::int64_t> weights);

}  // namespace spillway::cost
