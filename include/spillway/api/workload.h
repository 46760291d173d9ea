#pragma once
// What the two workload kinds have in common. Texts, bounds and rules of each field are in
// src/api/workload_fields.h, from which `kubectl explain` and docs/reference/ are made.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/enums.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/object.h>
#include <spillway/core/time.h>

namespace spillway::api {

// A model that the workload can run on, and how fast it is there.
struct AcceleratorChoice {
  AcceleratorModel name;
  std::int32_t speed_percent = 100;  // relative to the first-listed model's 100

  friend bool operator==(const AcceleratorChoice&, const AcceleratorChoice&) = default;
};

struct AcceleratorRequest {
  std::vector<AcceleratorChoice> models;  // in order of preference, 1..8
  AcceleratorCount per_replica{1};

  friend bool operator==(const AcceleratorRequest&, const AcceleratorRequest&) = default;
};

// Who pays. Each is a label value, or empty when not said.
struct Attribution {
  std::string team;
  std::string project;
  std::string environment;
  std::string cost_center;
  std::string feature;
  std::string customer;
  std::string model;

  friend bool operator==(const Attribution&, const Attribution&) = default;
};

// The stable cost labels "spillway.dev/team", ... for every object and pod made for the workload.
Labels attribution_labels(const Attribution& attribution);

// A choice that was not taken, and what it would have cost.
struct Alternative {
  PoolName pool;
  Tier tier = Tier::kSpot;
  std::optional<HourlyRate> rate;  // whole workload; nullopt = its price is not known
  std::string note;                // "no room for 8 replicas"

  friend bool operator==(const Alternative&, const Alternative&) = default;
};

// Totals are up to `since`; from there on the workload costs `rate`. Nothing here grows by itself.
struct CostStatus {
  HourlyRate rate;
  Instant since{};
  Money total;
  Money on_demand_equivalent;  // the same hours bought on demand
  Money saved;                 // on_demand_equivalent - total; may be negative

  friend bool operator==(const CostStatus&, const CostStatus&) = default;
};

}  // namespace spillway::api
