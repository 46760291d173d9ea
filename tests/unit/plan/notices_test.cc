#include <gtest/gtest.h>

#include <spillway/plan/snapshot.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

Notice notice(std::size_t node, NoticeKind kind, std::optional<Duration> in, Duration seen = 0s,
              std::string source = "a") {
  Notice result{.node = node, .kind = kind, .first_seen = kNow + seen, .source = std::move(source)};
  if (in) result.deadline = kNow + *in;
  return result;
}

TEST(Notices, TheSameFromTwoSourcesIsOne) {
  const auto merged = one_per_node({notice(1, NoticeKind::kInterruption, 120s, 2s, "queue"),
                                    notice(1, NoticeKind::kInterruption, 118s, 0s, "taint"),
                                    notice(0, NoticeKind::kDrain, std::nullopt)});
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[1].deadline, kNow + 118s);
  EXPECT_EQ(merged[1].first_seen, kNow);
  EXPECT_EQ(merged[1].source, "taint");
}

TEST(Notices, TheGravestKindCountsAndTheEarliestDeadline) {
  const auto merged = one_per_node({notice(0, NoticeKind::kRebalance, std::nullopt, -10min),
                                    notice(0, NoticeKind::kMaintenance, 30s),
                                    notice(0, NoticeKind::kInterruption, 120s)});
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(merged[0].kind, NoticeKind::kInterruption);
  EXPECT_EQ(merged[0].deadline, kNow + 30s);
  EXPECT_EQ(merged[0].first_seen, kNow);
}

TEST(Notices, TheirOrderDoesNotMatter) {
  std::vector<Notice> all{notice(0, NoticeKind::kRebalance, std::nullopt, 0s, "x"),
                          notice(0, NoticeKind::kInterruption, 120s, 3s, "b"),
                          notice(0, NoticeKind::kInterruption, std::nullopt, 3s, "a"),
                          notice(1, NoticeKind::kDrain, 60s)};
  const auto expected = one_per_node(all);
  std::sort(all.begin(), all.end(),
            [](const Notice& a, const Notice& b) { return a.source < b.source; });
  do {
    EXPECT_EQ(one_per_node(all), expected);
  } while (std::next_permutation(all.begin(), all.end(), [](const Notice& a, const Notice& b) {
    return a.source < b.source;
  }));
}

TEST(Notices, ANodeWithANoticeTakesNothingNew) {
  for (const NoticeKind kind : {NoticeKind::kInterruption, NoticeKind::kMaintenance,
                                NoticeKind::kDrain, NoticeKind::kRebalance}) {
    World world;
    world.spot("spot-a", {.nodes = 1});
    world.spot("spot-b", {.price = 20, .nodes = 1});
    world.job("train");
    world.snapshot.notices.push_back(notice(0, kind, 120s));
    EXPECT_EQ(world.plan().pool_of("train"), "spot-b");
  }
}

TEST(Notices, ASuspectedOrLostNodeTakesNothingNew) {
  for (const NodeHealth health : {NodeHealth::kSuspected, NodeHealth::kGone}) {
    World world;
    world.spot("spot-a", {.nodes = 1, .max = 1});
    world.spot("spot-b", {.price = 20, .nodes = 1});
    world.job("train");
    world.snapshot.nodes[0].health = health;
    const bool is_replaced = health == NodeHealth::kGone;  // the pool may have another instead
    EXPECT_EQ(world.plan().pool_of("train"), is_replaced ? "spot-a" : "spot-b");
  }
}

TEST(Notices, NodesThatAreGoneAreNamedForTheirPodsToBeRemoved) {
  World world;
  world.spot("spot-a", {.nodes = 3});
  world.snapshot.nodes[1].health = NodeHealth::kGone;
  world.snapshot.nodes[2].health = NodeHealth::kSuspected;
  EXPECT_EQ(world.plan().plan().gone_nodes, std::vector<std::size_t>{1});
}

}  // namespace
}  // namespace spillway::plan::test
