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
  // The gap that lasts until one of the offerings other than `without` comes up;
  // market.offers.size() = none left out.
  struct Gap {
    double age_hours = 0;
    double scale = 1;
  };
  [[nodiscard]] Gap gap(std::size_t without) const;
  // Chance that an offering other than `lost` is there when the window of `lost` ends `hours` from
  // now.
  [[nodiscard]] double failover(std::size_t lost, double hours) const;

 private:
  struct State {
    bool is_up = false;    // as last seen
    double age_hours = 0;  // now, if that still holds
    double long_run = 0;   // share of time that it is there
    double scale_gap = 1;
    double scale_window = 1;
  };
  [[nodiscard]] double chance_up(const State& state, double hours) const;

  std::vector<State> states_;
  double later_price_ = 0;
};

}  // namespace spillway::plan
