#pragma once
// What holds at every instant, whatever happens, read from the API server alone.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <spillway/core/money.h>
#include <spillway/core/time.h>
#include <spillway/sim/api_server.h>
#include <spillway/sim/cost_audit.h>

namespace spillway::sim {

class Invariants {
 public:
  explicit Invariants(const ApiServer& server);
  // Looks at everything; call after each step in which something changed.
  void check(MonotonicTime now);
  // When to look again although nothing changes: by then something will have lasted too long.
  [[nodiscard]] MonotonicTime next_look() const { return next_look_; }
  // One sentence each, none twice, at most a hundred.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

 private:
  void check_attempts();
  void check_training_job(const std::string& name, const nlohmann::json& job);
  void check_tiers(const nlohmann::json& spec, const std::string& tier, const std::string& who);
  void check_cost(const std::string& who, const nlohmann::json& object);
  void check_capacity(MonotonicTime now);
  void check_hours(MonotonicTime now);
  void check_awake(const std::string& name, const nlohmann::json& pool, std::int64_t pods,
                   MonotonicTime now);
  void check_deadline(const std::string& name, const nlohmann::json& job);
  [[nodiscard]] bool feasible(const nlohmann::json& job) const;
  // Whether `holds` was so at every look of the last `patience`; asks for a look when it runs out.
  bool lasts(const std::string& what, bool holds, Duration patience, MonotonicTime now);
  void complain(std::string sentence);

  // A deadline counts as feasible when it leaves so much beside the duration: for nodes to come,
  // programs to start, and a start somewhere else that came to nothing.
  static constexpr Duration kDeadlineReserve = std::chrono::minutes(30);

  const ApiServer& server_;
  CostAudit costs_;
  std::map<std::string, std::string> ended_;      // uid of a job -> how it ended
  std::map<std::string, Money> totals_;           // uid -> cost so far
  std::map<std::string, std::int64_t> attempts_;  // uid -> latest attempt
  std::map<std::string, MonotonicTime> since_;    // what lasts() was asked -> since when
  MonotonicTime next_look_ = MonotonicTime::max();
  std::map<std::string, bool> feasible_;  // uid of a job with a deadline
  std::set<std::string> said_;
  std::vector<std::string> violations_;
};

}  // namespace spillway::sim
