#include <algorithm>
#include <array>
#include <limits>

#include <spillway/core/check.h>
#include <spillway/plan/spot_policy.h>

#include "outlook.h"

namespace spillway::plan {
namespace {

// A move from running spot to other spot must gain this share of the cost of a changeover:
// estimates are not that fine.
constexpr double kMoveMargin = 0.25;
// Ages, as shares of the time since an offering was last seen down, at which its window is looked
// at if it is up now.
constexpr std::array<double, 2> kUnseenAges{0.25, 0.75};
// The same, in hours, for an offering that was never seen.
constexpr std::array<double, 2> kUnknownAges{0.6, 4};

constexpr double kImpossible = std::numeric_limits<double>::infinity();

// Of one offering, if it is up: what the possibilities cost, in dollars.
struct Valued {
  std::size_t offer = 0;
  double enter = kImpossible;
  double stay = kImpossible;
  double wait = kImpossible;
  double enter_on_demand = kImpossible;
  double stay_on_demand = kImpossible;
};

class Decision {
 public:
  Decision(const SpotJob& job, const SpotMarket& market, const ProgrammeLibrary& library)
      : job_(job),
        market_(market),
        library_(library),
        outlook_(market),
        work_(in_hours(job.work_left)),
        spare_(std::max(0.0, in_hours(job.time_left - job.work_left - job.changeover_left -
                                      2 * job.changeover - job.margin - job.patience))),
        changeover_(in_hours(job.changeover)) {}

  SpotChoice choose() {
    const Valued gap = value_gap();
    Valued best;
    Valued running;
    for (std::size_t i = 0; i < market_.offers.size(); ++i) {
      const bool runs_here = job_.footing == Footing::kSpot && job_.offer == i;
      const bool is_dear = market_.offers[i].price >= market_.on_demand;
      if (!runs_here && (!market_.offers[i].may_launch || is_dear)) continue;
      const Valued one = value(i);
      if (runs_here) {
        running = one;
      } else if (one.enter < best.enter) {
        best = one;
      }
    }
    const Valued& now = best.enter != kImpossible ? best : gap;
    best_wait_ = now.wait;
    best_on_demand_ = on_demand(now);
    return job_.footing == Footing::kSpot ? from_spot(running, best) : from_elsewhere(best);
  }

 private:
  [[nodiscard]] double on_demand(const Valued& valued) const {
    return job_.footing == Footing::kOnDemand ? valued.stay_on_demand : valued.enter_on_demand;
  }

  // One set of terms for the whole market: values of different tables must not be compared with
  // each other.
  [[nodiscard]] ActionCosts costs(MarketState state, double age_hours) const {
    const double later = std::max(outlook_.later_price(), 1e-6);
    return library_.costs({.terms = {.changeover_hours = changeover_,
                                     .price_ratio = market_.on_demand.approximate_dollars() / later,
                                     .scale = outlook_.scale(),
                                     .failover = outlook_.failover(),
                                     .margin_hours = 0},
                           .work_hours = work_,
                           .spare_hours = spare_,
                           .state = state,
                           .age_hours = age_hours});
  }

  // Nothing is there now.
  [[nodiscard]] Valued value_gap() const {
    if (market_.offers.empty()) {
      Valued only;
      only.stay_on_demand = work_ * market_.on_demand.approximate_dollars();
      only.enter_on_demand = (work_ + changeover_) * market_.on_demand.approximate_dollars();
      return only;
    }
    Valued gap = in_dollars(costs(MarketState::kGap, outlook_.gap_age_hours()), 0, 0);
    gap.enter = gap.stay = kImpossible;
    return gap;
  }

  // If the offering is up. Where its age is not known, the mean over ages that it may have.
  [[nodiscard]] Valued value(std::size_t offer) const {
    const SpotSight& sight = market_.offers[offer].sight;
    if (sight.state == MarketState::kWindow)
      return value_at(offer, in_hours(sight.age + sight.seen_ago));
    const double unseen = in_hours(sight.seen_ago);
    std::array<Valued, 2> at;
    for (std::size_t i = 0; i < at.size(); ++i) {
      at[i] = value_at(offer, sight.state ? unseen * kUnseenAges[i] : kUnknownAges[i]);
    }
    Valued mean = at[0];
    mean.enter = (at[0].enter + at[1].enter) / 2;
    mean.stay = (at[0].stay + at[1].stay) / 2;
    mean.wait = (at[0].wait + at[1].wait) / 2;
    mean.enter_on_demand = (at[0].enter_on_demand + at[1].enter_on_demand) / 2;
    mean.stay_on_demand = (at[0].stay_on_demand + at[1].stay_on_demand) / 2;
    return mean;
  }

  [[nodiscard]] Valued value_at(std::size_t offer, double age_hours) const {
    const double dearer =
        market_.offers[offer].price.approximate_dollars() - outlook_.later_price();
    Valued valued =
        in_dollars(costs(MarketState::kWindow, outlook_.market_age_hours(offer, age_hours)), dearer,
                   outlook_.cheaper_per_hour(offer));
    valued.offer = offer;
    return valued;
  }

  // `dearer`: dollars per hour above the expected later price, paid for as long as the stay is
  // expected to last, or until a cheaper offering comes up.
  [[nodiscard]] Valued in_dollars(const ActionCosts& costs, double dearer,
                                  double cheaper_per_hour) const {
    const double unit = outlook_.later_price();
    const double stay = costs.spot_stay_hours;
    const double more = dearer * (dearer > 0 ? stay / (1 + stay * cheaper_per_hour) : stay);
    return {.offer = 0,
            .enter = costs.enter_spot * unit + more + dearer * changeover_,
            .stay = costs.stay_spot * unit + more,
            .wait = costs.wait * unit + more,
            .enter_on_demand = costs.enter_on_demand * unit + more,
            .stay_on_demand = costs.stay_on_demand * unit + more};
  }

  [[nodiscard]] SpotChoice from_spot(const Valued& running, const Valued& best) const {
    SpotChoice choice = answer(SpotMove::kStay, job_.offer);
    choice.spot_dollars = running.stay;
    const double margin = kMoveMargin * changeover_ * outlook_.later_price();
    if (best.enter < running.stay - margin) {
      choice = answer(SpotMove::kLaunchSpot, best.offer);
      choice.spot_dollars = best.enter;
    }
    // Leaving spot for on-demand or for nothing pays only where spot has become as dear as
    // on-demand.
    const bool is_dear =
        market_.offers[job_.offer].price >= market_.on_demand && market_.on_demand_available;
    if (is_dear && best_on_demand_ < std::min(running.stay, best.enter))
      choice = answer(SpotMove::kLaunchOnDemand, 0);
    return choice;
  }

  [[nodiscard]] SpotChoice from_elsewhere(const Valued& best) const {
    const bool is_on_demand = job_.footing == Footing::kOnDemand;
    const bool may_be_on_demand = is_on_demand || market_.on_demand_available;
    const double on_demand = may_be_on_demand ? best_on_demand_ : kImpossible;
    const SpotMove keep = is_on_demand ? SpotMove::kStay : SpotMove::kWait;
    SpotChoice choice = answer(keep, 0);
    double least = is_on_demand ? on_demand : best_wait_;
    const auto offer = [&](double cost, SpotMove move) {
      if (cost >= least * (1 - 1e-7))
        return;  // tables are in single precision: a tie keeps what is
      least = cost;
      choice = answer(move, best.offer);
    };
    offer(best.enter, SpotMove::kLaunchSpot);
    if (is_on_demand) offer(best_wait_, SpotMove::kWait);
    if (!is_on_demand) offer(on_demand, SpotMove::kLaunchOnDemand);
    if (best.enter != kImpossible) choice.spot_dollars = best.enter;
    return choice;
  }

  [[nodiscard]] SpotChoice answer(SpotMove move, std::size_t offer) const {
    SpotChoice choice{.move = move,
                      .offer = offer,
                      .reason = SpotReason::kCheapest,
                      .ask_again_in = job_.patience};
    if (best_on_demand_ != kImpossible) choice.on_demand_dollars = best_on_demand_;
    if (best_wait_ != kImpossible) choice.wait_dollars = best_wait_;
    return choice;
  }

  const SpotJob& job_;
  const SpotMarket& market_;
  const ProgrammeLibrary& library_;
  Outlook outlook_;
  double work_;
  double spare_;
  double changeover_;
  double best_wait_ = kImpossible;
  double best_on_demand_ = kImpossible;
};

SpotChoice forced_choice(const SpotJob& job, const SpotMarket& market) {
  SpotChoice choice{.move = SpotMove::kLaunchOnDemand,
                    .offer = 0,
                    .reason = SpotReason::kForced,
                    .ask_again_in = job.patience};
  if (job.footing != Footing::kNothing) choice.move = SpotMove::kStay;
  if (job.footing != Footing::kNothing || market.on_demand_available) return choice;
  // On-demand cannot be had: any work done is better than none. The cheapest spot that may be
  // tried.
  choice.move = SpotMove::kWait;
  choice.reason = SpotReason::kOnlyPossible;
  for (std::size_t i = 0; i < market.offers.size(); ++i) {
    if (!market.offers[i].may_launch) continue;
    if (choice.move == SpotMove::kLaunchSpot &&
        market.offers[i].price >= market.offers[choice.offer].price)
      continue;
    choice.move = SpotMove::kLaunchSpot;
    choice.offer = i;
  }
  return choice;
}

}  // namespace

bool is_forced(const SpotJob& job) {
  const auto step = job.patience.count();
  const auto needed =
      (job.work_left + job.changeover_left + 2 * job.changeover + job.margin).count();
  const auto left = job.time_left.count();
  return (needed + step - 1) / step >= (left >= 0 ? left / step : -1);
}

SpotChoice choose_spot_move(const SpotJob& job, const SpotMarket& market,
                            const ProgrammeLibrary& library) {
  SPILLWAY_CHECK(job.patience > Duration{});
  SPILLWAY_CHECK(job.footing != Footing::kSpot || job.offer < market.offers.size());
  if (job.work_left <= Duration{})
    return {.move = SpotMove::kWait, .offer = 0, .reason = SpotReason::kDone};
  if (is_forced(job)) return forced_choice(job, market);
  return Decision(job, market, library).choose();
}

}  // namespace spillway::plan
