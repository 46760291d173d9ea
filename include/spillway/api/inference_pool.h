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
#include <spillway/api/fallback.h>
#include <spillway/api/pod_template.h>
#include <spillway/api/workload.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/schedule.h>
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
  std::int32_t baseline = 0;       // replicas that have to be on capacity that is not spot
  std::int32_t spot_percent = 0;   // share of the replicas above the baseline that may be on spot
  std::int32_t overprovision = 0;  // replicas on spot beyond its share, while there is a share
  OnDemandFallback fallback = OnDemandFallback::kWhileNotReady;
  Survives survives = Survives::kSpare;

  friend bool operator==(const InferenceCapacity&, const InferenceCapacity&) = default;
};

struct InferenceService {
  std::int32_t port = 80;
  std::optional<TargetPort> target_port;  // absent: the same as port

  friend bool operator==(const InferenceService&, const InferenceService&) = default;
};

struct InferenceDisruption {
  std::optional<IntOrPercent> min_available;
  std::optional<std::int32_t> drain_seconds;  // absent: the template's own grace period

  friend bool operator==(const InferenceDisruption&, const InferenceDisruption&) = default;
};

// What a gateway does with a request while the endpoint picker does not answer.
enum class PickerFailure : std::uint8_t { kFailClose, kFailOpen };
std::string_view to_string(PickerFailure value);
template <>
Result<PickerFailure> parse_enum<PickerFailure>(std::string_view text);

// The Service of the extension that chooses an endpoint for each request.
struct EndpointPicker {
  std::string name;
  std::int32_t port = 9002;
  PickerFailure failure_mode = PickerFailure::kFailClose;

  friend bool operator==(const EndpointPicker&, const EndpointPicker&) = default;
};

// Asks for an InferencePool of the Gateway API (inference.networking.k8s.io/v1) of the same name,
// which selects the same pods.
struct InferenceGateway {
  std::optional<std::int32_t> target_port;  // absent: the number of service.targetPort, or of port
  std::optional<EndpointPicker> endpoint_picker;

  friend bool operator==(const InferenceGateway&, const InferenceGateway&) = default;
};

struct InferencePoolSpec {
  PodTemplate pod_template;  // spec.template
  std::int32_t replicas = 1;
  AcceleratorRequest accelerator;
  TierSet tiers = TierSet::all();
  InferenceCapacity capacity;
  InferenceService service;
  InferenceDisruption disruption;
  std::optional<InferenceGateway> gateway;
  std::int32_t priority = 0;
  std::optional<HourlyRate> max_rate;
  std::optional<ScheduleSpec> schedule;  // goes before the hours of a CostPolicy
  Attribution attribution;

  friend bool operator==(const InferencePoolSpec&, const InferencePoolSpec&) = default;
};

struct TierStatus {
  Tier tier = Tier::kReserved;
  PoolName pool;  // the key of the list
  std::int32_t desired = 0;
  std::int32_t ready = 0;
  // On nodes that are about to go, beyond `desired`: they serve until others do, or until the
  // deadline leaves no more than the time to drain.
  std::int32_t leaving = 0;
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
  // Whether it may run now, until when that holds, and who says so; absent when nothing ever puts
  // it to sleep.
  std::optional<bool> awake;
  std::optional<Instant> next_transition;
  std::string awake_reason;
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
