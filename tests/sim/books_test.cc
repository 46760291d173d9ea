// The books: they hold, and each of their checks shown to be able to fail, by a book that somebody
// falsified.

#include "operatorless_world.h"

namespace spillway::sim {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Falsify = std::function<std::vector<cost::Entry>(cost::Entry)>;

class FalsifiedAudit final : public CostAudit {
 public:
  using CostAudit::CostAudit;
  using CostAudit::ledger;
  Falsify falsify = [](cost::Entry entry) { return std::vector{std::move(entry)}; };

 private:
  void take(const cost::Entry& entry) override {
    for (const cost::Entry& written : falsify(entry))
      CostAudit::take(written);
  }
};

class CostAuditTest : public OperatorlessWorld {
 protected:
  void SetUp() override {
    OperatorlessWorld::SetUp();
    ASSERT_TRUE(world.server().merge_patch(
        control::kCapacityPools, {.name = ObjectName("spot-a")},
        {{"status",
          {{"price", {{"perNodeHour", "8.00"}, {"source", "test"}, {"quality", "Live"}}}}}},
        {.manager = "test", .subresource = "status"}));
  }
  // A pod works on three of eight accelerators for ten minutes, idle ones beside it.
  void ten_minutes() {
    audit.look();
    pod("train-1-0", "1", 3, "spot-a-1");
    world.run_for(seconds(1));
    audit.look();
    world.run_for(minutes(10));
    audit.look();
  }
  std::vector<std::string> told;
  FalsifiedAudit audit{world.server(),
                       [this](std::string sentence) { told.push_back(std::move(sentence)); }};
};

TEST_F(CostAuditTest, what_nodes_cost_is_charged_or_unused_to_the_micro_dollar) {
  audit.look();
  world.run_for(minutes(7));
  audit.look();
  EXPECT_EQ(audit.unused(), Money::parse("0.933333").value());  // 8 $/h for 7 min, nobody there
  pod("train-1-0", "1", 3, "spot-a-1");
  world.run_for(seconds(100));
  audit.look();
  world.run_for(minutes(11));
  audit.look();
  EXPECT_GT(audit.charged(), Money());
  EXPECT_GT(audit.unused(), audit.charged());  // five of eight accelerators are idle
  EXPECT_THAT(told, IsEmpty());
}
TEST_F(CostAuditTest, a_charge_that_is_lost_is_told) {
  audit.falsify = [](cost::Entry entry) {
    return entry.use == cost::NodeUse::kUsed ? std::vector<cost::Entry>{} : std::vector{entry};
  };
  ten_minutes();
  EXPECT_THAT(told, ElementsAre(HasSubstr("went unused: not the same")));
}
TEST_F(CostAuditTest, idle_time_that_is_booked_twice_is_told) {
  audit.falsify = [](cost::Entry entry) {
    return std::vector<cost::Entry>(entry.use == cost::NodeUse::kIdle ? 2 : 1, entry);
  };
  ten_minutes();
  EXPECT_THAT(told, ElementsAre(HasSubstr("went unused: not the same")));
}
TEST_F(CostAuditTest, a_charge_to_nobody_is_told) {
  audit.falsify = [](cost::Entry entry) {
    entry.consumer.reset();
    return std::vector{entry};
  };
  ten_minutes();
  EXPECT_THAT(told, ElementsAre(HasSubstr("node spot-a-1 is used by nobody")));
}
TEST_F(CostAuditTest, an_entry_that_ends_before_it_begins_is_told) {
  audit.falsify = [](cost::Entry entry) {
    if (entry.use == cost::NodeUse::kUsed) std::swap(entry.from, entry.to);
    return std::vector{entry};
  };
  ten_minutes();
  EXPECT_THAT(told, ElementsAre(HasSubstr("has an entry that is negative")));
}
TEST_F(CostAuditTest, a_charge_that_is_taken_back_is_told) {
  audit.falsify = [](cost::Entry entry) {
    cost::Entry back = entry;
    back.cost = Money() - entry.cost;
    return entry.use == cost::NodeUse::kUsed ? std::vector{entry, back, entry} : std::vector{entry};
  };
  ten_minutes();
  EXPECT_THAT(told, ElementsAre(HasSubstr("has an entry that is negative")));
}
TEST_F(CostAuditTest, a_ledger_that_reckons_with_another_rate_than_the_node_has_is_told) {
  audit.look();
  audit.ledger().set_rate(PoolName("spot-a"), HourlyRate::parse("7.99").value(),
                          world.time().now());
  world.run_for(minutes(10));
  audit.look();
  EXPECT_THAT(told, ElementsAre(HasSubstr("by their rates and")));
}
TEST_F(CostAuditTest, a_pod_that_is_bound_and_not_charged_is_told) {
  audit.look();
  audit.ledger().remove_node(NodeName("spot-a-1"), world.time().now());
  pod("train-1-0", "1", 3, "spot-a-1");
  audit.look();
  EXPECT_THAT(told, ElementsAre(HasSubstr("is bound to spot-a-1 and not charged")));
}

}  // namespace
}  // namespace spillway::sim
