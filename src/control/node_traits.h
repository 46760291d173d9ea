#pragma once
// What of a Node decides which pods it takes, as the plan compares it. Pure.

#include <set>
#include <string>
#include <vector>

#include <spillway/kube/types.h>
#include <spillway/plan/snapshot.h>

namespace spillway::control {

// The labels that some template selects nodes by: others make no difference.
std::set<std::string> keys_asked_for(const std::vector<api::PodShape>& shapes);

plan::NodeTraits plan_traits(const Labels& labels, const kube::Node& node);

}  // namespace spillway::control
