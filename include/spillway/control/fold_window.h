#pragma once
// When the next pass may be made. Events are let gather, so that a burst is planned as one and
// planning takes a small share of a core; something urgent (a node that is said to go) ends the
// wait early, as long as that stays bounded, too. Pure: time and costs are passed in.

#include <spillway/core/time.h>

namespace spillway::control {

struct FoldLimits {
  Duration shortest = std::chrono::milliseconds(50);  // what belongs together comes within this
  int factor = 20;  // of what the last pass cost: planning takes at most 1/20 of a core
  // Something urgent waits for this much of the last pass, and no longer than `urgent_longest`.
  int urgent_factor = 4;
  Duration urgent_longest = std::chrono::milliseconds(250);
  // Over any time, passes that urgency brought forward take at most 1/urgent_share of a core, and
  // urgent_burst of processor time beyond that (or a single pass that costs more).
  int urgent_share = 4;
  Duration urgent_burst = std::chrono::seconds(1);
};

class FoldWindow {
 public:
  explicit FoldWindow(const FoldLimits& limits) : limits_(limits) {}

  // A pass ended at `now` and took `cost` of the processor.
  void note(Duration cost, MonotonicTime now);
  // The earliest time for a pass that was first asked for at `asked`.
  [[nodiscard]] MonotonicTime next(MonotonicTime asked) const;
  // The same when what asks is urgent; never later than next().
  [[nodiscard]] MonotonicTime next_urgent(MonotonicTime asked) const;

 private:
  FoldLimits limits_;
  Duration cost_{};        // of the last pass
  MonotonicTime ended_{};  // when it ended
  Duration debt_{};        // at that time: processor time beyond 1/urgent_share of a core
};

}  // namespace spillway::control
