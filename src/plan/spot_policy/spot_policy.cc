#include <algorithm>
#include <array>
#include <limits>

#include <spillway/core/check.h>
#include <spillway/plan/spot_policy.h>

#include "outlook.h"
#include "tries.h"

namespace spillway::plan {
namespace {

// Leaving running spot for other spot, or spot on offer for waiting, must gain this share of the
// cost of a changeover: estimates are not that fine. Waiting spends slack, which is worth more than
// they say wherever zones are lost together.
constexpr double kLeastGain = 0.25;
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
  double attempt = kImpossible;  // entering, with the launches that are refused before
  double stay = kImpossible;
  double wait = kImpossible;
  double enter_on_demand = kImpossible;
  double stay_on_demand = kImpossible;
};

}  // namespace

// An age at which an offering's window is looked at if it is up now.
struct PreparedAge {
  std::size_t bucket = 0;  // of the market's window that ends as soon
  double rest_hours = 0;   // expected, of the offering's own
};

struct PreparedOffer {
  double dearer = 0;  // dollars per hour above the expected later price
  double cheaper_per_hour = 0;
  std::array<PreparedAge, 2> at{};
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
    const auto at = [&](double age_hours) {
      return PreparedAge{.bucket = age_bucket(outlook.market_age_hours(offer, age_hours)),
                         .rest_hours = outlook.rest_hours(offer, age_hours)};
    };
    if (sight.state == MarketState::kWindow) {
      prepared.at[0] = at(in_hours(sight.age + sight.seen_ago));
      return prepared;
    }
    prepared.ages = prepared.at.size();
    for (std::size_t i = 0; i < prepared.ages; ++i) {
      prepared.at[i] =
          at(sight.state ? in_hours(sight.seen_ago) * kUnseenAges[i] : kUnknownAges[i]);
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
    if (job_.footing == Footing::kSpot) return from_spot(running, best);
    SpotChoice choice = from_elsewhere(best);
    // The programme sees offerings come back without trying, on whatever footing: refusals say
    // where to try, and not whether. Nobody pays more than on-demand for a better chance.
    if (choice.move == SpotMove::kLaunchSpot && may_be_refused(choice.offer)) {
      const Valued tried = first_to_try();
      if (tried.enter <= on_demand(tried)) choice.offer = tried.offer;
    }
    return choice;
  }

 private:
  [[nodiscard]] bool may_launch(std::size_t offer) const {
    const bool is_dear = market_.offers[offer].price >= market_.on_demand;
    return market_.offers[offer].may_launch && !is_dear && (closed_.empty() || !closed_[offer]);
  }

  // What is lost with a launch that is refused, in dollars: slack, and for it what runs.
  [[nodiscard]] double refusal() const {
    if (refusal_) return *refusal_;
    const double later = std::max(0.0, spare_ - in_hours(job_.refused_after));
    const auto costs = [&](double spare) {
      return job_.footing == Footing::kSpot
                 ? prepared_.blend.costs(work_, spare, MarketState::kWindow,
                                         prepared_.offers[job_.offer].at[0].bucket)
                 : prepared_.blend.costs(work_, spare, MarketState::kGap,
                                         age_bucket(outlook_.gap_age_hours()));
    };
    const Valued before = in_dollars(costs(spare_), 0);
    const Valued after = in_dollars(costs(later), 0);
    double lost = 0;
    switch (job_.footing) {
      case Footing::kNothing:
        lost = std::min(after.wait, after.enter_on_demand) -
               std::min(before.wait, before.enter_on_demand);
        break;
      case Footing::kOnDemand: lost = after.enter_on_demand - before.stay_on_demand; break;
      case Footing::kSpot: lost = after.enter - before.stay; break;
    }
    refusal_ = std::max(lost, 0.0);
    return *refusal_;
  }

  [[nodiscard]] bool may_be_refused(std::size_t offer) const {
    return job_.refused_after > Duration{} &&
           market_.offers[offer].sight.state == MarketState::kGap;
  }

  // The best with the launches that are refused before one is served.
  [[nodiscard]] Valued first_to_try() const {
    Valued best;
    for (std::size_t i = 0; i < market_.offers.size(); ++i) {
      const bool runs_here = job_.footing == Footing::kSpot && job_.offer == i;
      if (runs_here || !may_launch(i)) continue;
      const Valued one = value(i);
      if (one.enter >= best.attempt) continue;
      const double attempt = one.enter + refusals(i);
      if (attempt >= best.attempt) continue;
      best = one;
      best.attempt = attempt;
    }
    return best;
  }

  // What they cost, by the chance that the offering is there now.
  [[nodiscard]] double refusals(std::size_t offer) const {
    if (!may_be_refused(offer)) return 0;
    const SpotSight& sight = market_.offers[offer].sight;
    const HazardScale& scale = market_.offers[offer].scale;
    const double chance = chance_served(scale.gap, long_run_share(scale), in_hours(sight.age),
                                        in_hours(sight.seen_ago + job_.refused_after));
    return refusal() * (1 - chance) / chance;
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
                            0);
    gap.enter = gap.stay = kImpossible;
    return gap;
  }

  // If the offering is up. Where its age is not known, the mean over ages that it may have.
  [[nodiscard]] Valued value(std::size_t offer) const {
    const PreparedOffer& prepared = prepared_.offers[offer];
    Valued mean = value_at(offer, prepared.at[0]);
    if (prepared.ages == 1) return mean;
    const Valued other = value_at(offer, prepared.at[1]);
    mean.enter = (mean.enter + other.enter) / 2;
    mean.stay = (mean.stay + other.stay) / 2;
    mean.wait = (mean.wait + other.wait) / 2;
    mean.enter_on_demand = (mean.enter_on_demand + other.enter_on_demand) / 2;
    mean.stay_on_demand = (mean.stay_on_demand + other.stay_on_demand) / 2;
    return mean;
  }

  // A price above or below the expected later one is paid for as long as this offering itself is
  // expected to last, and a higher one at most until a cheaper offering comes up.
  [[nodiscard]] Valued value_at(std::size_t offer, const PreparedAge& age) const {
    const PreparedOffer& prepared = prepared_.offers[offer];
    double stay = std::min(work_, age.rest_hours);
    if (prepared.dearer > 0) stay /= 1 + stay * prepared.cheaper_per_hour;
    Valued valued = in_dollars(window_costs(age.bucket), prepared.dearer * stay);
    valued.offer = offer;
    valued.enter += prepared.dearer * changeover_;
    return valued;
  }

  [[nodiscard]] Valued in_dollars(const ActionCosts& costs, double more) const {
    const double unit = outlook_.later_price();
    return {.offer = 0,
            .enter = costs.enter_spot * unit + more,
            .stay = costs.stay_spot * unit + more,
            .wait = costs.wait * unit + more,
            .enter_on_demand = costs.enter_on_demand * unit + more,
            .stay_on_demand = costs.stay_on_demand * unit + more};
  }

  [[nodiscard]] double least_gain() const {
    return kLeastGain * changeover_ * outlook_.later_price();
  }

  [[nodiscard]] SpotChoice from_spot(const Valued& running, const Valued& best) const {
    SpotChoice choice = answer(SpotMove::kStay, job_.offer);
    choice.spot_dollars = running.stay;
    if (best.enter < running.stay - least_gain()) {
      const Valued tried = first_to_try();
      if (tried.attempt < running.stay - least_gain()) {
        choice = answer(SpotMove::kLaunchSpot, tried.offer);
        choice.spot_dollars = tried.enter;
      }
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
    SpotChoice choice =
        job_.footing == Footing::kOnDemand ? from_on_demand(best) : from_nothing(best);
    if (best.enter != kImpossible) choice.spot_dollars = best.enter;
    return choice;
  }

  [[nodiscard]] SpotChoice from_on_demand(const Valued& best) const {
    if (is_less(best.enter, best_on_demand_) && best.enter <= best_wait_)
      return answer(SpotMove::kLaunchSpot, best.offer);
    const bool waits = is_less(best_wait_, best_on_demand_);
    return answer(waits ? SpotMove::kWait : SpotMove::kStay, 0);
  }

  [[nodiscard]] SpotChoice from_nothing(const Valued& best) const {
    const double on_demand = market_.on_demand_available ? best_on_demand_ : kImpossible;
    if (best.enter < best_wait_ + least_gain() && best.enter <= on_demand)
      return answer(SpotMove::kLaunchSpot, best.offer);
    const bool buys = is_less(on_demand, best_wait_);
    return answer(buys ? SpotMove::kLaunchOnDemand : SpotMove::kWait, 0);
  }

  // Tables are in single precision: a tie keeps what is.
  static bool is_less(double a, double b) { return a < b * (1 - 1e-7); }

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
  mutable std::optional<double> refusal_;
  double best_wait_ = kImpossible;
  double best_on_demand_ = kImpossible;
};

namespace {

// Spot that was begun while on-demand could not be had stands on slack that was kept for just that:
// one more loss into a stock-out would be too late. Spot that was begun in time never does.
bool must_leave_spot(const SpotJob& job, const SpotMarket& market) {
  if (job.footing != Footing::kSpot || !market.on_demand_available) return false;
  const Duration slack = job.time_left - job.work_left - job.changeover_left;
  return job.margin > Duration{} && slack < job.margin + job.changeover &&
         slack >= job.changeover + job.patience;
}

SpotChoice forced_choice(const SpotJob& job, const SpotMarket& market,
                         const std::vector<bool>& closed) {
  SpotChoice choice{.move = SpotMove::kLaunchOnDemand,
                    .offer = 0,
                    .reason = SpotReason::kForced,
                    .ask_again_in = job.patience};
  if (job.footing != Footing::kNothing) choice.move = SpotMove::kStay;
  if (must_leave_spot(job, market)) choice.move = SpotMove::kLaunchOnDemand;
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
