#pragma once
// The price history of one instance type in one zone, and what may be believed of it at an instant.
//
//   age of what we heard    quality   likely      upper
//   up to `freshness`       Live      last price  last price
//   older                   Stale     last price  last price, widened as below
//   nothing heard           Fallback  on-demand   on-demand
//   and no on-demand price  Unknown   0           0
//
// Widening: after t of silence beyond the freshness limit the upper bound is
//   last + max(largest rise that this series ever showed within a time t,  (cap - last) x t / 24 h)
// and never above the cap, which is the on-demand price (a spot price is capped there). So the
// series' own movement sets the pace, and a day of silence counts as the worst case whatever the
// past looked like. Without an on-demand price the cap is unknown: "cap - last" is then taken as
// `last`, growing on, at most 10 x last. t counts in whole steps of 5 minutes, rounded up, so that
// the bound moves in steps and not with every look.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include <spillway/core/money.h>
#include <spillway/core/time.h>
#include <spillway/market/offering.h>

namespace spillway::market {

struct PriceChange {
  Instant changed_at;  // when the price took this value, as recorded by the source
  HourlyRate spot;
};

struct SeriesLimits {
  std::size_t max_changes = 2048;
  Duration max_age = std::chrono::hours(24 * 90);
};

class PriceSeries {
 public:
  explicit PriceSeries(SeriesLimits limits = {}) : limits_(limits) {}

  // Takes in that the price is `spot` since `changed_at`, heard at `heard_at`. What was heard
  // earlier than the newest hearing is ignored, and a change older than the newest one does not
  // rewrite history. True when the current price is now another one.
  bool observe(HourlyRate spot, Instant changed_at, Instant heard_at);

  [[nodiscard]] std::optional<HourlyRate> newest() const;
  [[nodiscard]] std::optional<Instant> heard_at() const { return heard_at_; }
  [[nodiscard]] std::optional<Duration> age(Instant now) const;
  [[nodiscard]] const std::deque<PriceChange>& changes() const { return changes_; }

  // The largest rise between two changes at most `window` apart; zero when the series never rose.
  [[nodiscard]] HourlyRate largest_rise_within(Duration window) const;

  // `source` names the origin in NodePrice::source.
  [[nodiscard]] NodePrice price_at(Instant now, Duration freshness,
                                   std::optional<HourlyRate> on_demand,
                                   const std::string& source) const;

 private:
  void forget_before(Instant now);

  SeriesLimits limits_;
  std::deque<PriceChange> changes_;  // by changed_at, neighbours differ in price
  std::optional<Instant> heard_at_;
};

// The price of a pool whose on-demand rate is all that is known: Fallback, or Unknown without one.
NodePrice fallback_price(std::optional<HourlyRate> on_demand, const std::string& source);
// A price that an administrator stated: Live at every time.
NodePrice stated_price(HourlyRate rate, const std::string& source);

}  // namespace spillway::market
