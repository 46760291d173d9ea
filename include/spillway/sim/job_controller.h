#pragma once
// The Job controller for Indexed Jobs, as Spillway makes them: pods by index, tracking finalizers,
// backoffLimit and backoffLimitPerIndex, podReplacementPolicy, podFailurePolicy, suspension,
// FailureTarget before Failed and SuccessCriteriaMet before Complete (KEP-3329, 3850, 3939, 2214).

#include <spillway/sim/model.h>

namespace spillway::sim {

class JobController final : public Model {
 public:
  JobController(VirtualTime& time, ApiServer& server, const OwnerIndex& owners);

 private:
  class Sync;
  void note(const Change& change);
  void sync(const ObjectKey& key) override;
  const OwnerIndex& owners_;
};

}  // namespace spillway::sim
