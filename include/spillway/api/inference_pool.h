#pragma once
// InferencePool (namespaced, `ipool`): replicas of a model server spread over tiers. Not the
// Gateway API kind of the same name: `inferencepools.spillway.dev`. Texts, bounds and rules of each
// field are in src/api/inference_pool_fields.h.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <spillway/api/condition.h>
#include <spillway/api/enums.h>
#include <spillway/api/pod_template.h>
#include <spillway/api/workload.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::api {

// A number of pods, or a share of them in whole percents.
struct IntOrPercent {
  std::int32_t value = 0;
  bool percent = false;

  friend bool operator==(const IntOrPercent&, const IntOrPercent&) = default;
};

// A container's port by number or by name.
using TargetPort = std::variant<std::int32_t, std::string>;

struct InferenceCapacity {
  std::int32_t baseline = 0;      // replicas that have to be on capacity that is not spot
  std::int32_t spot_percent = 0;  // share of the replicas above the baseline that may be on spot

  friend bool operator==(const InferenceCapacity&, const InferenceCapacity&) = default;
};

struct InferenceService {
  std::int32_t port = 80;
  std::optional<TargetPort> target_port;  // absent: the same as port

  friend bool operator==(const InferenceService&, const InferenceService&) = default;
};

struct InferenceDisruption {
  std::optional<IntOrPercent> min_available;

  friend bool operator==(const InferenceDisruption&, const InferenceDisruption&) = default;
};

struct InferencePoolSpec {
  PodTemplate pod_template;  // spec.template
  std::int32_t replicas = 1;
  AcceleratorRequest accelerator;
  TierSet tiers = TierSet::all();
  InferenceCapacity capacity;
  InferenceService service;
  InferenceDisruption disruption;
  std::int32_t priority = 0;
  std::optional<HourlyRate> max_rate;
  Attribution attribution;

  friend bool operator==(const InferencePoolSpec&, const InferencePoolSpec&) = default;
};

struct TierStatus {
  Tier tier = Tier::kReserved;
  PoolName pool;  // the key of the list
  std::int32_t desired = 0;
  std::int32_t ready = 0;
  std::optional<HourlyRate>
      rate;  // of the desired replicas together; nullopt = the pool's price is not known
  Instant since{};

  friend bool operator==(const TierStatus&, const TierStatus&) = default;
};

struct InferencePoolStatus {
  std::int64_t observed_generation = 0;
  std::int32_t replicas = 0;
  std::int32_t ready_replicas = 0;
  std::string
      selector;  // label selector of the pods as text: what an autoscaler reads through `scale`
  std::vector<TierStatus> tiers;
  std::string summary;  // "Reserved 2, Spot 5": tiers in one line
  std::string reason;   // why the replicas are where they are
  std::vector<Alternative> alternatives;
  std::optional<CostStatus> cost;
  Conditions conditions;

  friend bool operator==(const InferencePoolStatus&, const InferencePoolStatus&) = default;
};

// "Reserved 2, Spot 5": the desired replicas of each tier, in the order of the tiers.
std::string summarize(const std::vector<TierStatus>& tiers);

struct InferencePool {
  ObjectMeta meta;
  InferencePoolSpec spec;
  InferencePoolStatus status;

  friend bool operator==(const InferencePool&, const InferencePool&) = default;
};

}  // namespace spillway::api
