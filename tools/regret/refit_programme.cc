#include "refit_programme.h"

#include <spillway/plan/hazard.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "phase_chain.h"

namespace spillway::regret {
namespace {

using plan::ByAge;
using plan::ByPhase;
using plan::kAgeBuckets;
using plan::kPhases;
using plan::PhaseChain;

constexpr double kRefitHours = 4;
constexpr double kHoursPerRateSet = 2;

double in_hours(Seconds time) {
  return static_cast<double>(time) / 3600.0;
}

// Ends and exposure of gaps and windows by age, with a long and a short memory.
class Learnt {
 public:
  void see(bool is_up, double step) {
    decay(step);
    const std::size_t bucket = plan::age_bucket(age_);
    exposure_[state_][bucket] += step;
    expected_lately_[state_] += plan::base_exposure(std::max(0.0, age_ - step), age_);
    const std::size_t now = is_up ? 1 : 0;
    if (now == state_) {
      age_ += step;
      return;
    }
    ended_[state_][bucket] += 1;
    ended_lately_[state_] += 1;
    state_ = now;
    age_ = step;
  }

  [[nodiscard]] std::size_t phase() const { return state_ * kAgeBuckets + plan::age_bucket(age_); }

  [[nodiscard]] PhaseChain chain(double hours_ahead, double step) const {
    std::array<PhaseChain::Hazards, 2> hazards{};
    for (std::size_t s = 0; s < 2; ++s) {
      double ended = 4;
      double expected = 4;
      for (std::size_t b = 0; b < kAgeBuckets; ++b) {
        ended += ended_[s][b];
        expected += exposure_[s][b] * plan::base_hazard(b);
      }
      const double slow = ended / expected;
      const double fast = (ended_lately_[s] + 2 * slow) / (expected_lately_[s] + 2);
      const double weight = std::exp(-hours_ahead / 8);
      const double scale = std::pow(fast, weight) * std::pow(slow, 1 - weight);
      for (std::size_t b = 0; b < kAgeBuckets; ++b) {
        hazards[s][b] =
            (ended_[s][b] + 64) / (exposure_[s][b] + 64 / (plan::base_hazard(b) * scale));
      }
    }
    return {hazards[0], hazards[1], 0, step};
  }

 private:
  void decay(double step) {
    const double slow = std::exp2(-step / 96);
    const double fast = std::exp2(-step / 12);
    for (std::size_t s = 0; s < 2; ++s) {
      for (std::size_t b = 0; b < kAgeBuckets; ++b) {
        ended_[s][b] *= slow;
        exposure_[s][b] *= slow;
      }
      ended_lately_[s] *= fast;
      expected_lately_[s] *= fast;
    }
  }

  std::size_t state_ = 0;
  double age_ = 0;
  std::array<std::array<double, kAgeBuckets>, 2> ended_{};
  std::array<std::array<double, kAgeBuckets>, 2> exposure_{};
  std::array<double, 2> ended_lately_{};
  std::array<double, 2> expected_lately_{};
};

struct Cell {
  ByAge spot{};
  ByPhase idle{};
  ByPhase on_demand{};
};

struct Costs {
  double idle = 0;
  double spot = 0;
  double on_demand = 0;
};

class Solved {
 public:
  Solved(const Learnt& learnt, double work, double slack, double changeover, double forced,
         float ratio)
      : step_(changeover >= 0.1 ? changeover / std::round(changeover / 0.2) : 0.2),
        changeover_(changeover),
        forced_(forced),
        ratio_(ratio),
        works_(static_cast<std::size_t>(std::ceil(work / step_)) + 2),
        layers_(static_cast<std::size_t>(std::ceil(std::max(0.0, slack - forced) / step_)) + 4),
        changeover_steps_(
            changeover >= 0.1 ? static_cast<std::size_t>(std::lround(changeover / step_)) : 0),
        horizon_(work + slack),
        cells_(works_ * layers_) {
    for (double ahead = 0; ahead <= horizon_ + kHoursPerRateSet; ahead += kHoursPerRateSet) {
      chains_.push_back(learnt.chain(ahead, step_));
    }
    for (std::size_t i = 1; i < works_; ++i) {
      for (std::size_t j = 0; j < layers_; ++j)
        solve(i, j);
    }
  }

  [[nodiscard]] bool covers(double work, double slack) const {
    return work / step_ <= static_cast<double>(works_ - 1) &&
           (slack - forced_) / step_ + 1 <= static_cast<double>(layers_ - 1);
  }

  [[nodiscard]] Costs costs(double work, double slack, std::size_t phase, bool is_on_demand) const {
    const double at_work = std::max(1.0, work / step_);
    const double at_slack = std::max(1.0, (slack - forced_) / step_ + 1);
    const auto i = std::min(static_cast<std::size_t>(at_work), works_ - 2);
    const auto j = std::min(static_cast<std::size_t>(at_slack), layers_ - 2);
    const double wi = std::min(1.0, at_work - static_cast<double>(i));
    const double wj = std::min(1.0, at_slack - static_cast<double>(j));
    Costs sum;
    for (std::size_t corner = 0; corner < 4; ++corner) {
      const double weight = (corner % 2 == 1 ? wi : 1 - wi) * (corner / 2 == 1 ? wj : 1 - wj);
      const std::size_t ci = i + corner % 2;
      const std::size_t cj = j + corner / 2;
      sum.idle += weight * static_cast<double>(chain(ci, cj).expect(at(ci, cj - 1).idle)[phase]);
      const ByPhase od = is_on_demand ? stay(ci, cj) : enter_on_demand(ci, cj);
      sum.on_demand += weight * static_cast<double>(od[phase]);
      if (phase >= kAgeBuckets)
        sum.spot += weight * static_cast<double>(enter_spot(ci, cj)[phase - kAgeBuckets]);
    }
    return sum;
  }

 private:
  [[nodiscard]] const Cell& at(std::size_t i, std::size_t j) const {
    return cells_[i * layers_ + j];
  }
  [[nodiscard]] const PhaseChain& chain(std::size_t i, std::size_t j) const {
    const double left =
        static_cast<double>(i) * step_ + forced_ + (static_cast<double>(j) - 1) * step_;
    const double ahead = std::max(0.0, horizon_ - left);
    return chains_[std::min(chains_.size() - 1,
                            static_cast<std::size_t>(ahead / kHoursPerRateSet))];
  }

  void solve(std::size_t i, std::size_t j) {
    Cell& cell = cells_[i * layers_ + j];
    cell.spot = chain(i, j).expect_spot(at(i - 1, j).spot, at(i - 1, j).idle);
    for (float& one : cell.spot)
      one += static_cast<float>(step_);
    const auto work = static_cast<float>(static_cast<double>(i) * step_);
    if (j == 0) {
      cell.idle.fill(ratio_ * (work + static_cast<float>(changeover_)));
      cell.on_demand.fill(ratio_ * work);
      return;
    }
    const ByPhase wait = chain(i, j).expect(at(i, j - 1).idle);
    const ByPhase enter = enter_on_demand(i, j);
    const ByPhase keep = stay(i, j);
    const ByAge spot = enter_spot(i, j);
    for (std::size_t p = 0; p < kPhases; ++p) {
      cell.idle[p] = std::min(wait[p], enter[p]);
      cell.on_demand[p] = std::min(keep[p], wait[p]);
      if (p < kAgeBuckets) continue;
      cell.idle[p] = std::min(cell.idle[p], spot[p - kAgeBuckets]);
      cell.on_demand[p] = std::min(cell.on_demand[p], spot[p - kAgeBuckets]);
    }
  }

  [[nodiscard]] ByPhase stay(std::size_t i, std::size_t j) const {
    ByPhase value = chain(i, j).expect(at(i - 1, j).on_demand);
    for (float& one : value)
      one += ratio_ * static_cast<float>(step_);
    return value;
  }

  // Layers that a changeover shorter than a step lies between, and how far towards the upper one.
  struct Between {
    std::size_t low;
    float share;
  };
  [[nodiscard]] Between short_changeover(std::size_t j) const {
    const double layer = std::max(0.0, static_cast<double>(j) - changeover_ / step_);
    const double low = std::floor(layer);
    return {.low = static_cast<std::size_t>(low), .share = static_cast<float>(layer - low)};
  }
  template <class Values>
  static Values blend(const Values& a, const Values& b, float share) {
    Values out{};
    for (std::size_t p = 0; p < out.size(); ++p)
      out[p] = a[p] + share * (b[p] - a[p]);
    return out;
  }

  [[nodiscard]] ByPhase enter_on_demand(std::size_t i, std::size_t j) const {
    ByPhase value{};
    if (changeover_steps_ == 0) {
      const Between x = short_changeover(j);
      const std::size_t high = std::min(x.low + 1, layers_ - 1);
      value =
          chain(i, j).expect(blend(at(i - 1, x.low).on_demand, at(i - 1, high).on_demand, x.share));
      for (float& one : value)
        one += ratio_ * static_cast<float>(step_ + changeover_);
      return value;
    }
    value = at(i, j - std::min(j, changeover_steps_)).on_demand;
    for (std::size_t n = 0; n < changeover_steps_; ++n)
      value = chain(i, j).expect(value);
    for (float& one : value)
      one += ratio_ * static_cast<float>(changeover_);
    return value;
  }

  [[nodiscard]] ByAge enter_spot(std::size_t i, std::size_t j) const {
    ByAge value{};
    if (changeover_steps_ == 0) {
      const Between x = short_changeover(j);
      const Cell& low = at(i - 1, x.low);
      const Cell& high = at(i - 1, std::min(x.low + 1, layers_ - 1));
      value = chain(i, j).expect_spot(blend(low.spot, high.spot, x.share),
                                      blend(low.idle, high.idle, x.share));
      for (float& one : value)
        one += static_cast<float>(step_ + changeover_);
      return value;
    }
    const Cell& cell = at(i, j - std::min(j, changeover_steps_));
    value = cell.spot;
    for (std::size_t n = 0; n < changeover_steps_; ++n)
      value = chain(i, j).expect_spot(value, cell.idle);
    for (float& one : value)
      one += static_cast<float>(changeover_);
    return value;
  }

  double step_;
  double changeover_;
  double forced_;
  float ratio_;
  std::size_t works_;
  std::size_t layers_;
  std::size_t changeover_steps_;
  double horizon_;
  std::vector<PhaseChain> chains_;
  std::vector<Cell> cells_;
};

class RefitProgramme final : public Policy {
 public:
  RefitProgramme(const JobTerms& job, Seconds tick, double on_demand_price)
      : job_(job), tick_(tick), on_demand_price_(on_demand_price) {}

  void see_history(const std::vector<ZoneView>& zones) override {
    learnt_.see(zones.front().available == true, in_hours(tick_));
  }
  void see(const TickView& view) override {
    learnt_.see(view.zones.front().available == true, in_hours(tick_));
  }

  Place decide(const TickView& view) override {
    if (view.place.is_spot()) return view.place;
    const double work = in_hours(view.work_left);
    const double slack = in_hours(view.time_left - view.work_left - view.changeover_left);
    const double forced = in_hours(2 * job_.changeover + tick_);
    if (slack < forced) return Place::on_demand();
    const bool is_due =
        !solved_ || view.elapsed - solved_at_ >= static_cast<Seconds>(kRefitHours * 3600);
    if (is_due || !solved_->covers(work, slack)) {
      const auto ratio = static_cast<float>(on_demand_price_ / view.zones.front().price);
      solved_ =
          std::make_unique<Solved>(learnt_, work, slack, in_hours(job_.changeover), forced, ratio);
      solved_at_ = view.elapsed;
    }
    const bool is_on_demand = view.place == Place::on_demand();
    const std::size_t phase = learnt_.phase();
    const Costs costs = solved_->costs(work, slack, phase, is_on_demand);
    Place best = view.place;
    double least = is_on_demand ? costs.on_demand : costs.idle;
    const auto offer = [&](Place place, double cost) {
      if (cost >= least) return;
      best = place;
      least = cost;
    };
    offer(Place::idle(), costs.idle);
    if (phase >= kAgeBuckets) offer(Place::spot(0), costs.spot);
    offer(Place::on_demand(), costs.on_demand);
    return best;
  }

 private:
  JobTerms job_;
  Seconds tick_;
  double on_demand_price_;
  Learnt learnt_;
  std::unique_ptr<Solved> solved_;
  Seconds solved_at_ = 0;
};

}  // namespace

std::unique_ptr<Policy> make_refit_programme(const JobTerms& job, Seconds tick,
                                             double on_demand_price) {
  return std::make_unique<RefitProgramme>(job, tick, on_demand_price);
}

}  // namespace spillway::regret
