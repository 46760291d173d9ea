#pragma once
// What a job has left to do, and a memory of it for the pass: every rule asks for it, and its facts
// are spread over the snapshot.

#include <cstddef>
#include <optional>
#include <vector>

#include "cost.h"
#include "deadline.h"

namespace spillway::plan {

// In hours of the first-listed model.
struct Work {
  Hours total{0};  // of an attempt that starts anew: from scratch, or from what is saved
  Hours left{0};   // where it runs now
  Hours age{0};    // machine hours of the running attempt that are lost when it ends early
  Hours start{0};  // what every start costs
  std::optional<Saving> saving{};  // with checkpoints

  [[nodiscard]] Effort anew() const { return {.work = total, .start = start, .saving = saving}; }
  [[nodiscard]] Effort rest() const { return {.work = left, .start = start, .saving = saving}; }
};

// Beside the work what it was reckoned from, as far as a pass changes it.
struct WorkMemo {
  Work work;
  std::size_t pool = 0;
  bool continues = false;
  bool saving = false;
  bool known = false;
};

class WorkMemos {
 public:
  explicit WorkMemos(std::size_t jobs) : memos_(jobs), deadlines_(jobs) {}
  // Of a job by its index.
  [[nodiscard]] WorkMemo& of(std::size_t job) const { return memos_[job]; }
  // Nothing that a pass does changes it.
  [[nodiscard]] std::optional<DeadlineRule>& deadline_of(std::size_t job) const {
    return deadlines_[job];
  }

 private:
  mutable std::vector<WorkMemo> memos_;
  mutable std::vector<std::optional<DeadlineRule>> deadlines_;
};

}  // namespace spillway::plan
