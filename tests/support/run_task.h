#pragma once
// Runs a coroutine to its end on virtual time.

#include <gtest/gtest.h>

#include <optional>

#include "support/virtual_time.h"

namespace spillway::testing {

// Moves time on until the task has ended; fails the test when it has not within `patience`.
template <class T>
std::optional<T> run_task(asio::io_context& io, VirtualTime& time, Task<T> task,
                          Duration patience = std::chrono::hours(1)) {
  std::optional<T> out;
  asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& thrown, T result) {
    EXPECT_FALSE(thrown);
    out = std::move(result);
  });
  const MonotonicTime until = time.monotonic() + patience;
  time.settle();
  while (!out && time.monotonic() < until)
    time.run_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(out) << "the task did not end";
  return out;
}

}  // namespace spillway::testing
