#pragma once
// Deadlines: never missed if they can be met (Wu et al., NSDI 2024, "Can't Be Late").
//
// C is the compute time that an attempt which starts anew still needs: all of the job's while
// nothing is saved, because an interruption puts it back to the start; with checkpoints, what the
// newest verified one does not hold. R is the time to the deadline, d what a start costs. Two rules
// follow.
//
//   Safety net   From R < C + 2d + one failed launch on, only capacity that is not taken away will
//   do. Equality is unsafe.
//                Without checkpoints a job that is on spot then has to give up what it did, so it
//                must not get there: spot is allowed only while a whole attempt on it would end
//                before the net closes. With checkpoints C shrinks as work is saved, so spot may be
//                entered while R also holds what can be unsaved at once, an interval and a save.
//                It is left when the net closes all the same: because nothing has been verified.
//   Uniform      On-demand is bought while less is done than the line from creation to deadline
//   asks for. Without checkpoints nothing that waits progress     has anything done, so a waiting
//   job is behind as soon as the line leaves zero; it is given one start, so that the first unlucky
//                minute does not buy on-demand. Once on-demand, going back to spot costs all
//                progress: the general rule on moves decides it.
//
// Where no reserved or on-demand pool could ever serve the job, its tiers were its user's choice:
// spot is used as it comes.

#include <optional>

#include <spillway/plan/plan.h>

#include "catalogue.h"

namespace spillway::plan {

// How long that much work takes there, in whole milliseconds: deadlines are compared exactly.
inline Duration time_for(Hours work, double speed) {
  return std::chrono::ceil<Duration>(work / speed);
}
inline Duration time_for(Hours work, const Offer& offer) {
  return time_for(work, offer.rates.speed);
}

class DeadlineRule {
 public:
  // For a job without a deadline everything is allowed.
  DeadlineRule(const TrainingWorkload& job, const DemandKind& kind, Instant now,
               const Config& config);

  [[nodiscard]] bool exists() const { return deadline_.has_value(); }
  // May a fresh attempt start there? Reserved and on-demand: it would end in time. Spot: see above.
  [[nodiscard]] bool allows_start(const Offer& offer) const;
  // Must the attempt that is on spot leave it now? Not when it is too late to meet the deadline
  // from its next start: then finishing where it is, is the better hope. `ends` is when it is
  // expected to finish; it does not count with checkpoints, where work that is not verified is no
  // promise.
  [[nodiscard]] bool must_leave_spot(Instant ends) const;
  // May the attempt be ended and the job still be in time from the start again?
  [[nodiscard]] bool survives_restart() const;
  // Behind the uniform-progress line: no waiting for spot any more.
  [[nodiscard]] bool behind() const;

  // Instants at which the answers change by themselves.
  [[nodiscard]] std::optional<Instant> behind_at() const;
  [[nodiscard]] std::optional<Instant> spot_start_closes_at(double speed) const;
  [[nodiscard]] std::optional<Instant> net_closes_at() const;

 private:
  [[nodiscard]] Duration attempt(double speed) const { return time_for(work_, speed) + delay_; }

  std::optional<Instant> deadline_;
  Instant now_;
  Instant created_at_{};
  Hours work_{0};
  Duration delay_{0};
  Duration launch_{0};
  Duration left_{0};
  bool saves_ = false;
  Duration unsaved_{0};  // that there can be at once
  double done_ = 0;      // share of the work that is saved
  std::optional<Duration>
      safe_attempt_;  // the shortest on capacity that is not taken away, restart delay included
};

}  // namespace spillway::plan
