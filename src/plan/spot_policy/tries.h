#pragma once
// What a launch on spot promises that may be refused: how likely it is to be served, and when it is
// worth giving up what runs for it.

#include <spillway/plan/hazard.h>

namespace spillway::plan {

// Expected rest, in hours, of a window or gap of this age at a scale: the integral of its survival.
[[nodiscard]] double mean_rest(double scale, double age_hours);

// The mean of the memoryless gap that is as likely as this one to end within its median rest. Gaps
// are heavy-tailed: the mean of the rest is that of the few that last, while the pause is reckoned
// anew, and longer, after each refusal.
[[nodiscard]] double typical_rest(double scale, double age_hours);

// Share of the time that an offering is there.
[[nodiscard]] double long_run_share(const HazardScale& scale);

// Chance that a launch is served within `hours` from the moment that a gap had this age: it has
// ended, and the offering is there, for which its share of the time stands. A launch is an order
// that stands. Never zero. `gap_scale` is HazardScale::gap.
[[nodiscard]] double chance_served(double gap_scale, double share, double gap_age_hours,
                                   double hours);

// The hours within which a period of this age ends with this chance, below one; at most `limit`.
[[nodiscard]] double ends_within(double scale, double age_hours, double chance, double limit);

// Hours from one try of a gap to the next. A try that is refused costs `cost`, one that comes late
// `saving` an hour, both in dollars; `gap_hours` is the typical rest of the gap. Looking every
// `pause` costs cost * gap / pause for refusals and saving * pause / 2 for lateness a gap, which is
// least at the root of 2 * cost * gap / saving. Infinite where nothing is saved.
[[nodiscard]] double pause_between_tries(double cost, double saving, double gap_hours);

}  // namespace spillway::plan
