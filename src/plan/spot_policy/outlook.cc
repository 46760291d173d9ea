#include "outlook.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tries.h"

namespace spillway::plan {
namespace {

constexpr double kIntoGapHours = 1;
constexpr double kIntoWindowHours = 3;

}  // namespace

double in_hours(Duration time) {
  return std::chrono::duration<double, std::ratio<3600>>(time).count();
}

Outlook::Outlook(const SpotMarket& market) {
  states_.reserve(market.offers.size());
  for (const SpotOffer& offer : market.offers) {
    const double window = mean_rest(offer.scale.window, 0);
    const double gap = mean_rest(offer.scale.gap, 0);
    states_.push_back({.is_up = offer.sight.state == MarketState::kWindow,
                       .age_hours = in_hours(offer.sight.age + offer.sight.seen_ago),
                       .long_run = window / (window + gap),
                       .scale = offer.scale,
                       .price = offer.price});
  }
  price_later(market);
  if (!states_.empty()) merge();
}

void Outlook::price_later(const SpotMarket& market) {
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
  const double on_demand = market.on_demand.approximate_dollars();
  later_price_ = all_down < 1 ? std::min(paid / (1 - all_down), on_demand) : on_demand;
}

void Outlook::merge() {
  if (states_.size() == 1) {
    scale_ = states_.front().scale;
    gap_age_hours_ = states_.front().is_up ? 0 : states_.front().age_hours;
    return;
  }
  double share = 0;
  double window = 0;
  double youngest = std::numeric_limits<double>::infinity();
  for (const State& state : states_) {
    share += state.long_run;
    window += state.long_run * state.scale.window;
    youngest = std::min(youngest, state.is_up ? 0 : state.age_hours);
  }
  scale_.window = window / share;
  gap_age_hours_ = youngest;
  // Offerings that went at different times come back independently of each other: their rates add
  // up. Taken some time into the common gap, because one number has to stand for all of it.
  double rate = 0;
  for (const State& state : states_) {
    rate += state.scale.gap * hazard_at((state.is_up ? 0 : state.age_hours) + kIntoGapHours);
  }
  scale_.gap = rate / hazard_at(youngest + kIntoGapHours);
  // Of a window like those of the market: is another there when it ends?
  std::vector<double> up;
  up.reserve(states_.size());
  for (const State& state : states_)
    up.push_back(chance_up(state, kIntoWindowHours));
  for (std::size_t lost = 0; lost < states_.size(); ++lost) {
    double none = 1;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (i != lost) none *= 1 - up[i];
    }
    failover_ += states_[lost].long_run / share * (1 - none);
  }
}

double Outlook::cheaper_per_hour(std::size_t offer) const {
  double rate = 0;
  for (const State& state : states_) {
    if (state.price >= states_[offer].price) continue;
    // What is there but too fresh to be taken will soon be old enough, or be there again.
    const double age = state.is_up ? kIntoGapHours : state.age_hours;
    rate += state.scale.gap * hazard_at(age);
  }
  return rate;
}

double Outlook::rest_hours(std::size_t offer, double age_hours) const {
  return mean_rest(states_[offer].scale.window, age_hours);
}

double Outlook::market_age_hours(std::size_t offer, double age_hours) const {
  if (states_.size() == 1) return age_hours;
  const double relative = states_[offer].scale.window / scale_.window;
  return std::max(0.0, age_of_hazard(relative * hazard_at(age_hours)));
}

double Outlook::chance_up(const State& state, double hours) const {
  const double scale = state.is_up ? state.scale.window : state.scale.gap;
  const double same = std::exp(-scale * base_exposure(state.age_hours, state.age_hours + hours));
  return same * (state.is_up ? 1.0 : 0.0) + (1 - same) * state.long_run;
}

}  // namespace spillway::plan
