#pragma once
// Spot pools that were lately seen without capacity: how much they are doubted, and for how long.
// Pure.

#include <cstddef>
#include <map>

#include <spillway/core/time.h>
#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// The instant from which on the pool is more likely than not to have capacity again: its gap has
// lasted `seen_age` at `seen_at`, and ends by the same hazard that the spot policy reckons with
// (hazard.h), at the rate that was learnt of it. Time alone brings it back. The distant past for a
// pool that was not seen without.
Instant likely_back_at(const Pool& pool);

// Chance that a launch begun now is served before it times out: by what was last seen of the pool
// and its hazard. A launch is an order that stands, so that a gap may end under it. One where
// nothing speaks against the pool.
double chance_of_launch(const Pool& pool, Instant now, Duration launch_timeout);

// What hangs on a launch for which something that runs is given up, in dollars.
struct Stake {
  double saving = 0;   // an hour, for as long as it lasts
  double start = 0;    // of a launch that is served
  double refusal = 0;  // of one that is not
};

// The instant from which on it pays to give up what runs for a launch on a pool that was lately
// without capacity: not more often than the saving is worth the refusals, and not before the launch
// is likely enough to be served. The distant past where nothing speaks against the pool; a day
// after the last sight at the latest, so that no pool is given up for ever.
Instant worth_a_try_at(const Pool& pool, const Stake& stake, Duration launch_timeout);

// Spot pools of which the cloud has said that it takes every node back, and since when: what is
// launched there from then on finds the gap that these nodes are taken for.
std::map<std::size_t, Instant> pools_taken_back(const Snapshot& snapshot);

}  // namespace spillway::plan
