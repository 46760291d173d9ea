#pragma once
// Spot pools that were lately without capacity: a launch failed there, or the last node was taken.
// Gaps last as the hazard says (hazard.h): the older one is, the longer it will last. Such a pool
// is doubted, and used only where no other will do, until it is more likely than not that its gap
// has ended. So a location that lost or refused comes back by time, never not (SpotHedge keeps it
// out until something happens to succeed there).

#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// The instant from which on capacity is there again with a probability of one half; long ago for a
// pool that was not seen without.
Instant likely_back_at(const Pool& pool);

}  // namespace spillway::plan
