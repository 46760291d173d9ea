#include <spillway/kube/backoff.h>

#include <algorithm>
#include <cmath>

namespace spillway::kube {

Duration Backoff::next(MonotonicTime now, Random& random) {
  if (now >= forget_at_) failures_ = 0;
  const double cap = static_cast<double>(options_.cap.count());
  const double grown =
      static_cast<double>(options_.base.count()) * std::pow(options_.factor, failures_);
  failures_ = std::min(failures_ + 1, 64);
  const double delay = std::min(grown, cap) * (1 + options_.jitter * random.uniform());
  const Duration chosen(static_cast<Duration::rep>(delay));
  // Quiet counts from the end of the pause.
  forget_at_ = now + chosen + options_.reset_after;
  return chosen;
}

}  // namespace spillway::kube
