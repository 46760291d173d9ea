#pragma once
// Spot pools that were lately seen without capacity: how much they are doubted, and for how long.
// Pure.

#include <optional>

#include <spillway/core/time.h>
#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// What is reckoned with of a spot pool that was last seen in a gap, by the hazard that the spot
// policy reckons with (hazard.h), at the rates that were learnt of it. Times in hours.
struct Doubt {
  Instant seen_at{};
  double age = 0;       // of the gap when last seen
  double gap_rate = 1;  // HazardScale::gap
  double gap_rest = 0;  // typical, from then on
  double stay = 0;      // expected length of a window
  double share = 1;     // of the time that it is there

  // More likely than not it has capacity again: time alone brings it back.
  [[nodiscard]] Instant likely_back_at() const;
};

// Nullopt where nothing speaks against the pool.
std::optional<Doubt> doubt_of(const Pool& pool);

// Chance that a launch begun now is served before it times out. A launch is an order that stands,
// so that a gap may end under it. One where the last sight was a day ago.
double chance_of_launch(const Doubt& doubt, Instant now, Duration launch_timeout);

// What hangs on a launch for which something that runs is given up, in dollars.
struct Stake {
  double saving = 0;   // an hour, for as long as it lasts
  double start = 0;    // of a launch that is served
  double refusal = 0;  // of one that is not
};

// The instant from which on what runs may be given up for a launch there, to be not more often than
// the saving is worth the refusals.
Instant next_try_at(const Doubt& doubt, const Stake& stake);

// The instant from which on that pays: from next_try_at on, and not before the launch is likely
// enough to be served. A day after the last sight at the latest, so that no pool is given up for
// ever.
Instant worth_a_try_at(const Doubt& doubt, const Stake& stake, Duration launch_timeout);

}  // namespace spillway::plan
