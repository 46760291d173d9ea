#include <spillway/async/timers.h>

#include <boost/asio/steady_timer.hpp>

#include <spillway/core/check.h>

namespace spillway {
namespace {

class SystemTimer final : public Timer {
 public:
  explicit SystemTimer(const asio::any_io_executor& executor) : timer_(executor) {}

  Task<Wake> wait_until(MonotonicTime when) override {
    SPILLWAY_CHECK(!waiting_);
    waiting_ = true;
    // MonotonicTime counts from the same epoch as steady_clock; time_point::max() does not fit its
    // finer resolution.
    constexpr auto kLatest =
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::duration::max());
    timer_.expires_at(
        std::chrono::steady_clock::time_point(std::min(when.time_since_epoch(), kLatest)));
    boost::system::error_code error;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    waiting_ = false;
    co_return error ? Wake::kCancelled : Wake::kTime;
  }
  void cancel() override { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
  bool waiting_ = false;
};

class SystemTimers final : public Timers {
 public:
  explicit SystemTimers(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  std::unique_ptr<Timer> make() override { return std::make_unique<SystemTimer>(executor_); }

 private:
  asio::any_io_executor executor_;
};

}  // namespace

std::unique_ptr<Timers> make_system_timers(asio::any_io_executor executor) {
  return std::make_unique<SystemTimers>(std::move(executor));
}

void Signal::notify() {
  raised_ = true;
  timer_->cancel();
}

Task<Wake> Signal::wait(MonotonicTime until) {
  if (!raised_) co_await timer_->wait_until(until);
  co_return std::exchange(raised_, false) ? Wake::kCancelled : Wake::kTime;
}

void TaskGroup::spawn(Task<void> task) {
  ++running_;
  asio::co_spawn(executor_, std::move(task), [this](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
    if (--running_ == 0) idle_.notify();
  });
}

Task<Wake> TaskGroup::drained(MonotonicTime until) {
  while (running_ > 0) {
    if (co_await idle_.wait(until) == Wake::kTime && running_ > 0) co_return Wake::kTime;
  }
  co_return Wake::kCancelled;
}

}  // namespace spillway
