#pragma once
// Field tables of CapacityPool.

#include <spillway/api/capacity_pool.h>

#include "field.h"
#include "workload_fields.h"

namespace spillway::api {

inline constexpr std::int64_t kMaxNodes = 100'000;
inline constexpr std::int64_t kMaxAccelerators = kMaxNodes * 64;

template <>
struct Described<Toleration> {
  static constexpr auto fields = std::tuple(
      field("key", &Toleration::key,
            "Taint key to tolerate; absent with operator Exists means every key.",
            {.max_length = 317}),
      field("operator", &Toleration::op, "Equal compares the value, Exists takes any value.",
            {.defaulted = true}),
      field("value", &Toleration::value, "Taint value to tolerate; absent means the empty value.",
            {.max_length = 63}),
      field("effect", &Toleration::effect, "Taint effect to tolerate; absent means every effect.",
            {}),
      field("tolerationSeconds", &Toleration::toleration_seconds,
            "How long a NoExecute taint is tolerated, in seconds; absent means for ever.", {}));
  static constexpr std::array rules{
      Rule<Toleration>{"self.operator != 'Exists' || !has(self.value) || self.value == ''",
                       "leave out value: operator Exists takes any value",
                       [](const Toleration& t) {
                         return t.op != TolerationOperator::kExists || t.value.empty();
                       }},
      Rule<Toleration>{"self.operator == 'Exists' || (has(self.key) && self.key.size() > 0)",
                       "write the key of the taint, or operator Exists to tolerate every taint",
                       [](const Toleration& t) {
                         return t.op == TolerationOperator::kExists || !t.key.empty();
                       }}};
};

template <>
struct Described<PoolAccelerator> {
  static constexpr auto fields =
      std::tuple(field("model", &PoolAccelerator::model,
                       "Accelerator model as workloads name it, such as H100.",
                       {.required = true, .format = &kLabelValue}),
                 field("perNode", &PoolAccelerator::per_node, "Accelerators on one node.",
                       {.required = true, .minimum = 1, .maximum = 64}),
                 field("resource", &PoolAccelerator::resource,
                       "Extended resource by which pods ask for the accelerators.",
                       {.defaulted = true, .format = &kResourceName}));
  static constexpr std::array<Rule<PoolAccelerator>, 0> rules{};
};

template <>
struct Described<PoolLocation> {
  static constexpr auto fields =
      std::tuple(field("provider", &PoolLocation::provider,
                       "Cloud or site, such as aws, gcp, azure or on-premises.",
                       {.required = true, .format = &kLabelValue}),
                 field("region", &PoolLocation::region, "Region, as the provider names it.",
                       {.required = true, .format = &kLabelValue}),
                 field("zone", &PoolLocation::zone,
                       "Zone, as the price feed names it. A gang never spans zones.",
                       {.required = true, .format = &kLabelValue}));
  static constexpr std::array<Rule<PoolLocation>, 0> rules{};
};

template <>
struct Described<PoolNodes> {
  static constexpr auto fields =
      std::tuple(field("selector", &PoolNodes::selector,
                       "Labels that all nodes of the pool carry, and no other nodes: pods get them "
                       "as node affinity, so that an "
                       "autoscaler makes such nodes.",
                       {.required = true, .min_items = 1, .max_items = 16, .max_length = 63}),
                 field("tolerations", &PoolNodes::tolerations,
                       "Tolerations that pods need on the nodes of the pool.", {.max_items = 16}),
                 field("max", &PoolNodes::max,
                       "Nodes that the pool can have at most: the autoscaler's limit, and for "
                       "Reserved what is owned.",
                       {.required = true, .minimum = 0, .maximum = kMaxNodes}));
  static constexpr std::array<Rule<PoolNodes>, 0> rules{};
};

template <>
struct Described<PoolPrice> {
  static constexpr auto fields = std::tuple(
      field("fixed", &PoolPrice::fixed,
            "Price of one node for one hour, in US dollars; for Reserved the amortised commitment.",
            {.format = &kAmount}),
      field("feed", &PoolPrice::feed,
            "Name of a price feed in the operator's configuration; instance type, region and zone "
            "say which price is "
            "meant.",
            {.format = &kLabelValue}),
      field("onDemand", &PoolPrice::on_demand,
            "Price of the same node bought on demand, in US dollars per hour: the baseline of what "
            "is saved, and the "
            "highest price that a spot node is ever reckoned with. Absent: the operator's "
            "catalogue is asked.",
            {.format = &kAmount}));
  static constexpr std::array rules{Rule<PoolPrice>{
      "has(self.fixed) != has(self.feed)",
      "write exactly one of fixed (a price per node-hour such as \"3.06\") and feed (the name of a "
      "price feed)",
      [](const PoolPrice& p) { return p.fixed.has_value() != p.feed.has_value(); }}};
};

template <>
struct Described<CapacityPoolSpec> {
  static constexpr auto fields =
      std::tuple(field("tier", &CapacityPoolSpec::tier,
                       "How the capacity is bought: Reserved is paid for whether used or not, Spot "
                       "can be taken away, OnDemand costs the "
                       "list price.",
                       {.required = true, .immutable = true}),
                 field("accelerator", &CapacityPoolSpec::accelerator,
                       "What a node of the pool has.", {.required = true, .immutable = true}),
                 field("instanceType", &CapacityPoolSpec::instance_type,
                       "Machine type of the nodes, as the provider names it.",
                       {.required = true, .immutable = true, .format = &kLabelValue}),
                 field("location", &CapacityPoolSpec::location, "Where the nodes are.",
                       {.required = true, .immutable = true}),
                 field("nodes", &CapacityPoolSpec::nodes,
                       "How the nodes are reached, and how many there can be.", {.required = true}),
                 field("price", &CapacityPoolSpec::price, "Where the price of a node comes from.",
                       {.required = true}));
  static constexpr std::array<Rule<CapacityPoolSpec>, 0> rules{};
};

template <>
struct Described<PoolPriceStatus> {
  static constexpr auto fields = std::tuple(
      field("perNodeHour", &PoolPriceStatus::per_node_hour,
            "Price of one node for one hour, in US dollars; absent while it is not known.",
            {.format = &kSignedAmount}),
      field("source", &PoolPriceStatus::source, "Where the price comes from.",
            {.required = true, .max_length = 256}),
      field("observedAt", &PoolPriceStatus::observed_at,
            "When the source was heard with this price or quality for the first time.",
            {.format = &kInstant}),
      field("quality", &PoolPriceStatus::quality,
            "Live: heard within the feed's limit. Stale: heard longer ago. Fallback: never heard, "
            "the on-demand price stands "
            "in. Unknown: there is no price.",
            {.required = true}));
  static constexpr std::array<Rule<PoolPriceStatus>, 0> rules{};
};

template <>
struct Described<PoolNodesStatus> {
  static constexpr auto fields =
      std::tuple(field("ready", &PoolNodesStatus::ready, "Nodes of the pool that are Ready.",
                       {.required = true, .minimum = 0}),
                 field("max", &PoolNodesStatus::max, "Nodes that the pool can have at most.",
                       {.required = true, .minimum = 0}));
  static constexpr std::array<Rule<PoolNodesStatus>, 0> rules{};
};

template <>
struct Described<PoolAcceleratorsStatus> {
  static constexpr Limits kCount{.required = true, .minimum = 0, .maximum = kMaxAccelerators};
  static constexpr auto fields =
      std::tuple(field("capacity", &PoolAcceleratorsStatus::capacity,
                       "Accelerators of the Ready nodes.", kCount),
                 field("used", &PoolAcceleratorsStatus::used,
                       "Accelerators that pods on these nodes hold.", kCount),
                 field("free", &PoolAcceleratorsStatus::free,
                       "Accelerators that a new pod could have on these nodes.", kCount));
  static constexpr std::array<Rule<PoolAcceleratorsStatus>, 0> rules{};
};

template <>
struct Described<PoolStockOut> {
  static constexpr auto fields =
      std::tuple(field("failures", &PoolStockOut::failures, "Launches in a row that got no node.",
                       {.required = true, .minimum = 0}),
                 field("since", &PoolStockOut::since, "When the latest of them failed.",
                       {.required = true, .format = &kInstant}));
  static constexpr std::array<Rule<PoolStockOut>, 0> rules{};
};

template <>
struct Described<PoolLife> {
  static constexpr auto fields =
      std::tuple(field("windowSeconds", &PoolLife::window_time,
                       "Time that nodes of the pool lived until they were lost, in seconds; older "
                       "losses count less and less.",
                       {.required = true, .minimum = 0}),
                 field("windowsMilli", &PoolLife::windows_milli,
                       "Nodes lost, in thousandths; older losses count less and less.",
                       {.required = true, .minimum = 0}),
                 field("meanSeconds", &PoolLife::mean,
                       "Expected life of a node that starts now, in seconds; absent when it is not "
                       "expected to be lost.",
                       {.minimum = 0}),
                 field("residualSeconds", &PoolLife::residual,
                       "Expected further life of the nodes that run now, in seconds; absent when "
                       "they are not expected to be lost.",
                       {.minimum = 0}));
  static constexpr std::array<Rule<PoolLife>, 0> rules{};
};

template <>
struct Described<CapacityPoolStatus> {
  static constexpr auto fields = std::tuple(
      field("observedGeneration", &CapacityPoolStatus::observed_generation,
            "The metadata.generation that this status was computed for.", {.minimum = 0}),
      field("price", &CapacityPoolStatus::price,
            "What a node costs now, and how far that can be trusted."),
      field("nodes", &CapacityPoolStatus::nodes, "Nodes that there are and can be."),
      field("accelerators", &CapacityPoolStatus::accelerators,
            "Accelerators of the nodes that there are."),
      field("availability", &CapacityPoolStatus::availability,
            "Available: nodes can be had. Constrained: launches failed lately. StockedOut: not "
            "tried before retryAt."),
      field("retryAt", &CapacityPoolStatus::retry_at, "When a stocked-out pool is tried again.",
            {.format = &kInstant}),
      field("stockOut", &CapacityPoolStatus::stock_out, "Memory of launches that got no node."),
      field("life", &CapacityPoolStatus::life,
            "How long nodes of the pool live, learnt from their losses."),
      field("interruptionsLastDay", &CapacityPoolStatus::interruptions_last_day,
            "Nodes of the pool lost in the last 24 hours.", {.minimum = 0}),
      field("conditions", &CapacityPoolStatus::conditions,
            "Ready: price and nodes are known and the pool can take work.",
            {.max_items = kMaxConditions, .list_key = "type"}));
  static constexpr std::array<Rule<CapacityPoolStatus>, 0> rules{};
};

template <>
struct Described<CapacityPool> {
  static constexpr std::string_view doc =
      "CapacityPool is a source of accelerator nodes: one accelerator model, one instance type, "
      "one tier, one zone, reached by "
      "a node selector. Some node group or autoscaler behind it makes the nodes.";
  static constexpr auto fields = std::tuple(
      field("spec", &CapacityPool::spec, "What the pool is.", {.required = true}),
      field("status", &CapacityPool::status, "What the operator observed; written by it alone."));
  static constexpr const TextFormat& name = kPoolName;
  static constexpr std::array columns{
      PrinterColumn{"Tier", "string", ".spec.tier", "How the capacity is bought"},
      PrinterColumn{"Accelerator", "string", ".spec.accelerator.model", "Accelerator model"},
      PrinterColumn{"Zone", "string", ".spec.location.zone", "Zone"},
      PrinterColumn{"Node USD/h", "string", ".status.price.perNodeHour",
                    "Price of one node for one hour"},
      PrinterColumn{"Quality", "string", ".status.price.quality",
                    "How far the price can be trusted"},
      PrinterColumn{"Nodes", "integer", ".status.nodes.ready", "Nodes that are Ready"},
      PrinterColumn{"Max nodes", "integer", ".spec.nodes.max", "Nodes at most"},
      PrinterColumn{"Accel used", "integer", ".status.accelerators.used", "Accelerators in use"},
      PrinterColumn{"Accel free", "integer", ".status.accelerators.free",
                    "Accelerators free on Ready nodes"},
      PrinterColumn{"Availability", "string", ".status.availability",
                    "Whether more nodes can be had"},
      PrinterColumn{"Instance", "string", ".spec.instanceType", "Machine type of the nodes", true},
      PrinterColumn{"Lost 24h", "integer", ".status.interruptionsLastDay",
                    "Nodes lost in the last 24 hours", true},
      PrinterColumn{"Retry", "string", ".status.retryAt", "When a stocked-out pool is tried again",
                    true},
      PrinterColumn{"Age", "date", ".metadata.creationTimestamp",
                    "Time since the pool was created"}};
};

}  // namespace spillway::api
