#include "notices.h"

#include <algorithm>
#include <tuple>

namespace spillway::plan {

std::vector<Notice> one_per_node(std::vector<Notice> notices) {
  std::sort(notices.begin(), notices.end(), [](const Notice& a, const Notice& b) {
    return std::tie(a.node, a.kind, a.first_seen, a.source, a.deadline) <
           std::tie(b.node, b.kind, b.first_seen, b.source, b.deadline);
  });
  std::vector<Notice> merged;
  for (Notice& notice : notices) {
    if (merged.empty() || merged.back().node != notice.node) {
      merged.push_back(std::move(notice));
      continue;
    }
    std::optional<Instant>& deadline = merged.back().deadline;
    if (notice.deadline && (!deadline || *notice.deadline < *deadline)) deadline = notice.deadline;
  }
  return merged;
}

std::vector<bool> closed_nodes(const Snapshot& snapshot) {
  std::vector<bool> closed(snapshot.nodes.size());
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    const Node& node = snapshot.nodes[i];
    closed[i] = !node.usable || node.health != NodeHealth::kHealthy;
  }
  for (const Notice& notice : snapshot.notices)
    closed[notice.node] = true;
  return closed;
}

std::vector<const Notice*> notices_by_node(const Snapshot& snapshot) {
  std::vector<const Notice*> by_node;
  if (snapshot.notices.empty()) return by_node;
  by_node.resize(snapshot.nodes.size(), nullptr);
  for (const Notice& notice : snapshot.notices)
    by_node[notice.node] = &notice;
  return by_node;
}

std::vector<std::size_t> gone_nodes(const Snapshot& snapshot) {
  std::vector<std::size_t> gone;
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    if (snapshot.nodes[i].health == NodeHealth::kGone) gone.push_back(i);
  }
  return gone;
}

}  // namespace spillway::plan
