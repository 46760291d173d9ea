#include "room.h"

#include <gtest/gtest.h>

#include "support/plan_builder.h"

namespace spillway::plan::test {
namespace {

Need gpus(std::int64_t accelerators, std::size_t id = 0) {
  return {.resources = {.accelerators = AcceleratorCount(accelerators)}, .id = id};
}

TEST(Room, IsCountedPerNodeNotAsATotal) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 3});
  for (Node& node : world.snapshot.nodes)
    node.free.accelerators = AcceleratorCount(5);
  Room room(world.snapshot);
  EXPECT_EQ(room.slots(pool, gpus(4)), 3);  // 15 are free, but no node has 8
  EXPECT_EQ(room.slots(pool, gpus(8, 1)), 0);
}

TEST(Room, CountsCpuAndMemory) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 1, .cpu = 4'000, .memory = 100});
  Room room(world.snapshot);
  EXPECT_EQ(
      room.slots(pool, {.resources = {AcceleratorCount(1), MilliCpu(1'500), Bytes(10)}, .id = 0}),
      2);
  EXPECT_EQ(
      room.slots(pool, {.resources = {AcceleratorCount(1), MilliCpu(500), Bytes(30)}, .id = 1}), 3);
}

TEST(Room, NodesThatAreNotThereYetCountUpToMax) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 1, .max = 3, .cpu = 2'000});
  Room room(world.snapshot);
  EXPECT_EQ(room.slots(pool, gpus(8)), 3);
  // They look like the one that is there.
  EXPECT_EQ(
      room.slots(pool, {.resources = {AcceleratorCount(8), MilliCpu(3'000), Bytes(0)}, .id = 1}),
      0);
  EXPECT_EQ(room.take(pool, gpus(8), 3).size(), 3U);
  EXPECT_EQ(room.slots(pool, gpus(8)), 0);
}

TEST(Room, APoolWithoutNodesIsAssumedToFit) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 0, .max = 2});
  Room room(world.snapshot);
  EXPECT_EQ(
      room.slots(pool, {.resources = {AcceleratorCount(4), MilliCpu(1'000'000), Bytes(1LL << 40)}}),
      4);
}

TEST(Room, UnusableNodesTakeNothingNewAndCountTowardsMax) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 2});
  world.snapshot.nodes[0].usable = false;
  Room room(world.snapshot);
  EXPECT_EQ(room.slots(pool, gpus(8)), 1);
}

TEST(Room, NodesToComeDoNotCarryTheMarksOfOneThatIsGoing) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 2, .max = 3});
  world.snapshot.traits.push_back(
      {.taints = {{.key = "spillway.dev/interruption", .effect = api::TaintEffect::kNoSchedule}}});
  world.snapshot.nodes[0].traits = world.snapshot.traits.size() - 1;
  world.snapshot.notices.push_back({.node = 0});
  world.job("train", {.replicas = 2});
  const Need need{.resources = {.accelerators = AcceleratorCount(8)},
                  .shape = world.job_named("train").demand.shape};
  EXPECT_EQ(Room(world.snapshot).slots(pool, need), 2);
}

TEST(Room, ALoweredMaxClosesEmptyNodesFirst) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 3, .max = 2});
  world.job("holds", {.replicas = 1, .per_replica = 1});
  world.job_named("holds").bound = {{.node = 2, .replicas = 1}};
  Room room(world.snapshot);
  EXPECT_EQ(room.slots(pool, gpus(8)),
            2);  // the holding node and one more; what is bound is occupied by the pass
}

TEST(Room, SmallReplicasLeaveWholeNodesWhole) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 2});
  Room room(world.snapshot);
  room.take(pool, gpus(1), 1);
  room.take(pool, gpus(1), 3);
  EXPECT_EQ(room.slots(pool, gpus(8, 1)), 1);
}

TEST(Room, WhatIsReleasedIsThereAgain) {
  World world;
  const std::size_t pool = world.spot("spot", {.nodes = 1, .max = 2});
  Room room(world.snapshot);
  const auto taken = room.take(pool, gpus(3), 4);
  EXPECT_EQ(room.slots(pool, gpus(3)), 0);
  room.release(gpus(3), taken);
  EXPECT_EQ(room.slots(pool, gpus(3)), 4);
}

class Constraints : public testing::Test {
 protected:
  Constraints() {
    pool = world.spot("spot", {.nodes = 2});
    world.snapshot.shapes.emplace_back();
    world.snapshot.traits.emplace_back();
    world.snapshot.nodes[1].traits = 1;
  }
  std::int64_t slots() {
    return Room(world.snapshot)
        .slots(pool, {.resources = {.accelerators = AcceleratorCount(8)}, .shape = 1});
  }
  api::PodShape& shape() { return world.snapshot.shapes[1]; }
  NodeTraits& second() { return world.snapshot.traits[1]; }

  World world;
  std::size_t pool = 0;
};

TEST_F(Constraints, ANodeSelectorPicksNodes) {
  shape().node_selector = {{"disk", "nvme"}};
  EXPECT_EQ(slots(), 0);
  second().labels = {{"disk", "nvme"}};
  EXPECT_EQ(slots(), 1);
}

TEST_F(Constraints, ATaintNeedsATolerationOfPodOrPool) {
  second().taints = {{.key = "gpu", .value = "yes", .effect = api::TaintEffect::kNoSchedule}};
  EXPECT_EQ(slots(), 1);
  shape().tolerations = {{.key = "gpu", .op = api::TolerationOperator::kExists}};
  EXPECT_EQ(slots(), 2);
  shape().tolerations.clear();
  world.snapshot.pools[pool].tolerations = {{.key = "gpu", .value = "yes"}};
  EXPECT_EQ(slots(), 2);
}

TEST_F(Constraints, PreferNoScheduleKeepsNobodyAway) {
  second().taints = {{.key = "busy", .effect = api::TaintEffect::kPreferNoSchedule}};
  EXPECT_EQ(slots(), 2);
}

TEST_F(Constraints, ATemplateCanNameItsNode) {
  const std::string name = world.snapshot.nodes[1].name.str();
  shape().node_affinity = {{.fields = {{.key = "metadata.name", .values = {name}}}}};
  EXPECT_EQ(slots(), 1);
  world.snapshot.pools[pool].max_nodes = 5;  // no node to come has that name
  EXPECT_EQ(slots(), 1);
}

TEST_F(Constraints, APoolSelectorThatContradictsTheTemplateExcludesNodesToCome) {
  world.snapshot.nodes.clear();
  world.snapshot.pools[pool].selector = {{"arch", "arm64"}};
  EXPECT_EQ(slots(), 2);
  shape().node_selector = {{"arch", "amd64"}};
  EXPECT_EQ(slots(), 0);
  shape().node_selector = {{"rack", "7"}};  // the pool does not speak of racks: unknown is not "no"
  EXPECT_EQ(slots(), 2);
}

}  // namespace
}  // namespace spillway::plan::test
