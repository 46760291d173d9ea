// What the operator learns of a spot pool's windows and gaps, and shows to the next plan.

#include <gtest/gtest.h>

#include <spillway/control/pool_memory.h>

namespace spillway::control {
namespace {

using namespace std::chrono_literals;
using plan::MarketState;

constexpr Instant kNow{std::chrono::hours(24 * 365 * 50)};

class Market : public ::testing::Test {
 protected:
  Market() {
    add("spot", api::Tier::kSpot);
    add("od", api::Tier::kOnDemand);
  }

  void add(const std::string& name, api::Tier tier) {
    api::CapacityPool pool;
    pool.meta.key.name = ObjectName(name);
    pool.meta.uid = Uid(name);
    picture_.pools.push_back(std::make_shared<const api::CapacityPool>(std::move(pool)));
    picture_.snapshot.pools.push_back({.name = PoolName(name), .tier = tier});
  }
  // Nodes of the spot pool; work of ours runs on the first.
  void nodes(std::size_t count) {
    picture_.snapshot.nodes.clear();
    picture_.node_created_at.assign(count, kNow - 1h);
    for (std::size_t i = 0; i < count; ++i) {
      picture_.snapshot.nodes.push_back(
          {.name = NodeName("node-" + std::to_string(i)), .pool = 0, .usable = true});
    }
    picture_.snapshot.training.clear();
    if (count == 0) return;
    plan::TrainingWorkload job;
    job.bound = {{.node = 0, .replicas = 1}};
    picture_.snapshot.training.push_back(std::move(job));
  }
  void look(Duration later) {
    now_ += later;
    memory_.learn(picture_, plan_, now_);
    memory_.show_market(picture_);
  }
  [[nodiscard]] const plan::Pool& spot() const { return picture_.snapshot.pools[0]; }

  Picture picture_;
  plan::Plan plan_;
  PoolMemory memory_;
  Instant now_ = kNow;
};

TEST_F(Market, NothingIsKnownOfAPoolThatHadNoNodeYet) {
  nodes(0);
  look(0s);
  EXPECT_FALSE(spot().seen_state.has_value());
}

TEST_F(Market, ANodeThatIsThereIsAWindowWhoseAgeGrows) {
  nodes(1);
  look(0s);
  look(10min);
  look(10min);
  EXPECT_EQ(spot().seen_state, MarketState::kWindow);
  EXPECT_EQ(spot().seen_at, now_);
  EXPECT_EQ(spot().seen_age, 20min);
  EXPECT_FALSE(picture_.snapshot.pools[1].seen_state.has_value());  // on-demand has no windows
}

TEST_F(Market, TheLossOfTheLastNodeIsAGap) {
  nodes(1);
  look(0s);
  look(10min);
  nodes(0);
  look(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  EXPECT_EQ(spot().seen_age, 1min);  // since it was seen up, at most
}

TEST_F(Market, ALaunchThatFailedIsAGapThoughOtherNodesAreThere) {
  nodes(2);
  look(0s);
  plan_.stock_outs.push_back({.pool = 0, .since = kNow});
  look(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
}

TEST_F(Market, AWindowThatEndsEarlyMakesThePoolDistrusted) {
  for (int i = 0; i < 12; ++i) {
    nodes(1);
    look(5min);
    look(5min);
    nodes(0);
    look(5min);
  }
  EXPECT_GT(spot().hazard.window, 1.2);
}

}  // namespace
}  // namespace spillway::control
