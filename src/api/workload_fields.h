#pragma once
// Field tables of what the two workload kinds share, and of conditions.

#include <spillway/api/condition.h>
#include <spillway/api/workload.h>

#include "field.h"

namespace spillway::api {

inline constexpr std::int64_t kMaxReplicas = 10'000;
inline constexpr std::size_t kMaxSentence = 1024;
inline constexpr std::size_t kMaxAlternatives = 5;
inline constexpr std::size_t kMaxConditions = 16;
inline constexpr std::int64_t kMaxInt32 = 2'147'483'647;

template <>
struct Described<AcceleratorChoice> {
  static constexpr auto fields =
      std::tuple(field("name", &AcceleratorChoice::name,
                       "Accelerator model as the pools name it, such as H100.",
                       {.required = true, .format = &kLabelValue}),
                 field("speedPercent", &AcceleratorChoice::speed_percent,
                       "How fast the work runs on this model, in percent of the first-listed one: "
                       "50 takes twice as long. Durations "
                       "and costs are compared with it.",
                       {.defaulted = true, .minimum = 1, .maximum = 10'000}));
  static constexpr std::array<Rule<AcceleratorChoice>, 0> rules{};
};

template <>
struct Described<AcceleratorRequest> {
  static constexpr auto fields =
      std::tuple(field("models", &AcceleratorRequest::models,
                       "Models that the work can run on, in order of preference. All replicas of a "
                       "gang get the same one.",
                       {.required = true, .min_items = 1, .max_items = 8, .list_key = "name"}),
                 field("perReplica", &AcceleratorRequest::per_replica,
                       "Accelerators of one replica, all on one node. Spillway writes them into "
                       "the pods as the request and limit of the "
                       "pool's resource; the template may leave them out.",
                       {.required = true, .minimum = 1, .maximum = 64}));
  static constexpr std::array<Rule<AcceleratorRequest>, 0> rules{};
};

template <>
struct Described<Attribution> {
  static constexpr Limits kName{.format = &kLabelValue};
  static constexpr auto fields = std::tuple(
      field("team", &Attribution::team, "Team that answers for the work; label spillway.dev/team.",
            kName),
      field("project", &Attribution::project, "Project that pays; label spillway.dev/project.",
            kName),
      field("environment", &Attribution::environment,
            "Environment such as production or research; label spillway.dev/environment.", kName),
      field("costCenter", &Attribution::cost_center, "Cost centre; label spillway.dev/cost-center.",
            kName),
      field("feature", &Attribution::feature,
            "Product feature that the work serves; label spillway.dev/feature.", kName),
      field("customer", &Attribution::customer,
            "Customer that the work is done for; label spillway.dev/customer.", kName),
      field("model", &Attribution::model,
            "Machine-learning model trained or served; label spillway.dev/model.", kName));
  static constexpr std::array<Rule<Attribution>, 0> rules{};
};

template <>
struct Described<Alternative> {
  static constexpr auto fields = std::tuple(
      field("pool", &Alternative::pool, "CapacityPool that was not chosen.",
            {.required = true, .max_length = 63}),
      field("tier", &Alternative::tier, "Tier of the pool.", {.required = true}),
      field("rate", &Alternative::rate,
            "What the whole workload would cost there, in US dollars per hour; absent while the "
            "price is not known.",
            {.format = &kSignedAmount}),
      field("note", &Alternative::note, "Why it was not chosen.", {.max_length = kMaxSentence}));
  static constexpr std::array<Rule<Alternative>, 0> rules{};
};

template <>
struct Described<CostStatus> {
  static constexpr auto fields = std::tuple(
      field("rate", &CostStatus::rate,
            "What the workload costs from `since` on, in US dollars per hour.",
            {.required = true, .format = &kSignedAmount}),
      field("since", &CostStatus::since,
            "When the rate began. The cost now is total + rate x (now - since).",
            {.required = true, .format = &kInstant}),
      field("total", &CostStatus::total, "Cost up to `since`, in US dollars.",
            {.required = true, .format = &kSignedAmount}),
      field("onDemandEquivalent", &CostStatus::on_demand_equivalent,
            "What the same hours would have cost on demand, up to `since`, in US dollars.",
            {.required = true, .format = &kSignedAmount}),
      field("saved", &CostStatus::saved,
            "onDemandEquivalent - total, in US dollars; below zero when more was paid.",
            {.required = true, .format = &kSignedAmount}));
  static constexpr std::array<Rule<CostStatus>, 0> rules{};
};

template <>
struct Described<Condition> {
  static constexpr auto fields =
      std::tuple(field("type", &Condition::type, "Type of the condition in CamelCase.",
                       {.required = true, .format = &kConditionType}),
                 field("status", &Condition::status, "Whether it holds: True, False or Unknown.",
                       {.required = true}),
                 field("observedGeneration", &Condition::observed_generation,
                       "The metadata.generation that the condition was computed for.",
                       {.required = true, .minimum = 0}),
                 field("lastTransitionTime", &Condition::last_transition_time,
                       "When the status last changed.", {.required = true, .format = &kInstant}),
                 field("reason", &Condition::reason, "Why, in one CamelCase word, for programs.",
                       {.required = true, .format = &kConditionReason}),
                 field("message", &Condition::message, "Why, in a sentence, for people.",
                       {.required = true, .max_length = 32'768}));
  static constexpr std::array<Rule<Condition>, 0> rules{};
};

}  // namespace spillway::api
