#pragma once
// What work is expected to cost on an offering. The unit of every comparison is the expected
// dollars for a given amount of useful work of one replica (placement.md 10); dividing by that work
// gives dollars per useful hour.
//
// Until checkpoints exist, an interruption loses all work since the start. Work of `t`
// uninterrupted hours on machines whose life is exponential with mean E then takes E * (e^(t/E) -
// 1) machine hours in expectation, lost attempts included. The same formula answers for a running
// attempt with its remaining hours and the residual life: "stay" costs less than a fresh start
// elsewhere exactly when p * E_r * (e^(h/E_r) - 1) < cost of the fresh start, because what an
// interruption costs us is that fresh start (docs/placement.md derives it).

#include <limits>

#include <spillway/core/time.h>

namespace spillway::plan {

using Hours = std::chrono::duration<double, std::ratio<3600>>;

inline constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Machine hours, in expectation, until an uninterrupted stretch of that length has been had.
// Infinite when it overflows.
Hours expected_hours(Hours stretch, Hours mean_life);

// A pool as a choice for one kind of demand.
struct Rates {
  double usd = 0;  // per replica and hour, by the upper end of the price; 0 for reserved capacity,
                   // which is paid already
  double speed = 1;                // relative to the first-listed model
  Hours fresh_life{kInfinite};     // mean, of a node that starts now
  Hours residual_life{kInfinite};  // mean, of a node that runs now
};

// Both for one replica. `work` is in hours of the first-listed model.
double cost_from_scratch(const Rates& rates, Hours work, Hours restart_delay);
double cost_to_finish(const Rates& rates, Hours work_left);

// The cost from scratch is beyond every price.
bool hopeless(const Rates& rates, Hours work, Hours restart_delay);

// An inference replica has no end: dollars per useful hour when every life begins with `load` hours
// that serve nobody.
double serving_cost(const Rates& rates, Hours load);

}  // namespace spillway::plan
