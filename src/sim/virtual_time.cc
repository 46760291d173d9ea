#include <spillway/sim/virtual_time.h>

#include <algorithm>

#include <spillway/core/check.h>

namespace spillway::sim {
namespace {

// More than this without time moving is a program that wakes itself for ever.
constexpr std::uint64_t kMaxHandlersAtOneInstant = 20'000'000;

// A suspended coroutine, whatever type its handler has.
class Sleeper {
 public:
  virtual ~Sleeper() = default;
  virtual void wake() = 0;  // once; the coroutine goes on from the io_context
};

template <class Handler>
class SleeperOf final : public Sleeper {
 public:
  SleeperOf(asio::io_context& io, Handler handler) : io_(io), handler_(std::move(handler)) {}
  void wake() override { asio::post(io_, std::move(handler_)); }

 private:
  asio::io_context& io_;
  Handler handler_;
};

}  // namespace

class VirtualTime::VirtualTimer final : public Timer {
 public:
  explicit VirtualTimer(VirtualTime& time) : time_(time) {}
  ~VirtualTimer() override { forget(); }
  VirtualTimer(const VirtualTimer&) = delete;
  VirtualTimer& operator=(const VirtualTimer&) = delete;

  Task<Wake> wait_until(MonotonicTime when) override {
    SPILLWAY_CHECK(!sleeper_);
    if (when != MonotonicTime::max()) order_ = time_.enlist(when, Due{.timer = this});
    woken_by_ = Wake::kCancelled;
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [this](auto handler) {
          sleeper_ = std::make_unique<SleeperOf<decltype(handler)>>(time_.io_, std::move(handler));
        },
        asio::use_awaitable);
    co_return woken_by_;
  }
  void cancel() override {
    forget();
    wake(Wake::kCancelled);
  }
  void fire() {
    order_.reset();
    wake(Wake::kTime);
  }

 private:
  void forget() {
    if (order_) time_.agenda_.erase(*order_);
    order_.reset();
  }
  void wake(Wake by) {
    if (!sleeper_) return;
    woken_by_ = by;
    const std::unique_ptr<Sleeper> sleeper = std::move(sleeper_);
    sleeper->wake();
  }

  VirtualTime& time_;
  std::optional<Order> order_;
  std::unique_ptr<Sleeper> sleeper_;
  Wake woken_by_ = Wake::kCancelled;
};

VirtualTime::VirtualTime(asio::io_context& io, Instant start, MonotonicTime boot)
    : io_(io), now_(start), monotonic_(boot) {}

VirtualTime::~VirtualTime() = default;

std::unique_ptr<Timer> VirtualTime::make() {
  return std::make_unique<VirtualTimer>(*this);
}

VirtualTime::Order VirtualTime::enlist(MonotonicTime when, Due due) {
  const Order order{std::max(when, monotonic_), ++enlisted_};
  agenda_.emplace(order, std::move(due));
  return order;
}

void VirtualTime::at(MonotonicTime when, std::function<void()> action) {
  enlist(when, Due{.action = std::move(action)});
}

void VirtualTime::settle() {
  std::uint64_t handlers = 0;
  do {
    io_.restart();
    const std::size_t ran = io_.poll();
    if (ran == 0) return;
    handlers += ran;
  } while (handlers < kMaxHandlersAtOneInstant);
  SPILLWAY_CHECK(handlers < kMaxHandlersAtOneInstant);
}

bool VirtualTime::step(MonotonicTime limit) {
  settle();
  if (agenda_.empty() || agenda_.begin()->first.first > limit) return false;
  ++steps_;
  move_to(agenda_.begin()->first.first);
  std::uint64_t done = 0;
  while (!agenda_.empty() && agenda_.begin()->first.first <= monotonic_) {
    SPILLWAY_CHECK(++done < kMaxHandlersAtOneInstant);
    const Due due = std::move(agenda_.extract(agenda_.begin()).mapped());
    if (due.timer != nullptr) due.timer->fire();
    if (due.action) due.action();
    settle();
  }
  return true;
}

void VirtualTime::run_until(MonotonicTime until) {
  while (step(until)) {
  }
  move_to(until);
}

bool VirtualTime::run_while_not(const std::function<bool()>& done, Duration patience) {
  const MonotonicTime limit = monotonic_ + patience;
  settle();
  while (!done()) {
    if (step(limit)) continue;
    move_to(limit);
    return done();
  }
  return true;
}

std::optional<MonotonicTime> VirtualTime::next_due() const {
  if (agenda_.empty()) return std::nullopt;
  return agenda_.begin()->first.first;
}

void VirtualTime::move_to(MonotonicTime when) {
  if (when <= monotonic_) return;
  now_ += when - monotonic_;
  monotonic_ = when;
}

}  // namespace spillway::sim
