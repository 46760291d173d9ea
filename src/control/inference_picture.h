#pragma once
// What an InferencePool and its pods are to the plan. Pure.

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include <spillway/control/picture.h>

namespace spillway::control {

// Where the pods of a service are, and which of them serve.
class InferenceView {
 public:
  // Everything but the workloads is in the snapshot already. Observing: what was decided counts as
  // ready.
  InferenceView(const plan::Snapshot& snapshot, bool observe, Instant now);

  // `demand` is what the spec asks for.
  [[nodiscard]] plan::InferenceWorkload workload(const api::InferencePool& pool,
                                                 const InferenceChildren& children,
                                                 plan::Demand demand,
                                                 Duration launch_timeout) const;

 private:
  [[nodiscard]] plan::InferenceAllocation allocation(std::size_t pool,
                                                     const InferenceShareChildren& children) const;

  const plan::Snapshot& snapshot_;
  bool observe_;
  Instant now_;
  std::vector<bool> goes_;  // by node: its pods are to leave
  std::map<PoolName, std::size_t> pools_;
};

}  // namespace spillway::control
