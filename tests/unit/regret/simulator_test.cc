// The rules of the simulator, and what the published policies do under them.

#include "simulator.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "baselines.h"
#include "unit/regret/hand_made.h"

namespace spillway::regret {
namespace {

using testing::market_of;

constexpr Seconds kHour = 3600;

class Scripted final : public Policy {
 public:
  explicit Scripted(std::function<Place(const TickView&)> decide) : decide_(std::move(decide)) {}
  Place decide(const TickView& view) override { return decide_(view); }

 private:
  std::function<Place(const TickView&)> decide_;
};

Outcome run(const Market& market, JobTerms job, SimulationRules rules,
            std::function<Place(const TickView&)> decide) {
  Scripted policy(std::move(decide));
  return simulate({.market = &market, .start = 0, .history = 0}, job, rules, policy);
}

constexpr SimulationRules kNoNet{.sight = Sight::kAll, .safety_net = false};

TEST(Simulator, PaysWholeTicksAndTheChangeoverOfEveryStart) {
  const Market market = market_of({"11111"}, {1});
  const auto outcome =
      run(market, {.work = 3 * kHour, .deadline = 5 * kHour, .changeover = kHour / 2}, kNoNet,
          [](const TickView&) { return Place::spot(0); });
  EXPECT_DOUBLE_EQ(outcome.cost, 4);
  EXPECT_EQ(outcome.switches, 1);
  EXPECT_EQ(outcome.spot_work, 3 * kHour);
  EXPECT_FALSE(outcome.missed);
}

TEST(Simulator, ALossCostsTheNextStartAChangeoverEvenInTheSameZone) {
  const Market market = market_of({"110111"}, {1});
  const auto outcome = run(market, {.work = 3 * kHour, .deadline = 6 * kHour, .changeover = kHour},
                           kNoNet, [](const TickView& view) {
                             return view.zones[0].may_launch ? Place::spot(0) : Place::idle();
                           });
  EXPECT_EQ(outcome.switches, 2);
  EXPECT_DOUBLE_EQ(outcome.cost, 5);
  EXPECT_FALSE(outcome.missed);
}

TEST(Simulator, CountsAMissWithTheNetOffAndAnInterventionWithItOn) {
  const Market market = market_of({"00000"}, {1});
  const JobTerms job{.work = 2 * kHour, .deadline = 5 * kHour, .changeover = kHour};
  const auto idle = [](const TickView&) { return Place::idle(); };
  EXPECT_TRUE(run(market, job, kNoNet, idle).missed);
  const auto saved = run(market, job, {}, idle);
  EXPECT_FALSE(saved.missed);
  EXPECT_EQ(saved.net_interventions, 1) << "taking over once, not once a tick";
}

TEST(Simulator, ALaunchIntoAnUnseenGapFailsAndIsNotTriedAgainTooSoon) {
  const Market market = market_of({"0001"}, {1});
  std::int64_t asked = 0;
  const SimulationRules rules{
      .sight = Sight::kLaunches, .safety_net = false, .launch_spacing = 2 * kHour};
  const auto outcome = run(market, {.work = kHour, .deadline = 4 * kHour, .changeover = 0}, rules,
                           [&](const TickView& view) {
                             EXPECT_FALSE(view.zones[0].available == true)
                                 << "nothing shows it before a launch succeeds";
                             if (!view.zones[0].may_launch) return Place::idle();
                             ++asked;
                             return Place::spot(0);
                           });
  EXPECT_EQ(outcome.failed_launches, 2) << "in the first and third hour";
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(outcome.missed);
}

TEST(Simulator, SeesTheLossOfItsOwnInstance) {
  const Market market = market_of({"10"}, {1});
  const SimulationRules rules{.sight = Sight::kLaunches, .safety_net = false};
  bool was_lost = false;
  static_cast<void>(run(market, {.work = 2 * kHour, .deadline = 2 * kHour, .changeover = 0}, rules,
                        [&](const TickView& view) {
                          if (view.tick == 1)
                            was_lost =
                                view.place == Place::idle() && view.zones[0].available == false;
                          return view.zones[0].may_launch ? Place::spot(0) : Place::idle();
                        }));
  EXPECT_TRUE(was_lost);
}

TEST(Simulator, RefusesOnDemandInAnOutageAndLeavesItToWhatRuns) {
  const Market market = market_of({std::string(400, '0')}, {1});
  const JobTerms job{.work = 300 * kHour, .deadline = 400 * kHour, .changeover = 0};
  SimulationRules rules{.safety_net = false};
  rules.outages = {.per_week = 20, .length = 2 * kHour, .seed = 3};
  bool was_told = false;
  const auto always = [](const TickView&) { return Place::on_demand(); };
  const auto restless = [&](const TickView& view) {
    was_told |= !view.on_demand_available;
    return view.tick % 2 == 0 && view.on_demand_available ? Place::idle() : Place::on_demand();
  };
  const Outcome steady = run(market, job, rules, always);
  EXPECT_FALSE(steady.missed);
  EXPECT_EQ(steady.switches, 1) << "what runs goes on";
  const Outcome unsteady = run(market, job, rules, restless);
  EXPECT_TRUE(was_told);
  EXPECT_GT(unsteady.failed_on_demand, 10);
  EXPECT_EQ(unsteady.switches + unsteady.failed_on_demand, 200) << "each second hour a launch";
}

TEST(SafetyNet, TakesEqualityForUnsafe) {
  const JobTerms job{.work = 10 * kHour, .deadline = 100 * kHour, .changeover = kHour};
  TickView view{.tick = 0,
                .elapsed = 0,
                .work_left = 10 * kHour,
                .time_left = 12 * kHour,
                .changeover_left = 0,
                .place = {},
                .zones = {ZoneView{.available = true, .may_launch = true, .price = 1}}};
  EXPECT_EQ(safety_net(view, job, kHour, Place::idle()), Place::on_demand());
  EXPECT_EQ(safety_net(view, job, kHour, Place::spot(0)), Place::on_demand())
      << "an entry needs two changeovers";
  view.place = Place::spot(0);
  EXPECT_EQ(safety_net(view, job, kHour, Place::spot(0)), Place::spot(0)) << "what runs may go on";
  view.place = {};
  view.time_left = 13 * kHour;
  EXPECT_EQ(safety_net(view, job, kHour, Place::idle()), Place::idle());
}

TEST(Baselines, UniformProgressBuysOnDemandOnlyWhileBehindTheLine) {
  const Market market = market_of({"11110000000000"}, {1});
  const JobTerms job{.work = 6 * kHour, .deadline = 14 * kHour, .changeover = 0};
  const auto policy = make_uniform_progress(job, ZoneRule::kFirst);
  const auto outcome = simulate({.market = &market, .start = 0, .history = 0}, job, {}, *policy);
  EXPECT_EQ(outcome.spot_work, 4 * kHour);
  EXPECT_EQ(outcome.on_demand_work, 2 * kHour);
  EXPECT_FALSE(outcome.missed);
}

TEST(Baselines, GreedyLeavesOnDemandToTheNet) {
  const Market market = market_of({"00000000001111"}, {1});
  const JobTerms job{.work = 4 * kHour, .deadline = 12 * kHour, .changeover = 0};
  const auto policy = make_greedy(ZoneRule::kFirst);
  const auto outcome = simulate({.market = &market, .start = 0, .history = 0}, job, {}, *policy);
  EXPECT_EQ(outcome.net_interventions, 1);
  EXPECT_FALSE(outcome.missed);
}

}  // namespace
}  // namespace spillway::regret
