#pragma once
// CapacityPool (cluster-scoped, `cpool`): one accelerator model, one instance type, one tier, one
// zone, reached by a node selector. Texts, bounds and rules of each field are in
// src/api/capacity_pool_fields.h.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/condition.h>
#include <spillway/api/enums.h>
#include <spillway/api/pod_template.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::api {

using Provider = StrongString<struct ProviderTag>;  // "aws", "gcp", "azure", "on-premises"

struct PoolAccelerator {
  AcceleratorModel model;
  AcceleratorCount per_node{1};
  ResourceName resource{"nvidia.com/gpu"};

  friend bool operator==(const PoolAccelerator&, const PoolAccelerator&) = default;
};

struct PoolLocation {
  Provider provider;
  Region region;
  Zone zone;

  friend bool operator==(const PoolLocation&, const PoolLocation&) = default;
};

struct PoolNodes {
  Labels selector;
  std::vector<Toleration> tolerations;
  std::int32_t max = 0;  // nodes; for Reserved, what is owned

  friend bool operator==(const PoolNodes&, const PoolNodes&) = default;
};

// Exactly one of `fixed` and `feed`.
struct PoolPrice {
  std::optional<HourlyRate> fixed;  // per node-hour
  std::optional<FeedName> feed;
  std::optional<HourlyRate>
      on_demand;  // the same node on demand: baseline of "saved", cap of a spot price

  friend bool operator==(const PoolPrice&, const PoolPrice&) = default;
};

struct CapacityPoolSpec {
  Tier tier = Tier::kReserved;
  PoolAccelerator accelerator;
  InstanceType instance_type;
  PoolLocation location;
  PoolNodes nodes;
  PoolPrice price;

  friend bool operator==(const CapacityPoolSpec&, const CapacityPoolSpec&) = default;
};

struct PoolPriceStatus {
  std::optional<HourlyRate> per_node_hour;  // nullopt while the quality is Unknown
  std::string source;
  std::optional<Instant> observed_at;
  PriceQuality quality = PriceQuality::kUnknown;

  friend bool operator==(const PoolPriceStatus&, const PoolPriceStatus&) = default;
};

struct PoolNodesStatus {
  std::int32_t ready = 0;
  std::int32_t max = 0;

  friend bool operator==(const PoolNodesStatus&, const PoolNodesStatus&) = default;
};

struct PoolAcceleratorsStatus {
  AcceleratorCount capacity;
  AcceleratorCount used;
  AcceleratorCount free;

  friend bool operator==(const PoolAcceleratorsStatus&, const PoolAcceleratorsStatus&) = default;
};

// The memory of launches that got no node: what the exponential, capped, decaying retry is computed
// from.
struct PoolStockOut {
  std::int32_t failures = 0;  // in a row
  Instant since{};            // the latest of them

  friend bool operator==(const PoolStockOut&, const PoolStockOut&) = default;
};

// The life estimator's decayed sums: window_time is the time that nodes lived and windows_milli the
// number of nodes lost, in thousandths. They are state that survives a restart; the two estimates
// are what is shown.
struct PoolLife {
  std::chrono::seconds window_time{0};
  std::int64_t windows_milli = 0;
  std::optional<std::chrono::seconds> mean;      // nullopt = not expected to be lost
  std::optional<std::chrono::seconds> residual;  // of the nodes that run now

  friend bool operator==(const PoolLife&, const PoolLife&) = default;
};

struct CapacityPoolStatus {
  std::int64_t observed_generation = 0;
  std::optional<PoolPriceStatus> price;
  std::optional<PoolNodesStatus> nodes;
  std::optional<PoolAcceleratorsStatus> accelerators;
  std::optional<Availability> availability;
  std::optional<Instant> retry_at;  // when stocked out: not to be tried before
  std::optional<PoolStockOut> stock_out;
  std::optional<PoolLife> life;
  std::int32_t interruptions_last_day = 0;
  Conditions conditions;

  friend bool operator==(const CapacityPoolStatus&, const CapacityPoolStatus&) = default;
};

struct CapacityPool {
  ObjectMeta meta;
  CapacityPoolSpec spec;
  CapacityPoolStatus status;

  friend bool operator==(const CapacityPool&, const CapacityPool&) = default;
};

}  // namespace spillway::api
