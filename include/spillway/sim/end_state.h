#pragma once
// The differential oracle (Sieve, OSDI'22): a disturbed run has to end as the undisturbed one did.
// What no two runs share is taken out first: identities, versions, times, and what follows from
// times (costs, ages, sentences with figures).

#include <map>
#include <string>
#include <vector>

#include <spillway/sim/api_server.h>

namespace spillway::sim {

struct EndState {
  std::map<std::string, nlohmann::json> objects;  // "jobs.batch default/train-1" -> what it says
  std::map<std::string, int> pods;                // "train-1 0 Succeeded on spot-a" -> how many
  std::map<std::string, int> created;             // objects of Spillway's making, by the same name
  std::map<std::string, int> deleted;
};

// Counts creations and deletions from its making on.
class LifeCounter {
 public:
  explicit LifeCounter(ApiServer& server);
  [[nodiscard]] EndState end_state() const;

 private:
  ApiServer& server_;
  std::map<std::string, int> created_;
  std::map<std::string, int> deleted_;
};

// One sentence for each thing that is not the same; empty when the ends are equal.
std::vector<std::string> differences(const EndState& expected, const EndState& found);

}  // namespace spillway::sim
