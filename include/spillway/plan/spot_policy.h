#pragma once
// Where a job with a deadline runs next: it stays, starts or moves to a spot offering, goes to
// on-demand, or waits. One pure function, the same for the operator and for the measurements of
// docs/policy-quality.md.
//
// Every possibility is priced as the expected cost of the whole rest of the job, in dollars, from
// the tabulated programme (spot_programme.h): its window or gap's age says how long capacity lasts,
// the slack what a loss would cost. Where offerings differ in price, an offering costs the
// difference to the expected later price for as long as its own window is expected to last, a
// dearer one at most until a cheaper one comes up. So choosing a zone, moving, waiting and
// on-demand are compared in one currency. The cheapest wins; a tie keeps what is, and leaving
// running spot for other spot, or spot on offer for waiting, has to gain a quarter of a changeover.
// Spot at or above the on-demand price is launched only when that is the last resort
// (kOnlyPossible).
//
// Where a refused launch takes time (SpotJob::refused_after), it costs slack, and whoever gave up
// something for it another start. Offerings are then tried in the order of their cost with the
// refusals to be expected before one launch is served, cost + refusal * (1 - chance) / chance
// (Weitzman's index, Econometrica 1979), by the chance that an offering which was last seen in a
// gap is back; and running spot is left only if that pays too. Whether to try at all is decided
// without it: the programme sees offerings come back for nothing, on whatever footing, so that
// charging launches alone would favour on-demand.
//
// The deadline is a wall, not a cost: when the time left no longer holds the work, two changeovers
// and the margin ("forced"), on-demand is the only answer, unless the job is on spot already, which
// may go on until its window ends (the thrifty rule), or, begun while on-demand was stocked out,
// until on-demand is back. A job whose `work_left` shrinks as it runs is meant, that is one with
// checkpoints; work that an interruption would lose belongs into `changeover`.

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include <spillway/core/money.h>
#include <spillway/core/time.h>
#include <spillway/plan/hazard.h>
#include <spillway/plan/programme_library.h>

namespace spillway::plan {

// What is known of an offering's availability. It is learnt from own launches, losses and other
// jobs' nodes.
struct SpotSight {
  std::optional<MarketState> state;  // when last seen; nullopt = never seen
  Duration age{};                    // of that window or gap when last seen
  Duration seen_ago{};               // zero: it is so now
};

struct SpotOffer {
  HourlyRate price;  // of all replicas, as it is to be reckoned with (NodePrice::upper)
  SpotSight sight;
  HazardScale scale;       // HazardMemory::scale, or {} when nothing was learnt
  bool may_launch = true;  // false: it is known to fail now, or is not to be tried yet
};

struct SpotMarket {
  HourlyRate on_demand;             // of all replicas
  bool on_demand_available = true;  // false: stocked out now
  std::vector<SpotOffer> offers;
};

enum class Footing { kNothing, kOnDemand, kSpot };

struct SpotJob {
  Duration work_left{};        // compute time still needed
  Duration time_left{};        // to the deadline
  Duration changeover{};       // what every start costs: provisioning, set-up, work done twice
  Duration changeover_left{};  // of the start that is under way
  Duration patience{};         // the time until the next decision, at most; above zero
  // How long a launch on spot takes to be refused; what runs is given up for it. Zero: it is
  // refused at once, and costs nothing.
  Duration refused_after{};
  Duration margin{};  // slack kept for an on-demand launch that takes long or has to be repeated
  Footing footing = Footing::kNothing;
  std::size_t offer = 0;  // where it runs, with Footing::kSpot
};

enum class SpotMove {
  kStay,        // where it runs
  kLaunchSpot,  // on SpotChoice::offer; from a running instance: a move. Should the launch fail,
                // mark the sight and ask again
  kLaunchOnDemand,
  kWait,  // hold nothing
};

enum class SpotReason {
  kCheapest,      // by expected cost
  kForced,        // the deadline leaves nothing else
  kDone,          // no work is left
  kOnlyPossible,  // on-demand is stocked out
};

struct SpotChoice {
  SpotMove move = SpotMove::kWait;
  std::size_t offer = 0;  // of kLaunchSpot
  SpotReason reason = SpotReason::kCheapest;
  Duration ask_again_in{};  // when to decide again although nothing happened
  // Expected dollars to the end of the job, for explanations: estimates, never charged. nullopt =
  // not possible or not reckoned.
  std::optional<double> spot_dollars;
  std::optional<double> on_demand_dollars;
  std::optional<double> wait_dollars;
};

// A market prepared for many jobs with one changeover: what does not depend on the job is reckoned
// once. choose_spot_move is the use of it for one job. Immutable; safe from any thread.
class SpotMarketView {
 public:
  SpotMarketView(SpotMarket market, Duration changeover, const ProgrammeLibrary& library);
  SpotMarketView(SpotMarketView&&) noexcept;
  SpotMarketView& operator=(SpotMarketView&&) noexcept;
  ~SpotMarketView();

  [[nodiscard]] const SpotMarket& market() const;
  // `job.changeover` has to be the view's. `closed` marks offers that may not be launched for this
  // job although the market says so; empty: none.
  [[nodiscard]] SpotChoice choose(const SpotJob& job, const std::vector<bool>& closed = {}) const;

 private:
  friend class SpotDecision;
  struct Prepared;
  std::unique_ptr<const Prepared> prepared_;
};

[[nodiscard]] SpotChoice choose_spot_move(const SpotJob& job, const SpotMarket& market,
                                          const ProgrammeLibrary& library);

// The test of the wall, for callers that need it alone: on-demand must start now. Decisions fall at
// whole multiples of `patience` before the deadline; equality is unsafe.
[[nodiscard]] bool is_forced(const SpotJob& job);

}  // namespace spillway::plan
