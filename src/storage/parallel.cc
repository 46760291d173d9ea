#include "parallel.h"

#include <optional>

namespace spillway::storage {
namespace {

// Shared with the workers: the caller may be destroyed with its io_context before they are.
struct Progress {
  explicit Progress(const Runtime& runtime) : group(runtime.executor, runtime.timers) {}
  TaskGroup group;
  std::function<Task<Result<void>>(std::size_t)> item;
  std::size_t count = 0;
  std::size_t next = 0;
  std::optional<Error> error;
};

Task<void> work(std::shared_ptr<Progress> progress) {
  while (!progress->error && progress->next < progress->count) {
    auto done = co_await progress->item(progress->next++);
    if (!done && !progress->error) progress->error = std::move(done).error();
  }
}

}  // namespace

Task<Result<void>> for_each_parallel(Runtime runtime, std::size_t count, int workers,
                                     std::function<Task<Result<void>>(std::size_t)> item) {
  const auto progress = std::make_shared<Progress>(runtime);
  progress->item = std::move(item);
  progress->count = count;
  for (int i = 0; i < workers && static_cast<std::size_t>(i) < count; ++i)
    progress->group.spawn(work(progress));
  co_await progress->group.drained(MonotonicTime::max());
  progress->item = nullptr;
  if (progress->error) co_return fail(*std::move(progress->error));
  co_return Result<void>();
}

Task<std::unique_ptr<ByteGate::Hold>> ByteGate::enter(std::int64_t bytes) {
  while (held_ > 0 && held_ + bytes > capacity_) {
    const auto turn = std::make_shared<Signal>(timers_);
    waiting_.push_back(turn);
    co_await turn->wait(MonotonicTime::max());
  }
  held_ += bytes;
  co_return std::make_unique<Hold>(*this, bytes);
}

void ByteGate::leave(std::int64_t bytes) {
  held_ -= bytes;
  // All look again: the first may want more than there is, and a later one may fit.
  for (const auto& waiter : std::exchange(waiting_, {}))
    waiter->notify();
}

}  // namespace spillway::storage
