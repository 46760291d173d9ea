#include <spillway/control/fold_window.h>

#include <algorithm>

namespace spillway::control {

void FoldWindow::note(Duration cost, MonotonicTime now) {
  const Duration repaid = (now - ended_) / limits_.urgent_share;
  debt_ = std::max(debt_ - repaid, Duration(0)) + cost;
  cost_ = cost;
  ended_ = now;
}

MonotonicTime FoldWindow::next(MonotonicTime asked) const {
  return std::max(asked + limits_.shortest, ended_ + cost_ * limits_.factor);
}

// The next pass is expected to cost what the last one did; it waits until the debt leaves room for
// that.
MonotonicTime FoldWindow::next_urgent(MonotonicTime asked) const {
  const Duration too_much = std::clamp(debt_ + cost_ - limits_.urgent_burst, Duration(0), debt_);
  const MonotonicTime urgent =
      std::max({asked + limits_.shortest,
                ended_ + std::min(cost_ * limits_.urgent_factor, limits_.urgent_longest),
                ended_ + too_much * limits_.urgent_share});
  return std::min(urgent, next(asked));
}

}  // namespace spillway::control
