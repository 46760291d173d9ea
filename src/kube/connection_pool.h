#pragma once
// Kept connections to one server: at most so many at a time, the most recently used first, first
// come first served.

#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/kube/beast_transport.h>
#include <spillway/kube/transport.h>

#include "byte_stream.h"

namespace spillway::kube {

class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  ConnectionPool(Runtime runtime, ServerAddress server, BeastTransportOptions options);

  // The right to have a connection; gives it back when destroyed.
  class Slot {
   public:
    Slot(std::shared_ptr<ConnectionPool> pool, Priority priority)
        : pool_(std::move(pool)), priority_(priority) {}
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&&) = delete;
    ~Slot();
    [[nodiscard]] Priority priority() const { return priority_; }

   private:
    std::shared_ptr<ConnectionPool> pool_;
    Priority priority_;
  };
  Task<Result<Slot>> acquire(Priority priority, MonotonicTime deadline);

  struct Connection {
    std::shared_ptr<ByteStream> stream;
    std::shared_ptr<const TlsMaterial> tls;  // with which it was made
    bool reused = false;
  };
  // A kept connection if there is a sound one made with this material (and `fresh` is not asked
  // for), else a new one.
  Task<Result<Connection>> connect(Priority priority, std::shared_ptr<const TlsMaterial> tls,
                                   bool fresh, MonotonicTime deadline);
  // Takes a connection back after a complete exchange.
  void keep(Priority priority, Connection connection);

  // Ends everything: open connections are closed, waiters woken.
  void close();
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  struct Waiter {
    explicit Waiter(Timers& timers) : wake(timers) {}
    Signal wake;
    bool granted = false;
  };
  struct Idle {
    Connection connection;
    MonotonicTime since{};
  };
  void release(Priority priority);
  std::optional<Connection> take_idle(Priority priority,
                                      const std::shared_ptr<const TlsMaterial>& tls);
  Result<std::shared_ptr<TlsContext>> context_for(const std::shared_ptr<const TlsMaterial>& tls);
  std::vector<Idle>& idle(Priority priority) {
    return priority == Priority::kLease ? idle_lease_ : idle_;
  }

  Runtime runtime_;
  ServerAddress server_;
  BeastTransportOptions options_;
  std::size_t in_use_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiters_;
  std::vector<Idle> idle_;
  std::vector<Idle> idle_lease_;
  std::vector<std::weak_ptr<ByteStream>> live_;  // every connection made and not yet gone
  std::shared_ptr<const TlsMaterial> context_material_;
  std::shared_ptr<TlsContext> context_;
  bool closed_ = false;
};

}  // namespace spillway::kube
