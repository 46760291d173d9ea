#include "constraints.h"

#include <algorithm>

namespace spillway::plan {
namespace {

constexpr const char* kHostName = "kubernetes.io/hostname";

bool holds(const api::NodeRequirement& requirement, const std::string& value) {
  api::PodShape probe;
  probe.node_affinity = {{.labels = {requirement}}};
  return api::selects(probe, NodeName(), {{requirement.key, value}});
}

bool contradicts(const api::NodeSelectorTerm& term, const Labels& selector) {
  return std::any_of(
      term.labels.begin(), term.labels.end(), [&](const api::NodeRequirement& requirement) {
        if (requirement.key == kHostName && requirement.op == api::NodeSelectorOperator::kIn)
          return true;
        const auto known = selector.find(requirement.key);
        return known != selector.end() && !holds(requirement, known->second);
      });
}

}  // namespace

bool tolerates_all(const api::PodShape& shape, const Pool& pool, const NodeTraits& traits) {
  return std::all_of(traits.taints.begin(), traits.taints.end(), [&](const api::Taint& taint) {
    return taint.effect == api::TaintEffect::kPreferNoSchedule ||
           api::tolerates(shape.tolerations, taint) || api::tolerates(pool.tolerations, taint);
  });
}

bool names_nodes(const api::PodShape& shape) {
  if (!shape.node_affinity) return false;
  return std::any_of(shape.node_affinity->begin(), shape.node_affinity->end(),
                     [](const api::NodeSelectorTerm& term) { return !term.fields.empty(); });
}

bool contradicts(const api::PodShape& shape, const Labels& selector) {
  if (shape.node_selector.contains(kHostName)) return true;
  for (const auto& [key, value] : shape.node_selector) {
    const auto known = selector.find(key);
    if (known != selector.end() && known->second != value) return true;
  }
  if (!shape.node_affinity) return false;
  return std::all_of(shape.node_affinity->begin(), shape.node_affinity->end(),
                     [&](const api::NodeSelectorTerm& term) {
                       return !term.fields.empty() || contradicts(term, selector);
                     });
}

}  // namespace spillway::plan
