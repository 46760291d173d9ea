// Two operators and one lease: who acts, what happens when the one that acts falls silent, and that
// the whole of it is the same every time.
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <spillway/control/world.h>
#include <spillway/sim/world.h>

#include "conformance/request_form.h"
#include "conformance/script.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::IsEmpty;

json job(const char* name, int run_seconds) {
  json job = {
      {"apiVersion", "spillway.dev/v1alpha1"},
      {"kind", "TrainingJob"},
      {"metadata", {{"name", name}}},
      {"spec",
       {{"accelerator", {{"models", json::array({{{"name", "H100"}}})}, {"perReplica", 8}}},
        {"template",
         {{"spec",
           {{"containers", json::array({{{"name", "main"}, {"image", "program:1"}}})}}}}}}}};
  job["spec"]["template"]["metadata"]["annotations"]["simulate.spillway.dev/run-seconds"] =
      std::to_string(run_seconds);
  return job;
}

void add_pools(World& world) {
  world.add_pool({.name = "spot", .tier = api::Tier::kSpot, .spot = "8.00", .on_demand = "24.00"});
  world.add_pool({.name = "od", .tier = api::Tier::kOnDemand, .fixed = "24.00"});
}

// The leader has seat 0.
class Operators : public testing::Test {
 protected:
  Operators() {
    add_pools(world);
    world.on_request([this](const kube::HttpRequest& request) {
      asked.merge(conformance::request_forms(request));
    });
    world.start_operator();
    world.run_for(seconds(5));
    standby = world.start_standby();
    world.run_for(minutes(1));
  }
  void TearDown() override { EXPECT_THAT(conformance::unscripted(asked), IsEmpty()); }
  void expect_one_good_run(const char* name, int attempts) {
    const Object found = world.find(control::kTrainingJobs, name);
    EXPECT_EQ(world.phase(name), "Succeeded");
    EXPECT_EQ(found->value("/status/attempt"_json_pointer, 0), attempts);
    EXPECT_THAT(world.violations(), IsEmpty());
    EXPECT_THAT(world.server().unknown_requests(), IsEmpty());
  }
  // Of one seat's present life, the lease and Events left out.
  std::size_t writes_of(std::size_t seat) {
    std::size_t count = 0;
    for (const WriteRecord& write : world.operator_in(seat)->connection().writes()) {
      if (write.target.find("/leases") == std::string::npos &&
          write.target.find("/events") == std::string::npos)
        ++count;
    }
    return count;
  }

  std::set<std::string> asked;  // in what forms
  World world{{.seed = 3, .leader_election = true}};
  std::size_t standby = 0;
};

TEST_F(Operators, only_the_leader_writes) {
  world.submit(job("train", 600));
  world.run_for(minutes(20));
  EXPECT_EQ(world.leader(), world.operator_in(0));
  EXPECT_GT(writes_of(0), 0u);
  EXPECT_EQ(writes_of(standby), 0u);
  expect_one_good_run("train", 1);
}

TEST_F(Operators, the_standby_goes_on_when_the_leader_dies) {
  world.submit(job("train", 600));
  world.run_for(seconds(30));
  world.kill_operator(0);
  EXPECT_EQ(world.leader(), nullptr);
  ASSERT_TRUE(
      world.run_until([&] { return world.leader() == world.operator_in(standby); }, seconds(20)));
  world.run_for(minutes(20));
  expect_one_good_run("train", 1);
}

TEST_F(Operators, a_lease_that_is_given_back_is_taken_at_once) {
  world.shut_operator_down(0);
  ASSERT_TRUE(
      world.run_until([&] { return world.leader() == world.operator_in(standby); }, seconds(5)));
  world.submit(job("train", 600));
  world.run_for(minutes(20));
  EXPECT_FALSE(world.operator_in(0)->alive());
  expect_one_good_run("train", 1);
}

TEST_F(Operators, a_leader_that_is_cut_off_stops_before_the_other_one_starts) {
  world.set_faults(
      {.on_request = [](const RequestSeen&) { return RequestFate{.fate = Fate::kLost}; }}, 0);
  std::optional<MonotonicTime> silent;
  std::optional<MonotonicTime> taken;
  bool both = false;
  const bool moved = world.run_until(
      [&] {
        const bool first = world.operator_in(0)->leading();
        const bool second = world.operator_in(standby)->leading();
        both = both || (first && second);
        if (!first && !silent) silent = world.time().monotonic();
        if (second && !taken) taken = world.time().monotonic();
        return taken.has_value();
      },
      minutes(1));
  ASSERT_TRUE(moved);
  EXPECT_FALSE(both);
  ASSERT_TRUE(silent.has_value());
  EXPECT_GE(*taken - *silent, seconds(4));
  world.set_faults({}, 0);
  world.submit(job("train", 600));
  world.run_for(minutes(20));
  expect_one_good_run("train", 1);
}

TEST_F(Operators, a_step_of_the_wall_clock_moves_neither_lease_nor_job) {
  world.submit(job("train", 1800));
  world.run_for(minutes(5));
  const OperatorProcess* leader = world.leader();
  for (const Duration step : {Duration(hours(2)), Duration(-hours(3)), Duration(minutes(7))}) {
    world.time().step_wall(step);
    world.run_for(minutes(5));
    EXPECT_EQ(world.leader(), leader);
  }
  world.run_for(hours(1));
  EXPECT_EQ(world.phase("train"), "Succeeded");
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(OperatorsHistory, with_failovers_it_is_the_same_every_time_byte_for_byte) {
  const auto history = [](std::uint64_t seed) {
    World world({.seed = seed, .leader_election = true});
    world.keep_history(true);
    add_pools(world);
    world.start_operator();
    world.start_standby();
    world.run_for(minutes(1));
    world.submit(job("train", 1800));
    for (int i = 0; i < 4; ++i) {
      world.run_for(minutes(7));
      world.restart_operator(seconds(30), static_cast<std::size_t>(i % 2));
    }
    world.run_for(minutes(20));
    EXPECT_EQ(world.phase("train"), "Succeeded");
    EXPECT_THAT(world.violations(), IsEmpty());
    return world.history();
  };
  const std::string first = history(11);
  EXPECT_EQ(first, history(11));
  EXPECT_NE(first, history(12));
}

}  // namespace
}  // namespace spillway::sim
