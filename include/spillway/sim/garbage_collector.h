#pragma once
// The garbage collector: dependants go with their owners (background), before them (foreground), or
// stay (orphan).

#include <spillway/sim/model.h>

namespace spillway::sim {

class GarbageCollector final : public Model {
 public:
  GarbageCollector(VirtualTime& time, ApiServer& server, const OwnerIndex& owners);

 private:
  void note(const Change& change);
  void sync(const ObjectKey& key) override;
  void sync_one(const Kind& kind, const ObjectKey& key);
  void finish_owner(const Kind& kind, const ObjectKey& key, const Object& object);
  [[nodiscard]] Object owner_of(const nlohmann::json& reference, const Namespace& ns) const;

  const OwnerIndex& owners_;
  std::set<OwnerIndex::Child> candidates_;
};

}  // namespace spillway::sim
