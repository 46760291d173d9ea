#include <spillway/cost/split.h>

#include <rapidcheck.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <numeric>

namespace spillway::cost {
namespace {

using testing::ElementsAre;

std::vector<Money> parts(std::int64_t micros, std::vector<std::int64_t> weights) {
  return split(Money::micros(micros), weights);
}
Money micros(std::int64_t value) {
  return Money::micros(value);
}

TEST(Split, an_even_amount_is_divided_evenly) {
  EXPECT_THAT(parts(9, {1, 1, 1}), ElementsAre(micros(3), micros(3), micros(3)));
}

TEST(Split, what_is_left_over_goes_to_the_largest_remainders) {
  // Exact shares 3.33, 6.67 of 10: the second has the larger remainder.
  EXPECT_THAT(parts(10, {1, 2}), ElementsAre(micros(3), micros(7)));
}

TEST(Split, of_equal_remainders_the_earlier_part_comes_first) {
  EXPECT_THAT(parts(2, {1, 1, 1}), ElementsAre(micros(1), micros(1), micros(0)));
}

TEST(Split, a_part_without_weight_gets_nothing) {
  EXPECT_THAT(parts(1, {0, 5, 0}), ElementsAre(micros(0), micros(1), micros(0)));
}

TEST(Split, amounts_near_the_end_of_the_range_do_not_overflow) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const auto halves = parts(most, {1'000'000'000'000, 1'000'000'000'000});
  EXPECT_EQ(halves[0].micros(), most / 2 + 1);
  EXPECT_EQ(halves[1].micros(), most / 2);
}

TEST(SplitProperty, parts_add_up_and_are_within_a_micro_dollar_of_their_share) {
  EXPECT_TRUE(rc::check([](const std::vector<std::uint16_t>& raw) {
    const std::vector<std::int64_t> weights(raw.begin(), raw.end());
    const auto total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
    RC_PRE(total > 0);
    const auto amount = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000);
    const auto got = split(Money::micros(amount), weights);
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      sum += got[i].micros();
      // |part - amount * weight / total| < 1, in integers.
      const __int128 difference = static_cast<__int128>(got[i].micros()) * total -
                                  static_cast<__int128>(amount) * weights[i];
      RC_ASSERT(difference < total && difference > -static_cast<__int128>(total));
      RC_ASSERT(weights[i] > 0 || got[i] == Money());
    }
    RC_ASSERT(sum == amount);
  }));
}

}  // namespace
}  // namespace spillway::cost
