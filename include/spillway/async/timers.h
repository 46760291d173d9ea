#pragma once
// The seam of waiting. Real programs wait on the steady clock; the simulator waits on virtual time.
// Everything here belongs to one thread: the one that runs the executor.

#include <memory>

#include <spillway/async/asio.h>
#include <spillway/core/clock.h>
#include <spillway/core/time.h>

namespace spillway {

enum class Wake { kTime, kCancelled };

// One waiter at a time. Destroying a timer that is waited on is a programmer error.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual Task<Wake> wait_until(MonotonicTime when) = 0;
  virtual void cancel() = 0;  // wakes the waiter, if any; no effect on later waits
};

class Timers {
 public:
  virtual ~Timers() = default;
  virtual std::unique_ptr<Timer> make() = 0;
};

std::unique_ptr<Timers> make_system_timers(asio::any_io_executor executor);

// What a coroutine needs of the world besides its transport. References outlive every coroutine
// that holds them.
struct Runtime {
  asio::any_io_executor executor;
  Clock& clock;
  Timers& timers;
  Random& random;
};

// A level-triggered wake-up: notify() before wait() is not lost, many notify() are one. One waiter
// at a time.
class Signal {
 public:
  explicit Signal(Timers& timers) : timer_(timers.make()) {}
  void notify();
  // Returns at once when notified since the last wait, else at the notification or at `until`.
  Task<Wake> wait(MonotonicTime until);  // kCancelled means: notified

 private:
  std::unique_ptr<Timer> timer_;
  bool raised_ = false;
};

// Counts coroutines in flight, so that a shutdown can wait for them.
class TaskGroup {
 public:
  TaskGroup(asio::any_io_executor executor, Timers& timers)
      : executor_(std::move(executor)), idle_(timers) {}
  // Starts `task`. An exception that leaves it ends the process: errors are values.
  void spawn(Task<void> task);
  [[nodiscard]] std::size_t running() const { return running_; }
  // Returns when nothing runs any more (kCancelled), or at `until` (kTime).
  Task<Wake> drained(MonotonicTime until);

 private:
  asio::any_io_executor executor_;
  Signal idle_;
  std::size_t running_ = 0;
};

}  // namespace spillway
