#pragma once
// From a plan to the requests that make it so. No I/O; remembers only hashes that are costly to
// compute again.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <spillway/control/pool_memory.h>
#include <spillway/control/stores.h>
#include <spillway/control/work.h>

namespace spillway::control {

struct Reconciliation {
  std::vector<Work> work;          // objects whose chain is empty are left out
  std::optional<Instant> wake_at;  // when to look again although nothing happened
};

// What attempts with checkpoints are made with.
struct CheckpointSupport {
  AgentConfig agent;
  Secret token_key;  // empty: not known yet, and no such attempt is begun
};

// What children were last made from, by kind and key of the child; bounded.
struct Applied {
  std::string fingerprint;  // of everything that the object is made from
  std::string hash;
};
using AppliedObjects = std::unordered_map<std::string, Applied>;

class Reconciler {
 public:
  explicit Reconciler(bool observe, CheckpointSupport support = {})
      : observe_(observe), support_(std::move(support)) {}
  void set_token_key(Secret key) { support_.token_key = std::move(key); }
  // `trouble_of` gives what the server said when the children of an object could not be written.
  using TroubleOf = std::function<Trouble(const kube::ObjectReference&)>;
  Reconciliation reconcile(const World& world, const Picture& picture, const plan::Plan& plan,
                           const PoolMemory& memory, const TroubleOf& trouble_of, Instant now);

 private:
  class Pass;
  bool observe_;
  CheckpointSupport support_;
  std::map<PoolName, Instant> counts_written_;  // by pool; of pools that are there
  AppliedObjects applied_;
};

kube::ObjectReference reference_to(std::string_view kind, const ObjectMeta& meta);

}  // namespace spillway::control
