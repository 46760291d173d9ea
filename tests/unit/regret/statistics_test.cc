#include "statistics.h"

#include <gtest/gtest.h>

namespace spillway::regret {
namespace {

TEST(Statistics, QuantilesInterpolate) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({7}, 0.95), 7);
  EXPECT_DOUBLE_EQ(mean({1, 2, 6}), 3);
}

TEST(Statistics, AnIntervalHoldsTheMeanAndRepeats) {
  std::vector<double> values;
  std::vector<std::size_t> blocks;
  RandomNumbers random(7);
  for (std::size_t i = 0; i < 400; ++i) {
    values.push_back(static_cast<double>(random.below(1000)) / 1000);
    blocks.push_back(i);
  }
  const Interval one = bootstrap_interval(values, blocks, 1);
  EXPECT_LT(one.low, mean(values));
  EXPECT_GT(one.high, mean(values));
  EXPECT_NEAR(one.high - one.low, 4 * 0.2887 / 20, 0.02);
  EXPECT_DOUBLE_EQ(one.low, bootstrap_interval(values, blocks, 1).low);
}

TEST(Statistics, ValuesOfOneBlockAreDrawnTogether) {
  // Two blocks of opposite values: independent draws would hide how little is known.
  std::vector<double> values;
  std::vector<std::size_t> blocks;
  for (std::size_t i = 0; i < 200; ++i) {
    values.push_back(i < 100 ? -1 : 1);
    blocks.push_back(i < 100 ? 0 : 1);
  }
  const Interval interval = bootstrap_interval(values, blocks, 1);
  EXPECT_DOUBLE_EQ(interval.low, -1);
  EXPECT_DOUBLE_EQ(interval.high, 1);
}

}  // namespace
}  // namespace spillway::regret
