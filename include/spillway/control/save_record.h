#pragma once
// How often a save that was asked for at a notice came in time, by pool: what the plan may count on
// at the next one. In memory: after a restart it begins with what the jobs' statuses still say.

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include <spillway/control/picture.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

class SaveRecord {
 public:
  // Puts the counts into the snapshot; before the plan.
  void show(Picture& picture) const;
  // Once, before the first plan: the last save of each job, on the pool of the attempt that made
  // it.
  void recall(const Picture& picture);
  // Learns from what the plan settles; each save counts once.
  void learn(const Picture& picture, const plan::Plan& plan);

 private:
  void count(const Uid& job, const api::SaveStatus& save, const PoolName& pool);
  struct Counts {
    std::int64_t asked = 0;
    std::int64_t verified = 0;
  };
  static constexpr std::size_t kMaxRemembered = 10'000;
  std::map<PoolName, Counts> pools_;
  std::set<std::string> counted_;  // job and request
};

}  // namespace spillway::control
