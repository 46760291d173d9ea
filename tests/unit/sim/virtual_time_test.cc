#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/sim/virtual_time.h>

namespace spillway::sim {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;

class VirtualTimeTest : public ::testing::Test {
 protected:
  asio::io_context io;
  VirtualTime time{io};
  std::vector<int> order;
};

Task<void> sleep_and_note(VirtualTime& time, Duration delay, int note, std::vector<int>& order) {
  const auto timer = time.make();
  co_await timer->wait_until(time.monotonic() + delay);
  order.push_back(note);
}

TEST_F(VirtualTimeTest, wakes_sleepers_in_the_order_of_their_times_and_of_their_asking) {
  TaskGroup group(time.executor(), time);
  group.spawn(sleep_and_note(time, seconds(2), 1, order));
  group.spawn(sleep_and_note(time, seconds(1), 2, order));
  group.spawn(sleep_and_note(time, seconds(1), 3, order));
  time.run_for(hours(1));
  EXPECT_THAT(order, ElementsAre(2, 3, 1));
  EXPECT_EQ(time.monotonic(), MonotonicTime(hours(1)));
}

TEST_F(VirtualTimeTest, moves_the_wall_clock_with_the_monotonic_one_and_steps_it_alone) {
  const Instant start = time.now();
  time.run_for(seconds(5));
  EXPECT_EQ(time.now() - start, seconds(5));
  time.step_wall(hours(-1));
  EXPECT_EQ(time.now() - start, seconds(5) - hours(1));
  EXPECT_EQ(time.monotonic(), MonotonicTime(seconds(5)));
}

TEST_F(VirtualTimeTest, an_action_may_ask_for_another_at_the_same_instant) {
  time.after(seconds(1), [&] {
    order.push_back(1);
    time.after(seconds(0), [&] { order.push_back(2); });
  });
  ASSERT_TRUE(time.step(MonotonicTime::max()));
  EXPECT_THAT(order, ElementsAre(1, 2));
  EXPECT_EQ(time.steps(), 1U);
}

TEST_F(VirtualTimeTest, a_notified_signal_wakes_its_waiter_without_time_passing) {
  Signal signal(time);
  bool woken = false;
  TaskGroup group(time.executor(), time);
  group.spawn([](Signal& awaited, bool& done) -> Task<void> {
    co_await awaited.wait(MonotonicTime::max());
    done = true;
  }(signal, woken));
  time.settle();
  EXPECT_FALSE(woken);
  signal.notify();
  time.settle();
  EXPECT_TRUE(woken);
  EXPECT_EQ(time.monotonic(), MonotonicTime());
}

TEST_F(VirtualTimeTest, says_when_patience_ends_before_the_condition_holds) {
  int ticks = 0;
  std::function<void()> tick = [&] {
    ++ticks;
    time.after(seconds(10), tick);
  };
  tick();
  EXPECT_TRUE(time.run_while_not([&] { return ticks >= 4; }, hours(1)));
  EXPECT_EQ(time.monotonic(), MonotonicTime(seconds(30)));
  EXPECT_FALSE(time.run_while_not([&] { return ticks >= 1000; }, seconds(60)));
  EXPECT_EQ(time.monotonic(), MonotonicTime(seconds(90)));
}

}  // namespace
}  // namespace spillway::sim
