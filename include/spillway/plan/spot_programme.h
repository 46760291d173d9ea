#pragma once
// The stochastic dynamic programme behind the spot policy, tabulated: what
// waiting, spot and on-demand are expected to cost a job from now to its end, by compute time left,
// slack, and age of the market's window or gap. It is computed once for (changeover, price ratio,
// hazard scale, failover) and shared by all jobs; outside the planning pass, some milliseconds
// each. Immutable once made; reading is safe from any thread.
//
// Unit of cost: one hour of spot. On-demand costs `price_ratio` an hour.
//
//   slack X = time to deadline - compute time left. A state is forced when X < 2 changeovers +
//   margin: only on-demand is safe. spot      an hour of work for 1; when the window ends the job
//   is idle (or, with the chance `failover`, another zone has
//             spot at that moment)
//   on-demand an hour of work for price_ratio; may be left
//   idle      slack passes, nothing is paid
//   enter     a changeover is paid at the price of what is entered, and takes that much slack
//
// Jobs larger than the table are scaled down to it at the same ratio of slack to work: there the
// ratio decides (fluctuations average out), and the table's own largest job is already near that
// limit.

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include <spillway/plan/hazard.h>

namespace spillway::plan {

struct ProgrammeTerms {
  double changeover_hours = 0.2;
  double price_ratio = 3;  // on-demand / spot, at least 1
  HazardScale scale;
  double failover = 0;      // chance that another zone has spot when a window ends
  double margin_hours = 0;  // slack that the policy keeps beyond two changeovers
  friend bool operator==(const ProgrammeTerms&, const ProgrammeTerms&);
};

// Expected cost to the end of the job of each thing to do now, in hours of spot.
struct ActionCosts {
  double wait = 0;        // idle for now
  double enter_spot = 0;  // 0 in a gap: it cannot be
  double enter_on_demand = 0;
  double stay_on_demand = 0;  // already on on-demand
  double stay_spot = 0;       // already on spot; 0 in a gap
};

class SpotProgramme {
 public:
  explicit SpotProgramme(const ProgrammeTerms& terms);

  [[nodiscard]] const ProgrammeTerms& terms() const { return terms_; }
  // Slack below which only on-demand is safe.
  [[nodiscard]] double forced_slack_hours() const;
  // `work_hours` > 0. Slack below the forced one is read as the forced one.
  [[nodiscard]] ActionCosts costs(double work_hours, double slack_hours, MarketState state,
                                  std::size_t age_bucket) const {
    return costs(locate(work_hours, slack_hours), state, age_bucket);
  }

  // Where work and slack lie in the table: found once for every state and age, and for every table
  // with the same changeover and margin.
  struct Place {
    std::size_t work = 0;
    std::size_t slack = 0;
    double work_share = 0;  // of the next row
    double slack_share = 0;
    double unit = 1;  // what costs are multiplied with: larger jobs are scaled down
  };
  [[nodiscard]] Place locate(double work_hours, double slack_hours) const;
  [[nodiscard]] ActionCosts costs(const Place& place, MarketState state,
                                  std::size_t age_bucket) const;
  [[nodiscard]] std::size_t bytes() const { return costs_.size() * sizeof(PhaseCosts); }

 private:
  // The costs at one work and slack in one phase of the market, in the order of ActionCosts; in a
  // gap there is nothing to enter or to stay on.
  using PhaseCosts = std::array<float, 5>;
  friend class ProgrammeSolver;

  // Where the costs of a phase begin: by work, then by slack. Those of one phase lie together,
  // because jobs that ask one after the other see the same market, and wait for memory else.
  [[nodiscard]] std::size_t start_of(MarketState state, std::size_t age_bucket) const {
    const std::size_t phase = (state == MarketState::kWindow ? kAgeBuckets : 0) + age_bucket;
    return phase * works_.size() * slacks_.size();
  }

  ProgrammeTerms terms_;
  std::vector<double> works_;   // hours, ascending: the work of each row of samples
  std::vector<double> slacks_;  // hours beyond the forced slack, ascending from 0
  std::vector<PhaseCosts> costs_;
};

}  // namespace spillway::plan
