#include "outlook.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace spillway::plan {
namespace {

// Expected length of a window or gap, in hours, at a scale: the integral of its survival, bucket by
// bucket.
double mean_length(double scale) {
  double length = 0;
  double survival = 1;
  for (std::size_t b = 0; b + 1 < kAgeBuckets; ++b) {
    const double rate = scale * base_hazard(b);
    const double kept = std::exp(-rate * age_bucket_width(b));
    length += survival * (1 - kept) / rate;
    survival *= kept;
  }
  return length + survival / (scale * base_hazard(kAgeBuckets - 1));
}

}  // namespace

double in_hours(Duration time) {
  return std::chrono::duration<double, std::ratio<3600>>(time).count();
}

Outlook::Outlook(const SpotMarket& market) {
  states_.reserve(market.offers.size());
  for (const SpotOffer& offer : market.offers) {
    const double window = mean_length(offer.scale.window);
    const double gap = mean_length(offer.scale.gap);
    states_.push_back({.is_up = offer.sight.state == MarketState::kWindow,
                       .age_hours = in_hours(offer.sight.age + offer.sight.seen_ago),
                       .long_run = window / (window + gap),
                       .scale_gap = offer.scale.gap,
                       .scale_window = offer.scale.window});
  }
  std::vector<std::size_t> by_price(states_.size());
  std::iota(by_price.begin(), by_price.end(), std::size_t{0});
  const auto price = [&](std::size_t i) { return market.offers[i].price; };
  std::sort(by_price.begin(), by_price.end(), [&](std::size_t a, std::size_t b) {
    return price(a) != price(b) ? price(a) < price(b) : a < b;
  });
  double paid = 0;
  double all_down = 1;
  for (const std::size_t i : by_price) {
    paid += all_down * states_[i].long_run * price(i).approximate_dollars();
    all_down *= 1 - states_[i].long_run;
  }
  later_price_ = all_down < 1 ? paid / (1 - all_down) : market.on_demand.approximate_dollars();
  later_price_ = std::min(later_price_, market.on_demand.approximate_dollars());
}

Outlook::Gap Outlook::gap(std::size_t without) const {
  double rate = 0;
  double youngest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (i == without) continue;
    const double age = states_[i].is_up ? 0 : states_[i].age_hours;
    rate += states_[i].scale_gap * base_hazard(age_bucket(age));
    youngest = std::min(youngest, age);
  }
  if (rate == 0) return {};
  return {.age_hours = youngest, .scale = rate / base_hazard(age_bucket(youngest))};
}

double Outlook::chance_up(const State& state, double hours) const {
  const double scale = state.is_up ? state.scale_window : state.scale_gap;
  const double same = std::exp(-scale * base_exposure(state.age_hours, state.age_hours + hours));
  return same * (state.is_up ? 1.0 : 0.0) + (1 - same) * state.long_run;
}

double Outlook::failover(std::size_t lost, double hours) const {
  double none = 1;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (i != lost) none *= 1 - chance_up(states_[i], hours);
  }
  return 1 - none;
}

}  // namespace spillway::plan
