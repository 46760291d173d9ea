#pragma once
// The client's own limit: a token bucket, and a pause that a server's 429 imposes. Pure: time is
// passed in.

#include <spillway/core/time.h>

namespace spillway::kube {

struct RateLimit {
  double per_second = 200;  // <= 0 switches the bucket off (the pause stays)
  double burst = 400;
};

// Reservations are first come, first served: each call is told when it may go.
class RateLimiter {
 public:
  explicit RateLimiter(RateLimit limit) : limit_(limit), tokens_(limit.burst) {}

  // Takes one token, in debt if need be, and says when the request may leave (`now` or later).
  MonotonicTime reserve(MonotonicTime now);
  // When half of the burst is there, if nobody else takes of it: what can wait leaves it to others.
  [[nodiscard]] MonotonicTime spare_at(MonotonicTime now) const;
  // Gives back the token of a request that was never sent.
  void give_back();
  // Nobody leaves before `until`: the server asked for it.
  void pause_until(MonotonicTime until);
  [[nodiscard]] MonotonicTime paused_until() const { return paused_until_; }

 private:
  RateLimit limit_;
  double tokens_;
  MonotonicTime refilled_at_{};
  bool started_ = false;
  MonotonicTime paused_until_{};
};

}  // namespace spillway::kube
