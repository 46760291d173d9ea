#pragma once
// What holds at every instant, whatever happens (design §9), read from the API server alone.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <spillway/core/money.h>
#include <spillway/core/time.h>
#include <spillway/sim/api_server.h>

namespace spillway::sim {

class Invariants {
 public:
  explicit Invariants(const ApiServer& server) : server_(server) {}
  // Looks at everything; call after each step in which something changed.
  void check(MonotonicTime now);
  // One sentence each, at most a hundred.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  void check_attempts();
  void check_training_job(const std::string& name, const nlohmann::json& job);
  void check_tiers(const nlohmann::json& spec, const std::string& tier, const std::string& who);
  void check_cost(const std::string& who, const nlohmann::json& object);
  void check_capacity(MonotonicTime now);
  void complain(std::string sentence);

  const ApiServer& server_;
  std::map<std::string, std::string> ended_;         // uid of a job -> how it ended
  std::map<std::string, Money> totals_;              // uid -> cost so far
  std::map<std::string, std::int64_t> attempts_;     // uid -> latest attempt
  std::map<std::string, MonotonicTime> over_since_;  // by pool
  std::set<std::string> said_;
  std::vector<std::string> violations_;
};

}  // namespace spillway::sim
