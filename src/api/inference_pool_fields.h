#pragma once
// Field tables of InferencePool.

#include <spillway/api/inference_pool.h>

#include "field.h"
#include "inference_names.h"
#include "schedule_fields.h"
#include "template_rules.h"
#include "workload_fields.h"

namespace spillway::api {

template <>
struct Described<InferenceCapacity> {
  static constexpr auto fields = std::tuple(
      field("baseline", &InferenceCapacity::baseline,
            "Replicas that are never on spot. More than spec.replicas counts as "
            "spec.replicas; the condition Clamped says "
            "so.",
            {.defaulted = true, .minimum = 0, .maximum = kMaxReplicas}),
      field("spotPercent", &InferenceCapacity::spot_percent,
            "Share of the replicas above the baseline that may be on spot, in percent, "
            "rounded down: 0 is for real-time "
            "service, 90 for experiments.",
            {.defaulted = true, .minimum = 0, .maximum = 100}),
      field("overprovision", &InferenceCapacity::overprovision,
            "Replicas on spot beyond its share, so that losing that many is no loss. "
            "They are never on another tier; without a spot share there are none.",
            {.defaulted = true, .minimum = 0, .maximum = 1'000}),
      field("fallback", &InferenceCapacity::fallback,
            "When on-demand stands in for the spot share. WhileNotReady: for every "
            "replica of it that is not ready, so that starting and loading are covered. "
            "WhileUnavailable: only for replicas that no spot pool can take. Never: not "
            "at all.",
            {.defaulted = true}),
      field("survives", &InferenceCapacity::survives,
            "What may be lost at once, without a notice, with as many replicas ready "
            "afterwards as disruption.minAvailable says (all of them without it). Spare: "
            "overprovision replicas of the spot share. ZoneLoss: all of it that is in "
            "any one zone; it is spread over zones, with the cheapest number of further "
            "replicas, or on on-demand, for that.",
            {.defaulted = true}));
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
                       "such as 50%: written into the PodDisruptionBudget, and what "
                       "capacity.survives promises. Absent: one pod may be evicted at a time, and "
                       "all replicas are promised.",
                       {.minimum = 0, .maximum = kMaxReplicas}),
                 field("drainSeconds", &InferenceDisruption::drain_seconds,
                       "Time that a replica gets to finish its requests after SIGTERM, as far as a "
                       "notice leaves it. It becomes the pods' terminationGracePeriodSeconds "
                       "unless the template has one. Absent: what the template says.",
                       {.minimum = 1, .maximum = 3'600}));
  static constexpr std::array<Rule<InferenceDisruption>, 0> rules{};
};

template <>
struct Described<EndpointPicker> {
  static constexpr auto fields =
      std::tuple(field("name", &EndpointPicker::name,
                       "Service of the endpoint picker, in the namespace of the pool.",
                       {.required = true, .format = &kLabelValue}),
                 field("port", &EndpointPicker::port, "Port of that Service.",
                       {.defaulted = true, .minimum = 1, .maximum = 65'535}),
                 field("failureMode", &EndpointPicker::failure_mode,
                       "What the gateway does while the endpoint picker does not answer: FailClose "
                       "refuses requests, FailOpen chooses an endpoint itself.",
                       {.defaulted = true}));
  static constexpr std::array<Rule<EndpointPicker>, 0> rules{};
};

template <>
struct Described<InferenceGateway> {
  static constexpr auto fields =
      std::tuple(field("targetPort", &InferenceGateway::target_port,
                       "Port of the containers that gateways send requests to. Absent: the number "
                       "of service.targetPort, or else of service.port.",
                       {.minimum = 1, .maximum = 65'535}),
                 field("endpointPicker", &InferenceGateway::endpoint_picker,
                       "The extension that chooses an endpoint for each request; most gateways "
                       "need one."));
  static constexpr std::array<Rule<InferenceGateway>, 0> rules{};
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
      field("gateway", &InferencePoolSpec::gateway,
            "Creates the Gateway API's InferencePool (inference.networking.k8s.io/v1) of the same "
            "name beside the Service, and keeps it in step. An empty object is enough."),
      field("priority", &InferencePoolSpec::priority,
            "Who is placed first, and who may displace whom: higher goes first.",
            {.defaulted = true, .minimum = -1'000, .maximum = 1'000}),
      field("maxRate", &InferencePoolSpec::max_rate,
            "Most that all replicas together may cost, in US dollars per hour. Capacity that costs "
            "more is not taken.",
            {.format = &kAmount}),
      field("schedule", &InferencePoolSpec::schedule,
            "When the service runs; outside of these windows it sleeps with no replicas, and "
            "spec.replicas stays as it is. Goes before the hours of a CostPolicy."),
      field("attribution", &InferencePoolSpec::attribution,
            "Who pays. The values become labels of every object and pod made for the service."));
  static constexpr std::array rules{
      Rule<InferencePoolSpec>{
          "!has(self.gateway) || has(self.gateway.targetPort) || !has(self.service.targetPort) || "
          "type(self.service.targetPort) == int",
          "write gateway.targetPort: a gateway needs a number, and service.targetPort is a name",
          [](const InferencePoolSpec& spec) {
            return !spec.gateway || spec.gateway->target_port || !spec.service.target_port ||
                   std::holds_alternative<std::int32_t>(*spec.service.target_port);
          }},
      template_is_understood<InferencePoolSpec>, accelerators_agree<InferencePoolSpec>};
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
                 field("leaving", &TierStatus::leaving,
                       "Replicas on nodes that are about to go, beyond desired: they serve until "
                       "others do, or until there is only time to drain.",
                       {.minimum = 0}),
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
      field("awake", &InferencePoolStatus::awake,
            "Whether the service may run now. Absent: nothing ever puts it to sleep."),
      field("nextTransition", &InferencePoolStatus::next_transition,
            "When awake changes next; absent when it never does.", {.format = &kInstant}),
      field("awakeReason", &InferencePoolStatus::awake_reason,
            "Who says so: a schedule, a policy, a holiday, or the person who asked.",
            {.max_length = kMaxSentence}),
      field("conditions", &InferencePoolStatus::conditions,
            "Placed: there is a pool for every replica. Available: all replicas are ready. "
            "Degraded: less than was asked for is ready, or on a dearer tier than was asked for, "
            "and why. Clamped: a field asks for more than another allows. GatewayPool: the Gateway "
            "API's InferencePool is in step.",
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
      PrinterColumn{"Awake", "boolean", ".status.awake", "Whether it may run now", true},
      PrinterColumn{"Next", "string", ".status.nextTransition", "When that changes", true},
      PrinterColumn{"Total USD", "string", ".status.cost.total",
                    "Cost up to the last change of the rate", true},
      PrinterColumn{"Reason", "string", ".status.reason", "Why the replicas are where they are",
                    true},
      PrinterColumn{"Age", "date", ".metadata.creationTimestamp",
                    "Time since the pool was created"}};
};

}  // namespace spillway::api
