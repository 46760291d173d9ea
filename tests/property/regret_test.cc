// The exact optimum against every schedule there is, and Spillway's spot policy on markets that
// nobody recorded.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include <spillway/plan/programme_library.h>

#include "baselines.h"
#include "market.h"
#include "optimum.h"
#include "simulator.h"
#include "spillway_policy.h"

namespace spillway::regret {
namespace {

constexpr Seconds kTick = 600;

Market any_market(std::size_t zones, std::size_t ticks, const std::vector<double>& prices) {
  Market market{.name = "any", .tick = kTick, .on_demand_price = 3, .zones = {}};
  for (std::size_t z = 0; z < zones; ++z) {
    ZoneSeries series{.name = "zone", .available = {}, .price = {}};
    for (std::size_t t = 0; t < ticks; ++t) {
      series.available.push_back(*rc::gen::element<std::uint8_t>(0, 1, 1));
      series.price.push_back(*rc::gen::elementOf(prices));
    }
    market.zones.push_back(std::move(series));
  }
  return market;
}

// Tries every place in every tick, by the simulator's arithmetic.
class Exhaustive {
 public:
  Exhaustive(const Market& market, const JobTerms& job) : market_(market), job_(job) {}
  double best() {
    visit(0, Place::idle(), 0, job_.work, 0);
    return best_;
  }

 private:
  void visit(std::size_t tick, Place place, Seconds changeover_left, Seconds work_left,
             double cost) {
    if (work_left <= 0) {
      best_ = std::min(best_, cost);
      return;
    }
    if (tick == ticks_until_deadline(job_, market_.tick)) return;
    if (place.is_spot() && market_.zones[place.zone].available[tick] == 0) place = Place::idle();
    visit(tick + 1, Place::idle(), 0, work_left, cost);
    take(tick, place, Place::on_demand(), changeover_left, work_left,
         cost + market_.on_demand_price / 6);
    for (std::size_t z = 0; z < market_.zones.size(); ++z) {
      if (market_.zones[z].available[tick] == 0) continue;
      take(tick, place, Place::spot(z), changeover_left, work_left,
           cost + market_.zones[z].price[tick] / 6);
    }
  }
  void take(std::size_t tick, Place from, Place to, Seconds changeover_left, Seconds work_left,
            double cost) {
    const Seconds pending = from == to ? changeover_left : job_.changeover;
    const Seconds done = std::max<Seconds>(kTick - pending, 0);
    visit(tick + 1, to, std::max<Seconds>(pending - kTick, 0), work_left - done, cost);
  }

  const Market& market_;
  const JobTerms& job_;
  double best_ = std::numeric_limits<double>::infinity();
};

RC_GTEST_PROP(Optimum, IsTheBestOfAllSchedules, ()) {
  const auto zones = static_cast<std::size_t>(*rc::gen::inRange(1, 3));
  const auto ticks = static_cast<std::size_t>(*rc::gen::inRange(3, 8));
  const Market market = any_market(zones, ticks, {0.5, 1, 2, 3.5});
  const JobTerms job{.work = *rc::gen::inRange<Seconds>(1, 5) * 300,
                     .deadline = static_cast<Seconds>(ticks) * kTick,
                     .changeover = *rc::gen::element<Seconds>(0, 200, 300, 600, 720, 1500)};
  const double best = Exhaustive(market, job).best();
  const auto found = optimal_cost({.market = &market, .start = 0, .history = 0}, job);
  RC_ASSERT(found.has_value() == (best != std::numeric_limits<double>::infinity()));
  if (found) RC_ASSERT(std::abs(*found - best) < 1e-9);
}

// Tables take milliseconds each, tens of them unoptimised: one price and one changeover, and room
// for all of them.
const plan::ProgrammeLibrary& library() {
  static const plan::ProgrammeLibrary shared(std::size_t{256} << 20);
  return shared;
}

RC_GTEST_PROP(SpotPolicy, MissesNoFeasibleDeadlineWithTheNetOff, ()) {
  const auto zones = static_cast<std::size_t>(*rc::gen::inRange(1, 3));
  const Seconds changeover = 720;
  const Seconds work = *rc::gen::inRange<Seconds>(1, 60) * 600;
  const Seconds spare = *rc::gen::inRange<Seconds>(1, 60) * 600;
  const JobTerms job{.work = work,
                     .deadline = work + 2 * changeover + 2 * kTick + spare,
                     .changeover = changeover};
  const Market market =
      any_market(zones, ticks_until_deadline(job, kTick),
                 zones == 1 ? std::vector<double>{1, 3.5} : std::vector<double>{1});
  const Window window{.market = &market, .start = 0, .history = 0};
  for (const Sight sight : {Sight::kAll, Sight::kLaunches}) {
    const auto policy = make_spillway(job, kTick, market.on_demand_price, library());
    const Outcome outcome = simulate(window, job, {.sight = sight, .safety_net = false}, *policy);
    RC_ASSERT(!outcome.missed);
    RC_ASSERT(outcome.cost >= *optimal_cost(window, job) - 1e-9);
  }
}

RC_GTEST_PROP(SpotPolicy, MissesNoDeadlineThatOneStockOutOfOnDemandLeavesFeasible, ()) {
  const Seconds changeover = 720;
  const Seconds length = *rc::gen::inRange<Seconds>(1, 13) * 600;
  const Seconds work = *rc::gen::inRange<Seconds>(1, 40) * 600;
  const Seconds spare = *rc::gen::inRange<Seconds>(1, 40) * 600;
  const JobTerms job{.work = work,
                     .deadline = work + 2 * changeover + length + 4 * kTick + spare,
                     .changeover = changeover};
  const Market market = any_market(1, ticks_until_deadline(job, kTick), {1});
  SimulationRules rules{.sight = Sight::kLaunches, .safety_net = false};
  rules.outages = {.per_week = 30, .length = length, .seed = *rc::gen::arbitrary<std::uint64_t>()};
  const auto policy =
      make_spillway(job, kTick, market.on_demand_price, library(), length + 2 * kTick);
  const Outcome outcome =
      simulate({.market = &market, .start = 0, .history = 0}, job, rules, *policy);
  RC_ASSERT(!outcome.missed);
}

}  // namespace
}  // namespace spillway::regret
