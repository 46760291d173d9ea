#pragma once
// Which nodes will go or are gone, and what that means for those who run on them.

#include <cstddef>
#include <vector>

#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// By node: it takes no new pods.
std::vector<bool> closed_nodes(const Snapshot& snapshot);

// By node: its notice, or null. A hint (kRebalance) is one too.
std::vector<const Notice*> notices_by_node(const Snapshot& snapshot);

// Confirmed not to exist any more, in the order of the snapshot.
std::vector<std::size_t> gone_nodes(const Snapshot& snapshot);

}  // namespace spillway::plan
