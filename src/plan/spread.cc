#include "spread.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <tuple>

namespace spillway::plan {
namespace {

struct Filled {
  std::vector<std::int64_t> taken;
  std::int64_t missing_now = 0;    // of the share
  std::int64_t missing_after = 0;  // of it, after the loss
  std::int64_t missing_spare = 0;
  double cost = 0;
  friend bool operator<(const Filled& a, const Filled& b) {
    return std::tie(a.missing_now, a.missing_after, a.missing_spare, a.cost) <
           std::tie(b.missing_now, b.missing_after, b.missing_spare, b.cost);
  }
};

class Filling {
 public:
  Filling(const SpreadGoal& goal, const std::vector<Places>& places)
      : goal_(goal), places_(places), order_(places.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(places[a].cost, a) < std::tie(places[b].cost, b);
    });
    for (const Places& place : places) {
      if (place.zone != Places::kOnDemand) zones_ = std::max(zones_, place.zone + 1);
    }
  }

  // No zone with more than `largest`.
  [[nodiscard]] Filled with(std::int64_t largest) const {
    Filled filled{.taken = std::vector<std::int64_t>(places_.size())};
    std::vector<std::int64_t> in_zone(zones_);
    const std::int64_t needed = needed_with(largest);
    std::int64_t total = 0;
    std::int64_t on_spot = 0;
    for (const std::size_t i : order_) {
      const Places& place = places_[i];
      const bool is_spot = place.zone != Places::kOnDemand;
      std::int64_t most = needed + (is_spot ? goal_.spare : 0) - total;
      if (is_spot) most = std::min(most, largest - in_zone[place.zone]);
      const std::int64_t here = std::clamp<std::int64_t>(most, 0, place.replicas);
      if (is_spot) in_zone[place.zone] += here;
      on_spot += is_spot ? here : 0;
      filled.taken[i] = here;
      filled.cost += place.cost * static_cast<double>(here);
      total += here;
    }
    const std::int64_t there = in_zone.empty() ? 0 : *std::ranges::max_element(in_zone);
    filled.missing_now = std::max<std::int64_t>(goal_.share - total, 0);
    filled.missing_after = std::max<std::int64_t>(goal_.share - goal_.slack - (total - there), 0);
    const std::int64_t protects = std::max(on_spot, std::min(total, needed_with(there)));
    filled.missing_spare = std::max<std::int64_t>(needed_with(there) + goal_.spare - protects, 0);
    return filled;
  }

 private:
  [[nodiscard]] std::int64_t needed_with(std::int64_t largest) const {
    return std::max(goal_.share, goal_.share - goal_.slack + largest);
  }

  const SpreadGoal& goal_;
  const std::vector<Places>& places_;
  std::vector<std::size_t> order_;
  std::size_t zones_ = 0;
};

}  // namespace

std::int64_t missing_for(const SpreadGoal& goal, std::int64_t total, std::int64_t largest_zone) {
  return std::max(
      {goal.share - total, goal.share - goal.slack - (total - largest_zone), std::int64_t{0}});
}

std::vector<std::int64_t> cheapest_spread(const SpreadGoal& goal,
                                          const std::vector<Places>& places) {
  const Filling filling(goal, places);
  std::optional<Filled> best;
  for (std::int64_t largest = 0; largest <= goal.share + goal.spare; ++largest) {
    Filled filled = filling.with(largest);
    if (!best || filled < *best) best = std::move(filled);
  }
  return best->taken;
}

}  // namespace spillway::plan
