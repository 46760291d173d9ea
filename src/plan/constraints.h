#pragma once
// May a pod of a template go to a node of a pool? The rules are the scheduler's
// (api/pod_template.h); here they are applied to what the pool adds to a pod (tolerations) and to
// nodes of which little is known.

#include <spillway/plan/snapshot.h>

namespace spillway::plan {

// No taint of the node keeps a pod of this shape away, with the tolerations of the pool added to
// its own.
bool tolerates_all(const api::PodShape& shape, const Pool& pool, const NodeTraits& traits);

// The template names nodes by metadata.name, so that nodes with equal labels are not equal to it.
bool names_nodes(const api::PodShape& shape);

// Can no node that is yet to come satisfy the template, judged by the labels that all nodes of the
// pool carry? Labels that the pool does not speak of are unknown and exclude nothing; a host name
// cannot be asked of a node that has none yet.
bool contradicts(const api::PodShape& shape, const Labels& selector);

}  // namespace spillway::plan
