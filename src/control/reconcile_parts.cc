#include "reconcile_parts.h"

#include <algorithm>

#include <spillway/control/notices.h>

namespace spillway::control {

void confirm_losses(Work& work, const Picture& picture,
                    const std::vector<Shared<kube::Pod>>& lost) {
  std::set<NodeName> nodes;
  for (const auto& pod : lost) {
    if (!pod->forced) nodes.insert(NodeName(pod->node.str()));
  }
  for (const NodeName& node : nodes) {
    if (picture.gone_by_word.contains(node)) continue;  // the cloud itself said so
    work.writes.insert(work.writes.begin(), ConfirmNodeGone{node});
  }
}

std::optional<ConfirmNotice> look_for_notice(const World& world, const std::set<NodeName>& nodes) {
  ConfirmNotice confirm;
  for (const NodeName& name : nodes) {
    const auto node = world.nodes.find({Namespace(), ObjectName(name.str())});
    if (node != nullptr && has_to_be_left(*node)) confirm.nodes.push_back(name);
  }
  if (confirm.nodes.empty()) return std::nullopt;
  return confirm;
}

void force_out(Work& work, const std::vector<Shared<kube::Pod>>& lost) {
  for (const auto& pod : lost) {
    if (pod->forced) continue;
    work.writes.emplace_back(DeleteObject{kube::kPods, pod->meta.key, pod->meta.uid,
                                          kube::Propagation::kBackground, std::chrono::seconds(0)});
  }
}

void confirm_current(Work& work, const kube::ResourceType& type, const ObjectMeta& meta) {
  const bool acts = std::ranges::any_of(work.writes, [](const Write& write) {
    const auto* deletion = std::get_if<DeleteObject>(&write);
    return std::holds_alternative<CreateChild>(write) ||
           std::holds_alternative<ApplyChild>(write) ||
           (deletion != nullptr && !(deletion->type == kube::kPods));
  });
  if (acts)
    work.writes.insert(work.writes.begin(), ConfirmCurrent{type, meta.key, meta.resource_version});
}

}  // namespace spillway::control
