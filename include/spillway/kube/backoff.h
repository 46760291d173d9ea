#pragma once
// Exponential backoff that forgets after a quiet time (client-go's 800 ms, x2, 30 s, jitter 1.0,
// reset after 2 min).

#include <spillway/core/clock.h>
#include <spillway/core/time.h>

namespace spillway::kube {

struct BackoffOptions {
  Duration base = std::chrono::milliseconds(800);
  Duration cap = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter = 1.0;  // a delay is drawn from [delay, delay * (1 + jitter))
  Duration reset_after = std::chrono::minutes(2);
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options) : options_(options) {}
  // The delay before the next try after a failure at `now`.
  Duration next(MonotonicTime now, Random& random);

 private:
  BackoffOptions options_;
  int failures_ = 0;
  MonotonicTime forget_at_{};
};

}  // namespace spillway::kube
