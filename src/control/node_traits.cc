#include "node_traits.h"

namespace spillway::control {
namespace {

api::TaintEffect effect_of(std::string_view text) {
  const auto effect = api::parse_enum<api::TaintEffect>(text);
  return effect ? *effect : api::TaintEffect::kNoSchedule;  // an unknown effect keeps pods away
                                                            // rather than attracts them
}

}  // namespace

std::set<std::string> keys_asked_for(const std::vector<api::PodShape>& shapes) {
  std::set<std::string> keys;
  for (const api::PodShape& shape : shapes) {
    for (const auto& [key, value] : shape.node_selector)
      keys.insert(key);
    if (!shape.node_affinity) continue;
    for (const api::NodeSelectorTerm& term : *shape.node_affinity) {
      for (const api::NodeRequirement& requirement : term.labels)
        keys.insert(requirement.key);
    }
  }
  return keys;
}

plan::NodeTraits plan_traits(const Labels& labels, const kube::Node& node) {
  plan::NodeTraits traits{.labels = labels};
  for (const kube::Taint& taint : node.taints) {
    traits.taints.push_back({.key = taint.key.str(),
                             .value = taint.value.str(),
                             .effect = effect_of(taint.effect.view())});
  }
  return traits;
}

}  // namespace spillway::control
