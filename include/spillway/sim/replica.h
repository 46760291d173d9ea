#pragma once
// A second API server over the same storage, as a highly available control plane has them. It
// follows the first one's changes at once, unless it is frozen: then it answers lists and watches
// from the past until it thaws. Sieve's reserve API server (OSDI'22, section 3.3).

#include <memory>
#include <vector>

#include <spillway/sim/api_server.h>

namespace spillway::sim {

class Replica {
 public:
  // Leader and clock outlive the replica's last use; the leader's history since its own making is
  // complete.
  Replica(ApiServer& leader, const Clock& clock);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  void freeze() { frozen_ = true; }
  // Does what it missed, change by change; its watches hear of each.
  void thaw();
  [[nodiscard]] ApiServer& server() { return server_; }

 private:
  std::unique_ptr<Random> random_;
  ApiServer server_;
  bool frozen_ = false;
  std::vector<Change> missed_;
};

}  // namespace spillway::sim
