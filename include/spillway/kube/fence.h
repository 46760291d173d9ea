#pragma once
// Kubernetes leases do not fence by themselves (the leaderelection package says so). Ours do: every
// mutating call asks for a write deadline last thing before its bytes leave, and may not outlive it
// (client-go's leaderelection documents the gap).

#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::kube {

class Fence {
 public:
  virtual ~Fence() = default;
  // Until when this process may write, on the monotonic clock; kFenced when it may not (any more).
  [[nodiscard]] virtual Result<MonotonicTime> write_deadline() const = 0;
};

// For programs that need no leader: command line tools and tests.
class OpenFence final : public Fence {
 public:
  [[nodiscard]] Result<MonotonicTime> write_deadline() const override {
    return MonotonicTime::max();
  }
};

// For --observe and standbys: refuses every write.
class ClosedFence final : public Fence {
 public:
  [[nodiscard]] Result<MonotonicTime> write_deadline() const override {
    return fail(ErrorCode::kFenced, "this process does not write");
  }
};

}  // namespace spillway::kube
