#pragma once
// Replicas of services on nodes that are about to go. At the notice they stop counting, so that
// their place is asked for elsewhere at once; they serve until as many others do, or until the
// deadline leaves no more than the time to drain. The plan is told what was counted out already
// (InferenceAllocation::leaving), so a notice is acted on once, however often it is seen.

#include <vector>

#include "pass.h"

namespace spillway::plan {

// What a pool's share is without the replicas that have to leave it.
Share share_that_stays(const Pass& pass, const InferenceAllocation& allocation);

// Counts what serves now: `ready`, `served_by_spot` and `whole` of the service.
void note_serving(const Pass& pass, Service& service);

// From when on a replica that has been bound since then, and is not ready, is not loading but ill.
Instant ill_from(const Pass& pass, Instant bound_at);

// Replicas of an allocation that serve, or are ill: nothing stands in for those.
std::int64_t serving_on(const Pass& pass, const InferenceAllocation& allocation);

// Replicas that serve beyond their pool's share and are to go on until others do in their place.
std::vector<Kept> kept_of(const Pass& pass, const Service& service);

// Who is to end now; says when to look again for the others.
std::vector<Drain> drains_of(Pass& pass, const Service& service);

// Replicas on nodes that are about to go, by the pool they are on.
std::int64_t leaving_on(const Pass& pass, const InferenceAllocation& allocation);

}  // namespace spillway::plan
