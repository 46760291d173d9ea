#pragma once
// What chains of requests for workloads of all kinds have in common.

#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <spillway/control/work.h>

namespace spillway::control {

template <class Kind>
Shared<Kind> with_status(const Shared<Kind>& object, decltype(Kind::status) status) {
  auto changed = std::make_shared<Kind>(*object);
  changed->status = std::move(status);
  return changed;
}

// What was concluded from the loss of nodes rests on caches; the chain begins with a look.
void confirm_losses(Work& work, const Picture& picture, const std::vector<Shared<kube::Pod>>& lost);

// So does what was concluded from what nodes say. Of these the ones to look at before something
// ends for it: none where the cloud's queue said it, and not their objects.
std::optional<ConfirmNotice> look_for_notice(const World& world, const std::set<NodeName>& nodes);

// No kubelet will end them: without force they stay for as long as Kubernetes' garbage collector
// takes to notice (about a minute), and nothing can take their place.
void force_out(Work& work, const std::vector<Shared<kube::Pod>>& lost);

// A chain that no status write begins acts on a decision that was recorded earlier: it begins with
// a look whether that is still the decision.
void confirm_current(Work& work, const kube::ResourceType& type, const ObjectMeta& meta);

}  // namespace spillway::control
