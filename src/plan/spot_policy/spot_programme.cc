#include <algorithm>
#include <cmath>
#include <tuple>

#include <spillway/core/check.h>
#include <spillway/plan/spot_programme.h>

#include "phase_chain.h"

namespace spillway::plan {
namespace {

constexpr double kLongestWork = 48;          // hours; larger jobs are scaled down to it
constexpr double kLongestStep = 0.2;         // hours
constexpr double kShortestChangeover = 0.1;  // hours; below it a changeover is a part of a step
constexpr double kLeastSlackRange = 8;       // hours of slack that even a short job's table covers
constexpr double kSampleGrowth = 1.12;       // samples lie this much apart, beyond the first ones

double step_for(double changeover_hours) {
  if (changeover_hours < kShortestChangeover) return kLongestStep;
  return changeover_hours / std::max(1.0, std::round(changeover_hours / kLongestStep));
}

// Indices 0, 1, 2, ... up to `last`, thinning out geometrically.
std::vector<std::size_t> sample_indices(std::size_t first, std::size_t last) {
  std::vector<std::size_t> indices;
  for (std::size_t i = first; i < last;) {
    indices.push_back(i);
    i = std::max(i + 1,
                 static_cast<std::size_t>(std::lround(static_cast<double>(i) * kSampleGrowth)));
  }
  indices.push_back(last);
  return indices;
}

struct Cell {
  ByAge spot{};
  ByPhase idle{};
  ByPhase on_demand{};
};

ByPhase blend(const ByPhase& a, const ByPhase& b, float share) {
  ByPhase out{};
  for (std::size_t p = 0; p < kPhases; ++p)
    out[p] = a[p] + share * (b[p] - a[p]);
  return out;
}

}  // namespace

bool operator==(const ProgrammeTerms& a, const ProgrammeTerms& b) {
  return a.changeover_hours == b.changeover_hours && a.price_ratio == b.price_ratio &&
         a.scale.window == b.scale.window && a.scale.gap == b.scale.gap &&
         a.failover == b.failover && a.margin_hours == b.margin_hours;
}

// Fills the rows of a programme, least work first. Layer j of a row has slack forced + (j - 1) h
// beyond the forced layer 0.
class ProgrammeSolver {
 public:
  explicit ProgrammeSolver(SpotProgramme& out)
      : out_(out),
        step_(step_for(out.terms_.changeover_hours)),
        chain_(out.terms_.scale, out.terms_.failover, step_),
        steps_(static_cast<std::size_t>(std::lround(kLongestWork / step_))),
        changeover_steps_(
            out.terms_.changeover_hours < kShortestChangeover
                ? 0
                : static_cast<std::size_t>(std::lround(out.terms_.changeover_hours / step_))),
        layers_(layers(steps_)),
        before_(layers_),
        row_(layers_) {}

  void solve() {
    const std::vector<std::size_t> works = sample_indices(1, steps_);
    const std::vector<std::size_t> slacks = sample_indices(1, layers_ - 1);
    for (const std::size_t j : slacks)
      out_.slacks_.push_back(static_cast<double>(j - 1) * step_);
    for (const std::size_t i : works)
      out_.works_.push_back(static_cast<double>(i) * step_);
    out_.costs_.resize(2 * kAgeBuckets * works.size() * slacks.size());
    std::size_t next = 0;
    for (std::size_t i = 1; i <= steps_; ++i) {
      solve_row(i);
      const bool is_sampled = next < works.size() && works[next] == i;
      if (is_sampled) {
        for (std::size_t slack = 0; slack < slacks.size(); ++slack)
          sample(std::min(slacks[slack], layers(i) - 1), next * slacks.size() + slack);
        ++next;
      }
      std::swap(before_, row_);
      layers_before_ = layers(i);
    }
  }

 private:
  [[nodiscard]] std::size_t layers(std::size_t work_steps) const {
    const double range = std::max(kLeastSlackRange, static_cast<double>(work_steps) * step_);
    return 2 + static_cast<std::size_t>(std::ceil(range / step_));
  }
  [[nodiscard]] float price(bool is_spot) const {
    return is_spot ? 1.0F : static_cast<float>(out_.terms_.price_ratio);
  }
  [[nodiscard]] const Cell& before(std::size_t j) const {
    return before_[std::min(j, layers_before_ - 1)];
  }

  void solve_row(std::size_t i) {
    const auto h = static_cast<float>(step_);
    const std::size_t count = layers(i);
    if (i == 1) std::fill(before_.begin(), before_.end(), Cell{});
    for (std::size_t j = 0; j < count; ++j) {
      row_[j].spot = chain_.expect_spot(before(j).spot, before(j).idle);
      for (float& value : row_[j].spot)
        value += h;
    }
    const auto work = static_cast<float>(static_cast<double>(i) * step_);
    const auto changeover = static_cast<float>(out_.terms_.changeover_hours);
    row_[0].idle.fill(price(false) * (work + changeover));
    row_[0].on_demand.fill(price(false) * work);
    for (std::size_t j = 1; j < count; ++j)
      solve_cell(j);
  }

  void solve_cell(std::size_t j) {
    Cell& cell = row_[j];
    const ByPhase wait = chain_.expect(row_[j - 1].idle);
    const ByPhase enter_on_demand = enter_on_demand_at(j);
    const ByAge enter_spot = enter_spot_at(j);
    const ByPhase stay = stay_on_demand_at(j);
    for (std::size_t p = 0; p < kPhases; ++p) {
      cell.idle[p] = std::min(wait[p], enter_on_demand[p]);
      cell.on_demand[p] = std::min(stay[p], wait[p]);
    }
    for (std::size_t b = 0; b < kAgeBuckets; ++b) {
      cell.idle[kAgeBuckets + b] = std::min(cell.idle[kAgeBuckets + b], enter_spot[b]);
      cell.on_demand[kAgeBuckets + b] = std::min(cell.on_demand[kAgeBuckets + b], enter_spot[b]);
    }
  }

  [[nodiscard]] ByPhase stay_on_demand_at(std::size_t j) const {
    ByPhase value = chain_.expect(before(j).on_demand);
    for (float& one : value)
      one += price(false) * static_cast<float>(step_);
    return value;
  }

  // A changeover shorter than a step is paid beside a step of work and takes its own part of a
  // layer.
  [[nodiscard]] std::pair<std::size_t, float> short_changeover(std::size_t j) const {
    const double layer =
        std::max(0.0, static_cast<double>(j) - out_.terms_.changeover_hours / step_);
    const auto low = static_cast<std::size_t>(std::floor(layer));
    return {low, static_cast<float>(layer - std::floor(layer))};
  }

  [[nodiscard]] ByPhase enter_on_demand_at(std::size_t j) const {
    const auto changeover = static_cast<float>(out_.terms_.changeover_hours);
    ByPhase value{};
    if (changeover_steps_ == 0) {
      const auto [low, share] = short_changeover(j);
      value = chain_.expect(blend(before(low).on_demand, before(low + 1).on_demand, share));
      for (float& one : value)
        one += price(false) * (static_cast<float>(step_) + changeover);
      return value;
    }
    value = row_[j - std::min(j, changeover_steps_)].on_demand;
    for (std::size_t n = 0; n < changeover_steps_; ++n)
      value = chain_.expect(value);
    for (float& one : value)
      one += price(false) * changeover;
    return value;
  }

  [[nodiscard]] ByAge enter_spot_at(std::size_t j) const {
    const auto changeover = static_cast<float>(out_.terms_.changeover_hours);
    ByAge value{};
    if (changeover_steps_ == 0) {
      const auto [low, share] = short_changeover(j);
      const Cell& near = before(low);
      const Cell& far = before(low + 1);
      for (std::size_t b = 0; b < kAgeBuckets; ++b)
        value[b] = near.spot[b] + share * (far.spot[b] - near.spot[b]);
      value = chain_.expect_spot(value, blend(near.idle, far.idle, share));
      for (float& one : value)
        one += static_cast<float>(step_) + changeover;
      return value;
    }
    const Cell& cell = row_[j - std::min(j, changeover_steps_)];
    value = cell.spot;
    for (std::size_t n = 0; n < changeover_steps_; ++n)
      value = chain_.expect_spot(value, cell.idle);
    for (float& one : value)
      one += changeover;
    return value;
  }

  // Keeps layer j of the row, at `place` among the costs of each phase.
  void sample(std::size_t j, std::size_t place) {
    const ByPhase wait = chain_.expect(row_[j - 1].idle);
    const ByPhase stay_on_demand = stay_on_demand_at(j);
    const ByPhase enter_on_demand = enter_on_demand_at(j);
    const ByAge enter_spot = enter_spot_at(j);
    for (std::size_t age = 0; age < kAgeBuckets; ++age) {
      const std::size_t window = kAgeBuckets + age;
      out_.costs_[out_.start_of(MarketState::kGap, age) + place] = {
          wait[age], 0, enter_on_demand[age], stay_on_demand[age], 0};
      out_.costs_[out_.start_of(MarketState::kWindow, age) + place] = {
          wait[window], enter_spot[age], enter_on_demand[window], stay_on_demand[window],
          row_[j].spot[age]};
    }
  }

  SpotProgramme& out_;
  double step_;
  PhaseChain chain_;
  std::size_t steps_;
  std::size_t changeover_steps_;
  std::size_t layers_;
  std::vector<Cell> before_;
  std::vector<Cell> row_;
  std::size_t layers_before_ = 1;
};

SpotProgramme::SpotProgramme(const ProgrammeTerms& terms) : terms_(terms) {
  SPILLWAY_CHECK(terms.changeover_hours >= 0 && terms.price_ratio >= 1 && terms.failover >= 0 &&
                 terms.failover <= 1);
  ProgrammeSolver(*this).solve();
}

double SpotProgramme::forced_slack_hours() const {
  return 2 * terms_.changeover_hours + terms_.margin_hours;
}

SpotProgramme::Place SpotProgramme::locate(double work_hours, double slack_hours) const {
  Place place;
  if (work_hours > works_.back()) {
    place.unit = work_hours / works_.back();
    work_hours = works_.back();
    slack_hours /= place.unit;
  }
  const double slack = std::max(0.0, slack_hours - forced_slack_hours());
  const auto find = [](const std::vector<double>& grid, double at) {
    const auto above = std::upper_bound(grid.begin() + 1, grid.end() - 1, at);
    const auto low = static_cast<std::size_t>(above - grid.begin()) - 1;
    const double share = std::clamp((at - grid[low]) / (grid[low + 1] - grid[low]), 0.0, 1.0);
    return std::pair{low, share};
  };
  std::tie(place.work, place.work_share) = find(works_, work_hours);
  std::tie(place.slack, place.slack_share) = find(slacks_, slack);
  return place;
}

ActionCosts SpotProgramme::costs(const Place& place, MarketState state, std::size_t age) const {
  std::array<double, std::tuple_size_v<PhaseCosts>> sum{};
  const PhaseCosts* const of_phase = costs_.data() + start_of(state, age);
  const auto add = [&](std::size_t work, std::size_t slack_index, double weight) {
    if (weight == 0) return;
    const PhaseCosts& one = of_phase[work * slacks_.size() + slack_index];
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += weight * static_cast<double>(one[i]);
  };
  const auto [w, s, work_share, slack_share, unit] = place;
  add(w, s, (1 - work_share) * (1 - slack_share));
  add(w + 1, s, work_share * (1 - slack_share));
  add(w, s + 1, (1 - work_share) * slack_share);
  add(w + 1, s + 1, work_share * slack_share);
  for (double& cost : sum)
    cost *= unit;
  return {.wait = sum[0],
          .enter_spot = sum[1],
          .enter_on_demand = sum[2],
          .stay_on_demand = sum[3],
          .stay_spot = sum[4]};
}

}  // namespace spillway::plan
