#include <spillway/api/inference_pool.h>
#include <spillway/api/workload.h>

#include <algorithm>
#include <array>
#include <map>

#include <spillway/core/text.h>

#include "template_rules.h"

namespace spillway::api {

Labels attribution_labels(const Attribution& attribution) {
  Labels labels;
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) labels["spillway.dev/" + std::string(name)] = value;
  };
  put("team", attribution.team);
  put("project", attribution.project);
  put("environment", attribution.environment);
  put("cost-center", attribution.cost_center);
  put("feature", attribution.feature);
  put("customer", attribution.customer);
  put("model", attribution.model);
  return labels;
}

std::string summarize(const std::vector<TierStatus>& tiers) {
  std::map<Tier, std::int64_t> desired;
  for (const TierStatus& tier : tiers)
    desired[tier.tier] += tier.desired;
  std::vector<std::string> parts;
  for (const auto& [tier, count] : desired) {
    if (count > 0) parts.push_back(std::string(to_string(tier)) + " " + std::to_string(count));
  }
  return join(parts, ", ");
}

bool is_accelerator_resource(const ResourceName& resource) {
  static constexpr std::array<std::string_view, 6> kNames{
      "nvidia.com/gpu", "amd.com/gpu",      "habana.ai/gaudi",
      "google.com/tpu", "gpu.intel.com/xe", "aws.amazon.com/neuron"};
  return std::find(kNames.begin(), kNames.end(), resource.str()) != kNames.end();
}

std::optional<ResourceName> contradicting_resource(const PodShape& shape,
                                                   AcceleratorCount per_replica) {
  for (const auto& [resource, count] : shape.extended) {
    if (is_accelerator_resource(resource) && count != per_replica) return resource;
  }
  return std::nullopt;
}

std::string explain_contradiction(const PodShape& shape, AcceleratorCount per_replica) {
  const auto resource = contradicting_resource(shape, per_replica);
  if (!resource) return {};
  return "the template asks for " + std::to_string(shape.extended.at(*resource).value()) + " " +
         resource->str() + " but accelerator.perReplica is " + std::to_string(per_replica.value()) +
         ": leave the resource out of the template, where Spillway writes it, or ask for the same "
         "number";
}

}  // namespace spillway::api
