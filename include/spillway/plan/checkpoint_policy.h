#pragma once
// How often a program should save, and which of its checkpoints may go. Pure values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <spillway/api/checkpoint.h>
#include <spillway/core/ids.h>
#include <spillway/core/time.h>

namespace spillway::plan {

// The interval at which saves and rework together cost least: Young's square root of 2 x save time
// x mean life with Daly's correction, the life stretched by what saves at a notice rescue
// (Daly 2006). `notice_success` in [0, 1): the share of losses before which a save asked for
// at the notice is verified. Within 10 s and 24 h, and never shorter than a save.
[[nodiscard]] Duration best_interval(Duration save_time, Duration mean_life, double notice_success);

// The same as a suggestion that stays: rounded, and `before` while it is within a third of the
// best.
[[nodiscard]] Duration suggested_interval(Duration save_time, Duration mean_life,
                                          double notice_success, std::optional<Duration> before);

// The share of saves at a notice that were verified, with two imaginary ones, half of them good,
// while little is known; below 1.
[[nodiscard]] double notice_success(std::int64_t asked, std::int64_t verified);

struct StoredCheckpoint {
  AttemptNumber attempt;  // that wrote it
  api::StepNumber step;
  bool verified = false;
};

// Which of them to remove, oldest first (marker before parts, docs/checkpoints.md): verified ones
// older than the newest `keep` verified, of which at least two always stay; never one that was not
// verified, never `in_use`, and none at all while a resume is in flight. Newer is: later attempt,
// then higher step.
[[nodiscard]] std::vector<std::size_t> prunable(const std::vector<StoredCheckpoint>& checkpoints,
                                                std::int64_t keep, bool resume_in_flight,
                                                std::optional<StoredCheckpoint> in_use);

}  // namespace spillway::plan
