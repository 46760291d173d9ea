#pragma once
// Conservation of cost, watched while a world runs: what the nodes that there are cost
// is what workloads are charged + starting + idle, to the micro-dollar and at every look, and what
// anybody was charged never falls. The ledger (spillway/cost) is fed from the API server alone and
// held against an integral of the nodes' rates that shares nothing with it.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <spillway/cost/ledger.h>
#include <spillway/sim/api_server.h>

namespace spillway::sim {

class CostAudit {
 public:
  using Complain = std::function<void(std::string sentence)>;
  CostAudit(const ApiServer& server, Complain complain);
  virtual ~CostAudit() = default;
  CostAudit(const CostAudit&) = delete;
  CostAudit& operator=(const CostAudit&) = delete;

  // Takes in what changed since the last look and checks the books. What came and went in between
  // is not seen: look after every step, or accept that.
  void look();

  [[nodiscard]] Money charged() const { return charged_; }  // to workloads, so far
  [[nodiscard]] Money unused() const { return unused_; }    // starting and idle

 protected:
  // What the ledger settles comes in here. Open to tests, which falsify it.
  virtual void take(const cost::Entry& entry);
  [[nodiscard]] cost::Ledger& ledger() { return ledger_; }

 private:
  // A node's cost by itself: micro-dollars per hour times milliseconds, so far.
  struct Meter {
    HourlyRate rate;
    Instant from{};
    __int128 total = 0;
    void run_to(Instant now);
  };
  void look_at_pools();
  void look_at_nodes();
  void look_at_pods();
  void check();

  const ApiServer& server_;
  Complain complain_;
  cost::Ledger ledger_;
  Money charged_;
  Money unused_;
  struct PoolTerms {
    std::string name;
    std::map<std::string, std::string> selector;
    api::Tier tier = api::Tier::kOnDemand;
    std::int64_t accelerators = 1;
    std::string resource;
    HourlyRate rate;
  };
  std::map<std::string, PoolTerms> pools_;
  std::map<std::string, Meter> meters_;  // nodes that there are
  std::map<std::string, std::string> pool_of_node_;
  std::map<std::string, std::string> bound_;  // uid of a pod -> its node
  Money of_nodes_gone_;
};

}  // namespace spillway::sim
