#pragma once
// The time of the replayed market: it starts at an instant of the recording and runs at a multiple
// of real time.

#include <spillway/core/clock.h>
#include <spillway/core/time.h>

namespace spillway::market_server {

class MarketTime {
 public:
  // `speed` >= 0: 1 = real time, 60 = a minute a second, 0 = stands still.
  MarketTime(const Clock& clock, Instant at, double speed)
      : clock_(clock), at_(at), speed_(speed), since_(clock.monotonic()) {}

  [[nodiscard]] Instant now() const {
    const auto elapsed = static_cast<double>((clock_.monotonic() - since_).count());
    return at_ + Duration(static_cast<std::int64_t>(elapsed * speed_));
  }
  [[nodiscard]] double speed() const { return speed_; }
  // From now on: forwards or backwards, at this speed.
  void set(Instant at, double speed) {
    at_ = at;
    speed_ = speed;
    since_ = clock_.monotonic();
  }

 private:
  const Clock& clock_;
  Instant at_;
  double speed_;
  MonotonicTime since_;
};

}  // namespace spillway::market_server
