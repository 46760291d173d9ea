#include <spillway/kube/rate_limiter.h>

#include <algorithm>
#include <cmath>

namespace spillway::kube {

MonotonicTime RateLimiter::reserve(MonotonicTime now) {
  if (limit_.per_second <= 0) return std::max(now, paused_until_);
  if (started_) {
    const double elapsed_seconds = std::chrono::duration<double>(now - refilled_at_).count();
    tokens_ = std::min(limit_.burst, tokens_ + elapsed_seconds * limit_.per_second);
  }
  started_ = true;
  refilled_at_ = now;
  tokens_ -= 1;
  if (tokens_ >= 0) return std::max(now, paused_until_);
  const auto wait_ms = static_cast<Duration::rep>(std::ceil(-tokens_ / limit_.per_second * 1000));
  return std::max(now + Duration(wait_ms), paused_until_);
}

MonotonicTime RateLimiter::spare_at(MonotonicTime now) const {
  if (limit_.per_second <= 0 || !started_) return std::max(now, paused_until_);
  const double missing = limit_.burst / 2 - tokens_;
  const auto time_ms =
      static_cast<Duration::rep>(std::ceil(std::max(missing, 0.0) / limit_.per_second * 1000));
  return std::max({now, paused_until_, refilled_at_ + Duration(time_ms)});
}

void RateLimiter::give_back() {
  tokens_ = std::min(limit_.burst, tokens_ + 1);
}

void RateLimiter::pause_until(MonotonicTime until) {
  paused_until_ = std::max(paused_until_, until);
}

}  // namespace spillway::kube
