#pragma once
// Time that moves only when a test says so: a Clock and Timers for one io_context. Timers fire in
// the order of their times, and of their waits where the times are equal; between two of them
// everything that is ready runs.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include <spillway/async/timers.h>
#include <spillway/core/check.h>

#include <boost/asio/steady_timer.hpp>

namespace spillway::testing {

class VirtualTime final : public Clock, public Timers {
 public:
  explicit VirtualTime(asio::io_context& io,
                       Instant start = Instant(std::chrono::hours(24 * 365 * 50)))
      : io_(io), now_(start) {}

  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] MonotonicTime monotonic() const override { return monotonic_; }
  std::unique_ptr<Timer> make() override { return std::make_unique<VirtualTimer>(*this); }

  // Runs what is ready, without moving time.
  void settle() {
    do {
      io_.restart();
    } while (io_.poll() > 0);
  }
  void run_for(Duration duration) { run_until(monotonic_ + duration); }
  void run_until(MonotonicTime until) {
    settle();
    while (!waits_.empty() && std::get<0>(*waits_.begin()) <= until) {
      const auto [when, order, timer] = *waits_.begin();
      move_to(when);
      timer->fire();
      settle();
    }
    move_to(until);
  }
  // A step of the wall clock; monotonic time stays.
  void step_wall(Duration by) { now_ += by; }

 private:
  class VirtualTimer;
  using Wait = std::tuple<MonotonicTime, std::uint64_t, VirtualTimer*>;

  class VirtualTimer final : public Timer {
   public:
    explicit VirtualTimer(VirtualTime& time) : time_(time), wake_(time.io_) {}
    VirtualTimer(const VirtualTimer&) = delete;
    VirtualTimer& operator=(const VirtualTimer&) = delete;
    ~VirtualTimer() override { forget(); }

    Task<Wake> wait_until(MonotonicTime when) override {
      SPILLWAY_CHECK(!wait_);
      wait_ = Wait{when, ++time_.waits_made_, this};
      time_.waits_.insert(*wait_);
      fired_ = false;
      wake_.expires_at(std::chrono::steady_clock::time_point::max());
      boost::system::error_code ignored;  // always "cancelled": fired_ tells by what
      co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      forget();
      co_return fired_ ? Wake::kTime : Wake::kCancelled;
    }
    void cancel() override { wake_.cancel(); }
    void fire() {
      fired_ = true;
      forget();
      wake_.cancel();
    }

   private:
    void forget() {
      if (wait_) time_.waits_.erase(*wait_);
      wait_.reset();
    }
    VirtualTime& time_;
    asio::steady_timer wake_;
    std::optional<Wait> wait_;
    bool fired_ = false;
  };

  void move_to(MonotonicTime when) {
    if (when <= monotonic_) return;
    now_ += when - monotonic_;
    monotonic_ = when;
  }

  asio::io_context& io_;
  Instant now_;
  MonotonicTime monotonic_{};
  std::uint64_t waits_made_ = 0;
  std::set<Wait> waits_;
};

}  // namespace spillway::testing
