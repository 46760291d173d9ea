#pragma once
// What work is expected to cost on an offering. The unit of every comparison is the expected
// dollars for a given amount of useful work of one replica; dividing by that work
// gives dollars per useful hour.
//
// Without checkpoints an interruption loses all work since the start. Work of `t`
// uninterrupted hours on machines whose life is exponential with mean E then takes E * (e^(t/E) -
// 1) machine hours in expectation, lost attempts included. The same formula answers for a running
// attempt with its remaining hours and the residual life: "stay" costs less than a fresh start
// elsewhere exactly when p * E_r * (e^(h/E_r) - 1) < cost of the fresh start, because what an
// interruption costs us is that fresh start (docs/placement.md derives it).

#include <limits>
#include <optional>

#include <spillway/core/time.h>

namespace spillway::plan {

using Hours = std::chrono::duration<double, std::ratio<3600>>;

inline constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Machine hours, in expectation, until an uninterrupted stretch of that length has been had.
// Infinite when it overflows.
Hours expected_hours(Hours stretch, Hours mean_life);

// How a job saves on the way.
struct Saving {
  Hours interval{0};   // between checkpoints: what a loss without a save can cost at most
  Hours save{0};       // what one takes
  double rescued = 0;  // share of losses before which a save asked for at the notice succeeds
  // Expected per loss.
  [[nodiscard]] Hours rework() const { return interval / 2 * (1 - rescued) + save * rescued; }
};

// Machine hours, in expectation, for `stretch` of work after a start when it is saved on the way:
// an interruption costs another start and what was not saved. Without rescue that is Daly's
// formula, interval by interval; it meets expected_hours() where the interval is the whole work.
Hours expected_hours_saved(Hours stretch, Hours start, const Saving& saving, Hours mean_life);

// A pool as a choice for one kind of demand.
struct Rates {
  double usd = 0;  // per replica and hour, by the upper end of the price; 0 for reserved capacity,
                   // which is paid already
  double speed = 1;                // relative to the first-listed model
  Hours fresh_life{kInfinite};     // mean, of a node that starts now
  Hours residual_life{kInfinite};  // mean, of a node that runs now
};

// What is to be done, in hours of the first-listed model.
struct Effort {
  Hours work{0};
  Hours start{0};                  // of every attempt: provisioning, image, set-up
  std::optional<Saving> saving{};  // nullopt: an interruption loses everything since the start
};

// All for one replica. From an attempt's start, and from where an attempt is that runs.
Hours hours_from_start(const Rates& rates, const Effort& effort);
double cost_from_start(const Rates& rates, const Effort& effort);
// A lower bound of cost_from_start that takes no exponential.
double least_cost_from_start(const Rates& rates, const Effort& effort);
double cost_to_finish(const Rates& rates, const Effort& effort);

// The cost from the start is beyond every price.
bool hopeless(const Rates& rates, const Effort& effort);

// An inference replica has no end: dollars per useful hour when every life begins with `load` hours
// that serve nobody.
double serving_cost(const Rates& rates, Hours load);

}  // namespace spillway::plan
