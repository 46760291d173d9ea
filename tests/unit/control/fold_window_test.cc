// The pace of passes, on time that is passed in.

#include <spillway/control/fold_window.h>

#include <gtest/gtest.h>

namespace spillway::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

MonotonicTime at(int ms) {
  return MonotonicTime(milliseconds(ms));
}

TEST(FoldWindowTest, LetsABurstGatherForAMoment) {
  const FoldWindow window({});
  EXPECT_EQ(window.next(at(1000)), at(1050));
  EXPECT_EQ(window.next_urgent(at(1000)), at(1050));
}

TEST(FoldWindowTest, PlanningTakesATwentiethOfACore) {
  FoldWindow window({});
  window.note(milliseconds(30), at(1000));
  EXPECT_EQ(window.next(at(1000)), at(1600));
  EXPECT_EQ(window.next(at(5000)), at(5050)) << "who rested has nothing to make up for";
}

TEST(FoldWindowTest, SomethingUrgentEndsTheWaitEarly) {
  FoldWindow window({});
  window.note(milliseconds(30), at(1000));
  EXPECT_EQ(window.next_urgent(at(1000)), at(1120)) << "four times the last pass";
  EXPECT_EQ(window.next_urgent(at(1100)), at(1150));
  window.note(milliseconds(200), at(10'000));
  EXPECT_EQ(window.next_urgent(at(10'000)), at(10'250)) << "and no longer than 250 ms";
}

TEST(FoldWindowTest, SomethingUrgentNeverWaitsLongerThanAnythingElse) {
  FoldWindow window({});
  for (int i = 0; i < 50; ++i) {
    window.note(milliseconds(400), at(1000 + i));
    EXPECT_LE(window.next_urgent(at(1000 + i)), window.next(at(1000 + i)));
  }
}

// Always something urgent, for a minute: what passes take of a core is bounded, whatever one costs.
class UrgentAllTheTime : public ::testing::TestWithParam<int> {};

TEST_P(UrgentAllTheTime, TakesABoundedShareOfACore) {
  const milliseconds cost(GetParam());
  const FoldLimits limits;
  FoldWindow window(limits);
  Duration spent{};
  int passes = 0;
  MonotonicTime now = at(0);
  while (now < at(60'000)) {
    now = window.next_urgent(now) + cost;  // a pass takes as long as it costs
    window.note(cost, now);
    spent += cost;
    ++passes;
  }
  const Duration share = (now - at(0)) / limits.urgent_share;
  EXPECT_LE(spent, share + std::max<Duration>(limits.urgent_burst, cost) + cost);
  EXPECT_LE(passes, 60'000 / 50);
  EXPECT_GT(passes, 5) << "and none waits for ever";
}
INSTANTIATE_TEST_SUITE_P(Costs, UrgentAllTheTime, ::testing::Values(0, 3, 12, 50, 150, 400, 2000));

}  // namespace
}  // namespace spillway::control
