#pragma once
// Many tasks of one kind, a bounded number at a time.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include <spillway/async/timers.h>
#include <spillway/core/result.h>

namespace spillway::storage {

// Runs item(0) ... item(count - 1), at most `workers` at a time, and returns the first error; no
// further item is begun after it. `item` is a plain function that returns a coroutine.
Task<Result<void>> for_each_parallel(Runtime runtime, std::size_t count, int workers,
                                     std::function<Task<Result<void>>(std::size_t)> item);

// A budget of bytes. A single holder may exceed it, so that nothing waits for ever.
class ByteGate {
 public:
  ByteGate(Timers& timers, std::int64_t capacity) : timers_(timers), capacity_(capacity) {}
  class Hold;
  Task<std::unique_ptr<Hold>> enter(std::int64_t bytes);

 private:
  void leave(std::int64_t bytes);

  Timers& timers_;
  std::int64_t capacity_;
  std::int64_t held_ = 0;
  std::deque<std::shared_ptr<Signal>> waiting_;
};

class ByteGate::Hold {
 public:
  Hold(ByteGate& gate, std::int64_t bytes) : gate_(gate), bytes_(bytes) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { gate_.leave(bytes_); }

 private:
  ByteGate& gate_;
  std::int64_t bytes_;
};

}  // namespace spillway::storage
