#pragma once
// A notice as it stands on a Node: one taint and two annotations of ours, nothing else
// (api/agent_protocol.h). Pure.

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/time.h>

#include "metadata.h"

namespace spillway::agent {

// With the deadline made absolute at the first sight.
struct NodeMark {
  EndKind kind = EndKind::kInterruption;
  std::optional<Instant> deadline;
  friend bool operator==(const NodeMark&, const NodeMark&) = default;
};
NodeMark mark_of(const MachineNotice& notice, Instant first_seen);

// The merge patch that makes the Node say `wanted` (nullopt: nothing); nullopt when it does
// already. Other taints and annotations stay. A deadline never moves to a later time while a taint
// of the same kind is there.
std::optional<nlohmann::json> patch_for(const nlohmann::json& node,
                                        const std::optional<NodeMark>& wanted,
                                        const std::string& source);

}  // namespace spillway::agent
