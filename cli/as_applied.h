#pragma once
// The world as it would be if manifests were applied to it now.

#include <set>
#include <string>
#include <vector>

#include <spillway/control/world.h>
#include <spillway/core/result.h>

#include "manifests.h"

namespace spillway::cli {

struct Applied {
  std::set<std::string> workloads;   // "TrainingJob team-a/llama": kind and key of what is in files
  std::vector<std::string> ignored;  // kinds of other groups, which the plan does not look at
};

// A new object is created at `now`; one that is there gets the file's spec and keeps its status, as
// kubectl apply does. kInvalidArgument where the API server would refuse: a field that cannot be
// changed, a deadline that has passed.
Result<Applied> apply_manifests(const std::vector<Manifest>& manifests, control::World& world,
                                Instant now);

}  // namespace spillway::cli
