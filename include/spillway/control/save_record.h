#pragma once
// How often a save that was asked for at a notice came in time, by pool: what the plan may count on
// at the next one. In memory: a restart learns anew.

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
  // Learns from what the plan settles; each save counts once.
  void learn(const Picture& picture, const plan::Plan& plan);

 private:
  struct Counts {
    std::int64_t asked = 0;
    std::int64_t verified = 0;
  };
  static constexpr std::size_t kMaxRemembered = 10'000;
  std::map<PoolName, Counts> pools_;
  std::set<std::string> counted_;  // job and request
};

}  // namespace spillway::control
