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

}  // namespace

// One offering, and the ages at which its window is looked at if it is up now.
struct PreparedOffer {
  double dearer = 0;  // dollars per hour above the expected later price
  double cheaper_per_hour = 0;
  std::array<std::size_t, 2> age_buckets{};
  std::size_t ages = 1;  // two where its age is not known
};

struct SpotMarketView::Prepared {
  Prepared(SpotMarket the_market, Duration the_changeover, const ProgrammeLibrary& library)
      : market(std::move(the_market)), changeover(the_changeover), outlook(market) {
    if (market.offers.empty()) return;
    // One set of terms for the whole market: values of different tables must not be compared with
    // each other.
    const double later = std::max(outlook.later_price(), 1e-6);
    blend = library.blend({.changeover_hours = in_hours(changeover),
                           .price_ratio = market.on_demand.approximate_dollars() / later,
                           .scale = outlook.scale(),
                           .failover = outlook.failover(),
                           .margin_hours = 0});
    offers.reserve(market.offers.size());
    for (std::size_t i = 0; i < market.offers.size(); ++i)
      offers.push_back(prepare(i));
  }

  [[nodiscard]] PreparedOffer prepare(std::size_t offer) const {
    PreparedOffer prepared{
        .dearer = market.offers[offer].price.approximate_dollars() - outlook.later_price(),
        .cheaper_per_hour = outlook.cheaper_per_hour(offer)};
    const SpotSight& sight = market.offers[offer].sight;
    const auto bucket = [&](double age_hours) {
      return age_bucket(outlook.market_age_hours(offer, age_hours));
    };
    if (sight.state == MarketState::kWindow) {
      prepared.age_buckets[0] = bucket(in_hours(sight.age + sight.seen_ago));
      return prepared;
    }
    prepared.ages = prepared.age_buckets.size();
    for (std::size_t i = 0; i < prepared.ages; ++i) {
      prepared.age_buckets[i] =
          bucket(sight.state ? in_hours(sight.seen_ago) * kUnseenAges[i] : kUnknownAges[i]);
    }
    return prepared;
  }

  SpotMarket market;
  Duration changeover;
  Outlook outlook;
  ProgrammeLibrary::Blend blend;
  std::vector<PreparedOffer> offers;
};

class SpotDecision {
 public:
  SpotDecision(const SpotJob& job, const SpotMarketView::Prepared& prepared,
               const std::vector<bool>& closed)
      : job_(job),
        prepared_(prepared),
        market_(prepared.market),
        outlook_(prepared.outlook),
        closed_(closed),
        work_(in_hours(job.work_left)),
        spare_(std::max(0.0, in_hours(job.time_left - job.work_left - job.changeover_left -
                                      2 * job.changeover - job.margin - job.patience))),
        changeover_(in_hours(job.changeover)) {}

  SpotChoice choose() {
    Valued best;
    Valued running;
    for (std::size_t i = 0; i < market_.offers.size(); ++i) {
      const bool runs_here = job_.footing == Footing::kSpot && job_.offer == i;
      if (!runs_here && !may_launch(i)) continue;
      const Valued one = value(i);
      if (runs_here) {
        running = one;
      } else if (one.enter < best.enter) {
        best = one;
      }
    }
    const Valued now = best.enter != kImpossible ? best : value_gap();
    best_wait_ = now.wait;
    best_on_demand_ = on_demand(now);
    return job_.footing == Footing::kSpot ? from_spot(running, best) : from_elsewhere(best);
  }

 private:
  [[nodiscard]] bool may_launch(std::size_t offer) const {
    const bool is_dear = market_.offers[offer].price >= market_.on_demand;
    return market_.offers[offer].may_launch && !is_dear && (closed_.empty() || !closed_[offer]);
  }

  [[nodiscard]] double on_demand(const Valued& valued) const {
    return job_.footing == Footing::kOnDemand ? valued.stay_on_demand : valued.enter_on_demand;
  }

  // Offerings whose windows are equally old share the answer.
  [[nodiscard]] const ActionCosts& window_costs(std::size_t age_bucket) const {
    std::optional<ActionCosts>& known = window_costs_[age_bucket];
    if (!known) known = prepared_.blend.costs(work_, spare_, MarketState::kWindow, age_bucket);
    return *known;
  }

  // Nothing is there now.
  [[nodiscard]] Valued value_gap() const {
    if (market_.offers.empty()) {
      Valued only;
      only.stay_on_demand = work_ * market_.on_demand.approximate_dollars();
      only.enter_on_demand = (work_ + changeover_) * market_.on_demand.approximate_dollars();
      return only;
    }
    Valued gap = in_dollars(prepared_.blend.costs(work_, spare_, MarketState::kGap,
                                                  age_bucket(outlook_.gap_age_hours())),
                            0, 0);
    gap.enter = gap.stay = kImpossible;
    return gap;
  }

  // If the offering is up. Where its age is not known, the mean over ages that it may have.
  [[nodiscard]] Valued value(std::size_t offer) const {
    const PreparedOffer& prepared = prepared_.offers[offer];
    Valued mean = value_at(offer, prepared.age_buckets[0]);
    if (prepared.ages == 1) return mean;
    const Valued other = value_at(offer, prepared.age_buckets[1]);
    mean.enter = (mean.enter + other.enter) / 2;
    mean.stay = (mean.stay + other.stay) / 2;
    mean.wait = (mean.wait + other.wait) / 2;
    mean.enter_on_demand = (mean.enter_on_demand + other.enter_on_demand) / 2;
    mean.stay_on_demand = (mean.stay_on_demand + other.stay_on_demand) / 2;
    return mean;
  }

  [[nodiscard]] Valued value_at(std::size_t offer, std::size_t age_bucket) const {
    const PreparedOffer& prepared = prepared_.offers[offer];
    Valued valued =
        in_dollars(window_costs(age_bucket), prepared.dearer, prepared.cheaper_per_hour);
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
  const SpotMarketView::Prepared& prepared_;
  const SpotMarket& market_;
  const Outlook& outlook_;
  const std::vector<bool>& closed_;
  mutable std::array<std::optional<ActionCosts>, kAgeBuckets> window_costs_;
  double work_;
  double spare_;
  double changeover_;
  double best_wait_ = kImpossible;
  double best_on_demand_ = kImpossible;
};

namespace {

SpotChoice forced_choice(const SpotJob& job, const SpotMarket& market,
                         const std::vector<bool>& closed) {
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
    if (!market.offers[i].may_launch || (!closed.empty() && closed[i])) continue;
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

namespace {

// What needs no programme: nothing is left to do, or the wall decides.
std::optional<SpotChoice> simple_choice(const SpotJob& job, const SpotMarket& market,
                                        const std::vector<bool>& closed) {
  SPILLWAY_CHECK(job.patience > Duration{});
  SPILLWAY_CHECK(job.footing != Footing::kSpot || job.offer < market.offers.size());
  SPILLWAY_CHECK(closed.empty() || closed.size() == market.offers.size());
  if (job.work_left <= Duration{})
    return SpotChoice{.move = SpotMove::kWait, .offer = 0, .reason = SpotReason::kDone};
  if (is_forced(job)) return forced_choice(job, market, closed);
  return std::nullopt;
}

}  // namespace

SpotMarketView::SpotMarketView(SpotMarket market, Duration changeover,
                               const ProgrammeLibrary& library)
    : prepared_(std::make_unique<const Prepared>(std::move(market), changeover, library)) {}
SpotMarketView::SpotMarketView(SpotMarketView&&) noexcept = default;
SpotMarketView& SpotMarketView::operator=(SpotMarketView&&) noexcept = default;
SpotMarketView::~SpotMarketView() = default;

const SpotMarket& SpotMarketView::market() const {
  return prepared_->market;
}

SpotChoice SpotMarketView::choose(const SpotJob& job, const std::vector<bool>& closed) const {
  SPILLWAY_CHECK(job.changeover == prepared_->changeover);
  const auto simple = simple_choice(job, prepared_->market, closed);
  return simple ? *simple : SpotDecision(job, *prepared_, closed).choose();
}

SpotChoice choose_spot_move(const SpotJob& job, const SpotMarket& market,
                            const ProgrammeLibrary& library) {
  const auto simple = simple_choice(job, market, {});
  return simple ? *simple : SpotMarketView(market, job.changeover, library).choose(job);
}

}  // namespace spillway::plan
