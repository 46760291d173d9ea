#include "optimum.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

namespace spillway::regret {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Progress is counted in quanta of gcd(tick, changeover) and shifted by `offset`, because a
// changeover longer than a tick lets progress go below zero at entry. The last bin absorbs
// "finished".
struct Grid {
  std::int64_t tick;        // quanta per tick
  std::int64_t changeover;  // quanta per changeover
  std::int64_t offset;
  std::int64_t bins;
};

Grid grid_of(const JobTerms& job, Seconds tick) {
  const Seconds quantum = std::gcd(tick, job.changeover);
  Grid grid{.tick = tick / quantum, .changeover = job.changeover / quantum, .offset = 0, .bins = 0};
  grid.offset = std::max<std::int64_t>(0, grid.changeover - grid.tick);
  grid.bins = (job.work + quantum - 1) / quantum + grid.offset + 1;
  return grid;
}

using Row = std::vector<double>;  // cost by progress

// The cheapest and second cheapest way to stand at one progress, over all places.
struct Cheapest {
  double first;
  double second;
  std::size_t place;
};

Cheapest cheapest_at(const std::vector<Row>& cost, std::size_t progress) {
  Cheapest found{.first = kInfinite, .second = kInfinite, .place = 0};
  for (std::size_t place = 0; place < cost.size(); ++place) {
    const double value = cost[place][progress];
    if (value < found.first) {
      found.second = found.first;
      found.first = value;
      found.place = place;
    } else if (value < found.second) {
      found.second = value;
    }
  }
  return found;
}

class Programme {
 public:
  Programme(const Window& window, const JobTerms& job)
      : window_(window),
        grid_(grid_of(job, window.market->tick)),
        ticks_(ticks_until_deadline(job, window.market->tick)),
        zones_(window.market->zones.size()),
        now_(zones_ + 2, Row(static_cast<std::size_t>(grid_.bins), kInfinite)),
        next_(now_) {}

  std::optional<double> solve() {
    now_[kIdle][static_cast<std::size_t>(grid_.offset)] = 0;
    for (std::size_t t = 0; t < ticks_; ++t)
      advance(t);
    const double best = cheapest_at(now_, static_cast<std::size_t>(grid_.bins - 1)).first;
    return best == kInfinite ? std::nullopt : std::optional(best);
  }

 private:
  static constexpr std::size_t kIdle = 0;
  static constexpr std::size_t kOnDemand = 1;

  // Below this bin at tick t the work cannot be finished any more, above the other no schedule can
  // have come.
  [[nodiscard]] std::int64_t lowest(std::size_t t) const {
    return std::max<std::int64_t>(
        0, grid_.bins - 1 - static_cast<std::int64_t>(ticks_ - t) * grid_.tick);
  }
  [[nodiscard]] std::int64_t highest(std::size_t t) const {
    return std::min(grid_.bins - 1, grid_.offset + static_cast<std::int64_t>(t) * grid_.tick);
  }

  void advance(std::size_t t) {
    const std::int64_t from = lowest(t + 1);
    const std::int64_t to = highest(t + 1);
    for (Row& row : next_)
      std::fill(row.begin() + std::min(from, to), row.begin() + to + 1, kInfinite);
    const double hours = static_cast<double>(window_.market->tick) / 3600.0;
    prices_.assign(zones_ + 2, kInfinite);
    prices_[kOnDemand] = window_.market->on_demand_price * hours;
    for (std::size_t z = 0; z < zones_; ++z) {
      if (window_.available(z, t) != 0) prices_[z + 2] = window_.price(z, t) * hours;
    }
    for (std::int64_t p = lowest(t); p <= highest(t); ++p)
      step(p, from);
    std::swap(now_, next_);
  }

  void step(std::int64_t progress, std::int64_t from) {
    const auto p = static_cast<std::size_t>(progress);
    const Cheapest best = cheapest_at(now_, p);
    if (best.first == kInfinite) return;
    if (progress >= from) next_[kIdle][p] = std::min(next_[kIdle][p], best.first);
    const std::int64_t stay = std::min(grid_.bins - 1, progress + grid_.tick);
    const std::int64_t enter = std::min(grid_.bins - 1, progress + grid_.tick - grid_.changeover);
    for (std::size_t place = kOnDemand; place < prices_.size(); ++place) {
      if (prices_[place] == kInfinite) continue;
      if (stay >= from) relax(place, stay, now_[place][p] + prices_[place]);
      if (enter >= from)
        relax(place, enter, (best.place == place ? best.second : best.first) + prices_[place]);
    }
  }

  void relax(std::size_t place, std::int64_t progress, double cost) {
    double& value = next_[place][static_cast<std::size_t>(progress)];
    value = std::min(value, cost);
  }

  const Window& window_;
  Grid grid_;
  std::size_t ticks_;
  std::size_t zones_;
  std::vector<Row> now_;
  std::vector<Row> next_;
  std::vector<double> prices_;  // of the tick by place, infinite where nothing is to be had
};

}  // namespace

std::optional<double> optimal_cost(const Window& window, const JobTerms& job) {
  return Programme(window, job).solve();
}

}  // namespace spillway::regret
