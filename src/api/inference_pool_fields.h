#pragma once
// Field tables of InferencePool.

#include <spillway/api/inference_pool.h>

#include "field.h"
#include "template_rules.h"
#include "workload_fields.h"

namespace spillway::api {

template <>
struct Described<InferenceCapacity> {
  static constexpr auto fields =
      std::tuple(field("baseline", &InferenceCapacity::baseline,
                       "Replicas that are never on spot. More than spec.replicas counts as "
                       "spec.replicas; the condition Clamped says "
                       "so.",
                       {.defaulted = true, .minimum = 0, .maximum = kMaxReplicas}),
                 field("spotPercent", &InferenceCapacity::spot_percent,
                       "Share of the replicas above the baseline that may be on spot, in percent, "
                       "rounded down: 0 is for real-time "
                       "service, 90 for experiments.",
                       {.defaulted = true, .minimum = 0, .maximum = 100}));
  static constexpr std::array<Rule<InferenceCapacity>, 0> rules{};
};

template <>
struct Described<InferenceService> {
  static constexpr auto fields = std::tuple(
      field("port", &InferenceService::port, "Port of the Service.",
            {.defaulted = true, .minimum = 1, .maximum = 65'535}),
      field("targetPort", &InferenceService::target_port,
            "Port of the containers, by number or by name; absent means the same number as port.",
            {.minimum = 1, .maximum = 65'535, .format = &kPortName}));
  static constexpr std::array<Rule<InferenceService>, 0> rules{};
};

template <>
struct Described<InferenceDisruption> {
  static constexpr auto fields =
      std::tuple(field("minAvailable", &InferenceDisruption::min_available,
                       "Pods that an eviction has to leave running, as a number or a percentage "
                       "such as 50%: written into the "
                       "PodDisruptionBudget. Absent: one pod may be evicted at a time.",
                       {.minimum = 0, .maximum = kMaxReplicas}));
  static constexpr std::array<Rule<InferenceDisruption>, 0> rules{};
};

template <>
struct Described<InferencePoolSpec> {
  static constexpr auto fields = std::tuple(
      field("template", &InferencePoolSpec::pod_template,
            "Pod template of one replica (a Kubernetes PodTemplateSpec). The pool's node affinity "
            "and tolerations are added.",
            {.required = true}),
      field("replicas", &InferencePoolSpec::replicas,
            "Replicas to run. An autoscaler may own this field through the scale subresource; "
            "leave it out then.",
            {.defaulted = true, .minimum = 0, .maximum = kMaxReplicas}),
      field("accelerator", &InferencePoolSpec::accelerator, "Accelerators that a replica needs.",
            {.required = true}),
      field("tiers", &InferencePoolSpec::tiers, "Tiers that replicas may run on.",
            {.defaulted = true}),
      field("capacity", &InferencePoolSpec::capacity,
            "How much of the service may be on capacity that can be taken away.",
            {.defaulted = true}),
      field("service", &InferencePoolSpec::service,
            "Service in front of all replicas, whatever tier they are on.", {.defaulted = true}),
      field("disruption", &InferencePoolSpec::disruption, "What evictions have to leave running."),
      field("priority", &InferencePoolSpec::priority,
            "Who is placed first, and who may displace whom: higher goes first.",
            {.defaulted = true, .minimum = -1'000, .maximum = 1'000}),
      field("maxRate", &InferencePoolSpec::max_rate,
            "Most that all replicas together may cost, in US dollars per hour. Capacity that costs "
            "more is not taken.",
            {.format = &kAmount}),
      field("attribution", &InferencePoolSpec::attribution,
            "Who pays. The values become labels of every object and pod made for the service."));
  static constexpr std::array rules{template_is_understood<InferencePoolSpec>,
                                    accelerators_agree<InferencePoolSpec>};
};

template <>
struct Described<TierStatus> {
  static constexpr auto fields =
      std::tuple(field("pool", &TierStatus::pool, "CapacityPool of these replicas.",
                       {.required = true, .max_length = 63}),
                 field("tier", &TierStatus::tier, "Tier of the pool.", {.required = true}),
                 field("desired", &TierStatus::desired, "Replicas that are to run there.",
                       {.required = true, .minimum = 0}),
                 field("ready", &TierStatus::ready, "Replicas that are ready there.",
                       {.required = true, .minimum = 0}),
                 field("rate", &TierStatus::rate,
                       "What the desired replicas cost there, in US dollars per hour, when it was "
                       "decided; absent while the price is not "
                       "known.",
                       {.format = &kSignedAmount}),
                 field("since", &TierStatus::since, "When it was decided.",
                       {.required = true, .format = &kInstant}));
  static constexpr std::array<Rule<TierStatus>, 0> rules{};
};

template <>
struct Described<InferencePoolStatus> {
  static constexpr auto fields = std::tuple(
      field("observedGeneration", &InferencePoolStatus::observed_generation,
            "The metadata.generation that this status was computed for.", {.minimum = 0}),
      field("replicas", &InferencePoolStatus::replicas,
            "Pods that there are; the scale subresource shows it.", {.minimum = 0}),
      field("readyReplicas", &InferencePoolStatus::ready_replicas, "Pods that are ready.",
            {.minimum = 0}),
      field(
          "selector", &InferencePoolStatus::selector,
          "Label selector of the pods, as text; autoscalers read it through the scale subresource.",
          {.max_length = 1'024}),
      field("tiers", &InferencePoolStatus::tiers, "Where the replicas are.",
            {.max_items = 64, .list_key = "pool"}),
      field("summary", &InferencePoolStatus::summary, "The tiers in one line.",
            {.max_length = 128}),
      field("reason", &InferencePoolStatus::reason,
            "Why the replicas are where they are, in one sentence.", {.max_length = kMaxSentence}),
      field("alternatives", &InferencePoolStatus::alternatives,
            "The next best choices and what they would have cost.",
            {.max_items = kMaxAlternatives}),
      field("cost", &InferencePoolStatus::cost, "What the service costs and has cost."),
      field("conditions", &InferencePoolStatus::conditions,
            "Placed: there is a pool for every replica. Available: all replicas are ready. "
            "Clamped: a field asks for more "
            "than another allows.",
            {.max_items = kMaxConditions, .list_key = "type"}));
  static constexpr std::array<Rule<InferencePoolStatus>, 0> rules{};
};

template <>
struct Described<InferencePool> {
  static constexpr std::string_view doc =
      "InferencePool is a model server with replicas spread over capacity tiers: a baseline that "
      "stays, and the rest where it "
      "is cheapest within its promises. It is not the Gateway API kind of the same name.";
  static constexpr auto fields =
      std::tuple(field("spec", &InferencePool::spec,
                       "What is to be served, and within which limits.", {.required = true}),
                 field("status", &InferencePool::status,
                       "What the operator decided and observed; written by it alone."));
  static constexpr const TextFormat& name = kWorkloadName;
  static constexpr std::array columns{
      PrinterColumn{"Replicas", "integer", ".spec.replicas", "Replicas asked for"},
      PrinterColumn{"Ready", "integer", ".status.readyReplicas", "Replicas that are ready"},
      PrinterColumn{"Tiers", "string", ".status.summary", "Where the replicas are"},
      PrinterColumn{"USD/h", "string", ".status.cost.rate", "What the replicas cost now"},
      PrinterColumn{"Why", "string", ".status.conditions[?(@.type==\"Placed\")].reason",
                    "Why the replicas are where they are, in one word"},
      PrinterColumn{"Total USD", "string", ".status.cost.total",
                    "Cost up to the last change of the rate", true},
      PrinterColumn{"Reason", "string", ".status.reason", "Why the replicas are where they are",
                    true},
      PrinterColumn{"Age", "date", ".metadata.creationTimestamp",
                    "Time since the pool was created"}};
};

}  // namespace spillway::api
