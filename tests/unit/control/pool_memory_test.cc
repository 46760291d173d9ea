// What the operator learns of a spot pool's windows and gaps, and shows to the next plan.

#include <gtest/gtest.h>

#include <spillway/control/keys.h>
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
    picture_.oldest_node_age.emplace_back();
  }
  // Nodes of the spot pool; work of ours runs on the first.
  void nodes(std::size_t count) {
    picture_.snapshot.nodes.clear();
    picture_.node_created_at.assign(count, kNow - 1h);
    picture_.ready_nodes = {static_cast<std::int64_t>(count), 0};
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
  void notice(plan::NoticeKind kind = plan::NoticeKind::kInterruption) {
    picture_.snapshot.notices.push_back({.node = 0, .kind = kind});
  }
  void pods_leave() { picture_.snapshot.training.clear(); }
  // As an earlier life of the operator left it.
  void recorded(std::int32_t ready, std::int32_t interruptions) {
    api::CapacityPool pool = *picture_.pools[0];
    pool.status.nodes = {.ready = ready, .max = 8};
    pool.status.interruptions_last_day = interruptions;
    picture_.pools[0] = std::make_shared<const api::CapacityPool>(std::move(pool));
  }
  static Shared<kube::Pod> pod_of_spot(std::string_view node, Instant created) {
    kube::Pod pod;
    pod.meta.labels.set(label::kPool, "spot");
    pod.meta.created_at = created;
    pod.node = kube::Interned(node);
    return std::make_shared<const kube::Pod>(std::move(pod));
  }
  void lost_pod(std::string_view node) {
    picture_.snapshot.training.resize(1);
    picture_.training_children.resize(1);
    picture_.training_children[0].lost_pods.push_back(pod_of_spot(node, kNow - 3h));
  }
  [[nodiscard]] std::int32_t interruptions() const {
    return memory_.interruptions_last_day(PoolName("spot"));
  }
  // A pass up to its plan, and its end.
  void begin_pass(Duration later) {
    now_ += later;
    memory_.learn_from_picture(picture_, now_);
    memory_.show(picture_);
  }
  void end_pass() { memory_.learn_from_plan(picture_, plan_, now_); }
  // A whole pass; shown is what is known after it.
  void look(Duration later) {
    begin_pass(later);
    end_pass();
    memory_.show(picture_);
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

TEST_F(Market, ALossIsKnownToThePlanThatIsMadeOfThePictureInWhichItIsFirstSeen) {
  nodes(1);
  look(0s);
  const market::LifeEstimate before = spot().offering.life;
  nodes(0);
  begin_pass(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  EXPECT_EQ(spot().seen_at, now_);
  ASSERT_TRUE(before.fresh && spot().offering.life.fresh);
  EXPECT_LT(*spot().offering.life.fresh, *before.fresh);
}

TEST_F(Market, ALaunchThatAPlanFindsFailedMakesAGapOfTheWindowThatItsPictureShowed) {
  nodes(2);
  look(0s);
  plan_.stock_outs.push_back({.pool = 0, .since = kNow});
  begin_pass(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kWindow);
  end_pass();
  memory_.show(picture_);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  EXPECT_EQ(spot().seen_at, now_);
  EXPECT_EQ(spot().seen_age, 1min);
}

TEST_F(Market, ALossInTheSecondInWhichThePoolWasSeenIsAGap) {
  nodes(1);
  look(0s);
  look(10min);
  nodes(0);
  look(0s);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  EXPECT_EQ(spot().seen_at, now_);
  EXPECT_EQ(interruptions(), 1);
}

TEST_F(Market, ALaunchThatFailedIsAGapThoughOtherNodesAreThere) {
  nodes(2);
  look(0s);
  plan_.stock_outs.push_back({.pool = 0, .since = kNow});
  look(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
}

TEST_F(Market, ANodeThatGoesAfterANoticeIsALossThoughItsPodsLeftInTime) {
  nodes(1);
  look(0s);
  notice();
  look(10s);
  pods_leave();
  look(50s);
  EXPECT_EQ(interruptions(), 0);
  nodes(0);
  picture_.snapshot.notices.clear();
  look(1min);
  EXPECT_EQ(interruptions(), 1);
  EXPECT_EQ(memory_.life(PoolName("spot")),
            (market::LifeSums{.exposure = 1h + 2min, .losses_thousandths = 1000}));
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  look(1min);
  EXPECT_EQ(interruptions(), 1);
}

TEST_F(Market, AnIdleNodeThatIsGivenBackAfterANoticeWasTakenBackIsNoLoss) {
  nodes(1);
  look(0s);
  notice();
  look(10s);
  pods_leave();
  look(50s);
  picture_.snapshot.notices.clear();
  look(1min);
  nodes(0);
  look(10min);
  EXPECT_EQ(interruptions(), 0);
}

TEST_F(Market, ANodeThatAnAutoscalerEmptiesIsNoLoss) {
  nodes(1);
  look(0s);
  notice(plan::NoticeKind::kDrain);
  pods_leave();
  look(10s);
  nodes(0);
  picture_.snapshot.notices.clear();
  look(1min);
  EXPECT_EQ(interruptions(), 0);
}

// Of a gang on two nodes one is taken: the other is idle until it is given back.
TEST_F(Market, AnIdleNodeThatIsLeftOverDoesNotMakeALossAWindow) {
  nodes(2);
  picture_.snapshot.training[0].bound.push_back({.node = 1, .replicas = 1});
  look(0s);
  nodes(1);
  picture_.snapshot.nodes[0].name = NodeName("node-1");
  pods_leave();
  look(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  look(5min);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
  picture_.node_created_at[0] = now_;
  look(1min);
  EXPECT_EQ(spot().seen_state, MarketState::kWindow) << "a node that came since";
}

TEST_F(Market, ANodeThatWentWhileNobodyLookedIsCountedOnce) {
  nodes(1);
  recorded(2, 1);
  lost_pod("node-7");
  lost_pod("node-7");
  look(0s);
  EXPECT_EQ(interruptions(), 2);
  EXPECT_EQ(memory_.life(PoolName("spot")),
            (market::LifeSums{.exposure = 3h, .losses_thousandths = 1000}));
  look(1s);
  EXPECT_EQ(interruptions(), 2);
}

TEST_F(Market, WhatAnEarlierLifeHasCountedIsNotCountedAgain) {
  nodes(1);
  recorded(1, 1);
  lost_pod("node-7");
  look(0s);
  EXPECT_EQ(interruptions(), 1);
}

// The operator ended between the record of the loss and the decision that follows from it.
TEST_F(Market, ALossThatAnEarlierLifeHasCountedIsAGapAllTheSame) {
  nodes(0);
  recorded(0, 1);
  lost_pod("node-7");
  begin_pass(0s);
  EXPECT_EQ(interruptions(), 1);
  EXPECT_EQ(spot().seen_state, MarketState::kGap);
}

TEST_F(Market, AnAttemptThatWasLostWithoutANamedNodeIsNoGapWhileNodesAreThere) {
  nodes(1);
  recorded(1, 0);
  pods_leave();
  plan::TrainingWorkload job;
  job.placement = {.pool = 0, .attempt = AttemptNumber(1), .since = kNow - 5h};
  job.state = plan::AttemptState::kLost;
  picture_.snapshot.training = {job};
  picture_.training_children.resize(1);
  begin_pass(0s);
  EXPECT_EQ(spot().seen_state, MarketState::kWindow);
}

// The attempt on it was given up; the node may come back, and its pool was not taken from anybody.
TEST_F(Market, ASilentNodeThatIsStillThereIsNoGap) {
  nodes(1);
  pods_leave();
  picture_.snapshot.nodes[0].usable = false;
  picture_.ready_nodes = {0, 0};
  recorded(0, 0);
  lost_pod("node-0");
  begin_pass(0s);
  EXPECT_NE(spot().seen_state, MarketState::kGap);
}

TEST_F(Market, FewerNodesAloneAreNoLoss) {
  nodes(1);
  recorded(4, 0);
  look(0s);
  EXPECT_EQ(interruptions(), 0);
}

TEST_F(Market, AnAttemptWhoseNodeWentTellsOfItWhenItsPodsAreGoneToo) {
  nodes(0);
  recorded(1, 0);
  plan::TrainingWorkload job;
  job.placement = {.pool = 0, .attempt = AttemptNumber(1), .since = kNow - 5h};
  job.running_since = kNow - 4h;
  job.state = plan::AttemptState::kLost;
  picture_.snapshot.training = {job};
  picture_.training_children.resize(1);
  look(0s);
  EXPECT_EQ(interruptions(), 1);
  EXPECT_EQ(memory_.life(PoolName("spot")).exposure, 4h);
}

class Launches : public Market {
 protected:
  // A replica that was created at `asked`, on a node of `came`.
  void replica(Instant asked, Instant came) {
    nodes(1);
    pods_leave();
    picture_.node_created_at[0] = came;
    picture_.inference_children.resize(1);
    picture_.inference_children[0].shares[PoolName("spot")].replicas = {
        {.pod = pod_of_spot("node-0", asked), .node = 0}};
  }
  void fail() {
    nodes(0);
    look(0s);
    plan_.stock_outs.push_back({.pool = 0, .since = kNow});
    look(10min);
    plan_.stock_outs.clear();
  }
  [[nodiscard]] std::int64_t failures() const {
    return memory_.stock_outs(PoolName("spot")).failures;
  }
};

TEST_F(Launches, AReplicaOnANodeThatCameSinceForgivesAStockOut) {
  fail();
  ASSERT_EQ(failures(), 1);
  replica(now_ + 1min, now_ + 4min);
  look(5min);
  EXPECT_EQ(failures(), 0);
}

TEST_F(Launches, AReplicaThatIsReplacedOnAnOldNodeSaysNothingOfLaunches) {
  fail();
  replica(now_ + 1min, kNow - 1h);
  look(5min);
  EXPECT_EQ(failures(), 1);
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
