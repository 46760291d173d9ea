#pragma once
// Time that moves only when its owner says so: the Clock and the Timers of coroutines that run on
// one io_context, and the agenda of the models beside them. Nothing ever blocks: run what is ready,
// move to the next instant at which something is due, repeat. What is due at the same instant
// happens in the order in which it was asked for, so the same program makes the same history every
// time.
//
// One thread. The io_context outlives the time, and the time outlives every timer made from it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <spillway/async/timers.h>

namespace spillway::sim {

class VirtualTime final : public Clock, public Timers {
 public:
  static constexpr Instant kDefaultStart{std::chrono::hours(24 * 365 * 50)};

  explicit VirtualTime(asio::io_context& io, Instant start = kDefaultStart,
                       MonotonicTime boot = {});
  ~VirtualTime() override;
  VirtualTime(const VirtualTime&) = delete;
  VirtualTime& operator=(const VirtualTime&) = delete;

  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] MonotonicTime monotonic() const override { return monotonic_; }
  std::unique_ptr<Timer> make() override;
  [[nodiscard]] asio::any_io_executor executor() const { return io_.get_executor(); }

  // Calls `action` once at `when` (now, if that has passed), outside of every coroutine.
  void at(MonotonicTime when, std::function<void()> action);
  void after(Duration delay, std::function<void()> action) {
    at(monotonic_ + delay, std::move(action));
  }

  // Runs everything that is ready at this instant, without moving time. Ends the process when that
  // never ends.
  void settle();
  // Settles, moves to the next instant at which something is due, if that is not after `limit`, and
  // does all that is due there. False when nothing is due until then; time has not moved in that
  // case.
  bool step(MonotonicTime limit);
  void run_until(MonotonicTime until);
  void run_for(Duration duration) { run_until(monotonic_ + duration); }
  // Steps until `done()` holds, which is asked after every step. False when it does not within
  // `patience`.
  bool run_while_not(const std::function<bool()>& done, Duration patience);

  // A step of the wall clock; monotonic time stays.
  void step_wall(Duration by) { now_ += by; }

  // How many instants have been visited: the steps of a run.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  // When something is due next.
  [[nodiscard]] std::optional<MonotonicTime> next_due() const;

 private:
  class VirtualTimer;
  struct Due {
    std::function<void()> action;  // empty for the end of a timer's wait
    VirtualTimer* timer = nullptr;
  };
  using Order = std::pair<MonotonicTime, std::uint64_t>;

  Order enlist(MonotonicTime when, Due due);
  void move_to(MonotonicTime when);

  asio::io_context& io_;
  Instant now_;
  MonotonicTime monotonic_;
  std::uint64_t enlisted_ = 0;
  std::uint64_t steps_ = 0;
  std::map<Order, Due> agenda_;
};

}  // namespace spillway::sim
