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

// What a child is made from, beside the configuration.
struct Origin {
  const ObjectMeta& owner;
  const ObjectMeta* pool = nullptr;  // of a Deployment
  std::int64_t replicas = 0;
};
// What a child was last made from, and the hash of what it was made to be.
struct Applied {
  Uid owner, pool;
  std::int64_t generation = 0, pool_generation = 0, replicas = 0;
  std::string hash;
  [[nodiscard]] bool is_from(const Origin& origin) const;
};
// By kind and key of the child; bounded.
using AppliedObjects = std::map<std::string_view, std::unordered_map<ObjectKey, Applied>>;

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
