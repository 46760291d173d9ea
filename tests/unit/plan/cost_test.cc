#include "cost.h"

#include <gtest/gtest.h>

#include <cmath>

namespace spillway::plan {
namespace {

TEST(Cost, AnUnlimitedLifeCostsWorkAndStart) {
  const Rates rates{.usd = 3};
  EXPECT_DOUBLE_EQ(cost_from_start(rates, {.work = Hours(10), .start = Hours(0.1)}), 3 * 10.1);
  EXPECT_DOUBLE_EQ(cost_to_finish(rates, {.work = Hours(10)}), 30);
}

// Work that an interruption loses as a whole takes E (e^(t/E) - 1) hours: here by the recursion
// T = integral of survival + P(lost) T.
TEST(Cost, AShortLifeMultipliesTheHours) {
  const double life = 2, stretch = 3;
  const double survives = std::exp(-stretch / life);
  const double one_try = life * (1 - survives);
  EXPECT_NEAR(expected_hours(Hours(stretch), Hours(life)).count(), one_try / survives, 1e-9);
}

TEST(Cost, AHopelessStretchIsInfinite) {
  EXPECT_TRUE(std::isinf(cost_from_start({.usd = 1, .fresh_life = Hours(0.01)},
                                         {.work = Hours(100), .start = Hours(0.1)})));
}

TEST(Cost, FasterModelsNeedFewerHours) {
  EXPECT_DOUBLE_EQ(cost_from_start({.usd = 3, .speed = 2}, {.work = Hours(10)}), 15);
}

// Staying is right exactly when it costs less than the best fresh start, because a loss costs that
// fresh start.
TEST(Cost, StayingIsComparedWithAFreshStart) {
  const Rates here{.usd = 1, .residual_life = Hours(5)};
  const double left = 4, fresh_start = 12.3;
  const double lost = 1 - std::exp(-left / 5);
  const double stay =
      1 * 5 * lost + lost * fresh_start;  // pay until the end or the loss, then start elsewhere
  EXPECT_EQ(stay < fresh_start, cost_to_finish(here, {.work = Hours(left)}) < fresh_start);
  EXPECT_NEAR(cost_to_finish(here, {.work = Hours(left)}), 5 * lost / (1 - lost), 1e-9);
}

TEST(Cost, AReplicaPaysForItsStartsOverALife) {
  EXPECT_DOUBLE_EQ(serving_cost({.usd = 2, .fresh_life = Hours(4)}, Hours(1)), 2 / 0.75);
  EXPECT_TRUE(std::isinf(serving_cost({.usd = 2, .fresh_life = Hours(0.5)}, Hours(1))));
}

TEST(Cost, CheckpointsLimitWhatAnInterruptionCosts) {
  const Rates spot{.usd = 1, .fresh_life = Hours(3), .residual_life = Hours(3)};
  const Effort unsaved{.work = Hours(40), .start = Hours(0.1)};
  Effort saved = unsaved;
  saved.saving = Saving{.interval = Hours(0.25), .save = Hours(0.01)};
  EXPECT_GT(cost_from_start(spot, unsaved), 1'000'000);
  EXPECT_NEAR(cost_from_start(spot, saved), 43.2, 0.1);
  saved.saving->rescued = 0.9;
  EXPECT_NEAR(cost_from_start(spot, saved), 41.7, 0.1);
  const Rates lasting{.usd = 1};
  EXPECT_DOUBLE_EQ(cost_from_start(lasting, saved), 40.1);
}

TEST(Cost, AnIntervalAsLongAsTheWorkIsAsGoodAsNone) {
  const Rates spot{.usd = 1, .fresh_life = Hours(2), .residual_life = Hours(2)};
  const Effort unsaved{.work = Hours(3), .start = Hours(0.1)};
  Effort saved = unsaved;
  saved.saving = Saving{.interval = Hours(10)};
  EXPECT_NEAR(cost_from_start(spot, saved) / cost_from_start(spot, unsaved), 1, 0.002);
  EXPECT_DOUBLE_EQ(saved.saving->rework().count(), 5);
}

TEST(Cost, NoLifeIsTooShortForAnAnswer) {
  const Rates spot{.usd = 1, .fresh_life = Hours(1e-6)};
  const Effort effort{
      .work = Hours(1), .start = Hours(0.1), .saving = Saving{.interval = Hours(1)}};
  EXPECT_TRUE(hopeless(spot, effort));
  EXPECT_TRUE(std::isinf(cost_from_start(spot, effort)));
}

}  // namespace
}  // namespace spillway::plan
