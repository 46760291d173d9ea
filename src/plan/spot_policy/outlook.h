#pragma once
// What the offerings of a market promise beyond the present: the price that a later start will pay,
// how soon some offering comes back when none is there, and whether another is there when one is
// lost. Offerings are taken as independent.

#include <cstddef>
#include <vector>

#include <spillway/plan/spot_policy.h>

namespace spillway::plan {

[[nodiscard]] double in_hours(Duration time);

class Outlook {
 public:
  explicit Outlook(const SpotMarket& market);

  // Dollars per hour, expected of a later start on spot: the cheapest offering that is there then.
  // At most on-demand.
  [[nodiscard]] double later_price() const { return later_price_; }
  // What the shared programme reckons with for this market as a whole.
  [[nodiscard]] const HazardScale& scale() const { return scale_; }
  // Chance that, when a window ends, another offering is there.
  [[nodiscard]] double failover() const { return failover_; }
  // Age of the present gap, if none is there: since the last one went.
  [[nodiscard]] double gap_age_hours() const { return gap_age_hours_; }
  // Rate at which offerings cheaper than this one come up.
  [[nodiscard]] double cheaper_per_hour(std::size_t offer) const;
  // Expected rest of a window of this offering, by its own scale, whatever the market's is.
  [[nodiscard]] double rest_hours(std::size_t offer, double age_hours) const;
  // The age at which a window of the market ends as soon as one of this offering does at its own
  // age.
  [[nodiscard]] double market_age_hours(std::size_t offer, double age_hours) const;

 private:
  struct State {
    bool is_up = false;    // as last seen
    double age_hours = 0;  // now, if that still holds
    double long_run = 0;   // share of time that it is there
    HazardScale scale;
    HourlyRate price;
  };
  void price_later(const SpotMarket& market);
  void merge();
  [[nodiscard]] double chance_up(const State& state, double hours) const;

  std::vector<State> states_;
  double later_price_ = 0;
  HazardScale scale_;
  double failover_ = 0;
  double gap_age_hours_ = 0;
};

}  // namespace spillway::plan
