#include <spillway/cost/ledger.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spillway::cost {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Instant kStart{hours(24 * 365 * 50)};
const NodeName kNode{"node-1"};

Consumer job(const std::string& name) {
  return {.kind = "TrainingJob", .key = {.ns = Namespace("team"), .name = ObjectName(name)}};
}
HourlyRate rate(const char* text) {
  return HourlyRate::parse(text).value();
}
Money money(const char* text) {
  return Money::parse(text).value();
}

// Adds entries up.
struct Books {
  std::map<Consumer, Money> charged;
  std::map<Consumer, Money> on_demand;
  std::map<NodeUse, Money> by_use;
  std::map<NodeUse, AcceleratorTime> time;
  Ledger ledger{[this](const Entry& entry) {
    by_use[entry.use] += entry.cost;
    time[entry.use] += entry.time;
    if (!entry.consumer) return;
    charged[*entry.consumer] += entry.cost;
    if (entry.on_demand) on_demand[*entry.consumer] += *entry.on_demand;
  }};

  void node(const char* per_hour, std::int64_t accelerators, bool owned = false) {
    ledger.add_node(kNode,
                    {.pool = PoolName("spot"),
                     .tier = owned ? api::Tier::kReserved : api::Tier::kSpot,
                     .accelerators = AcceleratorCount(accelerators),
                     .rate = rate(per_hour),
                     .on_demand = rate("24"),
                     .owned = owned},
                    kStart);
  }
  bool bind(const char* pod, std::int64_t accelerators, Duration after) {
    return ledger.bind(Uid(pod), kNode, job(pod), AcceleratorCount(accelerators), kStart + after);
  }
};

TEST(Ledger, time_before_the_first_pod_is_starting_and_after_the_last_idle) {
  Books books;
  books.node("8.00", 8);
  books.bind("a", 8, minutes(15));
  books.ledger.end(Uid("a"), kStart + minutes(45));
  books.ledger.remove_node(kNode, kStart + hours(1));
  EXPECT_EQ(books.by_use[NodeUse::kStarting], money("2.00"));
  EXPECT_EQ(books.charged[job("a")], money("4.00"));
  EXPECT_EQ(books.by_use[NodeUse::kIdle], money("2.00"));
  EXPECT_EQ(books.ledger.node_cost(), money("8.00"));
}

TEST(Ledger, an_owned_node_is_idle_before_its_first_pod) {
  Books books;
  books.node("8.00", 8, true);
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.by_use[NodeUse::kStarting], Money());
  EXPECT_EQ(books.by_use[NodeUse::kIdle], money("8.00"));
}

TEST(Ledger, a_node_is_split_by_accelerators_and_the_rest_is_idle) {
  Books books;
  books.node("8.00", 8);
  books.bind("a", 2, {});
  books.bind("b", 5, {});
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.charged[job("a")], money("2.00"));
  EXPECT_EQ(books.charged[job("b")], money("5.00"));
  EXPECT_EQ(books.by_use[NodeUse::kIdle], money("1.00"));
  EXPECT_EQ(books.time[NodeUse::kIdle], AcceleratorTime(3'600'000));
  EXPECT_EQ(books.on_demand[job("a")], money("6.00"));
}

TEST(Ledger, a_price_counts_from_its_instant_on) {
  Books books;
  books.node("8.00", 8);
  books.bind("a", 8, {});
  books.ledger.set_rate(PoolName("spot"), rate("4.00"), kStart + minutes(30));
  books.ledger.set_rate(PoolName("another"), rate("100.00"), kStart + minutes(30));
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.charged[job("a")], money("6.00"));
}

TEST(Ledger, a_node_that_goes_takes_its_pods_along) {
  Books books;
  books.node("8.00", 8);
  books.bind("a", 8, {});
  books.ledger.remove_node(kNode, kStart + hours(1));
  books.ledger.end(Uid("a"), kStart + hours(2));
  EXPECT_EQ(books.charged[job("a")], money("8.00"));
  EXPECT_FALSE(books.ledger.holds(Uid("a")));
}

TEST(Ledger, a_clock_that_steps_back_charges_nothing_twice) {
  Books books;
  books.node("8.00", 8);
  books.bind("a", 8, {});
  books.ledger.settle(kStart + hours(1));
  books.ledger.settle(kStart);
  books.ledger.end(Uid("a"), kStart + minutes(1));
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.charged[job("a")], money("8.00"));
  EXPECT_EQ(books.ledger.node_cost(), money("8.00"));
}

TEST(Ledger, what_is_said_twice_counts_once) {
  Books books;
  books.node("8.00", 8);
  books.node("80.00", 8);
  EXPECT_TRUE(books.bind("a", 4, {}));
  EXPECT_TRUE(books.bind("a", 4, minutes(30)));
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.charged[job("a")], money("4.00"));
  EXPECT_EQ(books.ledger.node_cost(), money("8.00"));
}

TEST(Ledger, a_pod_on_a_node_that_is_not_known_is_not_charged) {
  Books books;
  EXPECT_FALSE(books.bind("a", 4, {}));
  books.ledger.settle(kStart + hours(1));
  EXPECT_TRUE(books.charged.empty());
}

TEST(Ledger, a_pod_without_accelerators_costs_nothing_and_starts_nothing) {
  Books books;
  books.node("8.00", 8);
  EXPECT_TRUE(books.bind("agent", 0, {}));
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.by_use[NodeUse::kStarting], money("8.00"));
}

TEST(Ledger, more_accelerators_than_there_are_share_the_node) {
  Books books;
  books.node("8.00", 2);
  books.bind("a", 2, {});
  books.bind("b", 2, {});
  books.ledger.settle(kStart + hours(1));
  EXPECT_EQ(books.charged[job("a")], money("4.00"));
  EXPECT_EQ(books.charged[job("b")], money("4.00"));
}

TEST(Ledger, settling_every_millisecond_neither_loses_nor_invents_a_micro_dollar) {
  Books books;
  books.node("0.9731", 1);
  books.bind("a", 1, {});
  for (int ms = 1; ms <= 36'000; ++ms)
    books.ledger.settle(kStart + Duration(ms));
  EXPECT_EQ(books.charged[job("a")], money("0.009731"));
}

}  // namespace
}  // namespace spillway::cost
