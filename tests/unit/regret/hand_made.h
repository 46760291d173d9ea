#pragma once
// Small markets written by hand, an hour a tick.

#include <string>
#include <vector>

#include "market.h"

namespace spillway::regret::testing {

// "1101" per zone, one price a zone; on-demand at 3 dollars an hour.
inline Market market_of(const std::vector<std::string>& zones, const std::vector<double>& prices,
                        Seconds tick = 3600) {
  Market market{.name = "hand-made", .tick = tick, .on_demand_price = 3, .zones = {}};
  for (std::size_t z = 0; z < zones.size(); ++z) {
    ZoneSeries series{.name = "zone", .available = {}, .price = {}};
    for (const char tick_state : zones[z])
      series.available.push_back(tick_state == '1' ? 1 : 0);
    series.price.assign(series.available.size(), prices[z]);
    market.zones.push_back(std::move(series));
  }
  return market;
}

}  // namespace spillway::regret::testing
