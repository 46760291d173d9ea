#pragma once
// The training loop of one rank: resume, step, save, until all steps are done or somebody says
// stop.

#include <chrono>
#include <functional>
#include <optional>

#include <spillway/core/result.h>

#include "gang.h"
#include "model.h"
#include "requests.h"
#include "shelf.h"

namespace spillway::trainer {

struct TrainingConfig {
  ModelShape shape;
  Place place;
  Step total{1000};
  std::int64_t interval = 100;  // steps between two checkpoints
  std::int64_t journal_every = 1;
  std::chrono::milliseconds step_time{0};  // at least
  // The step that this attempt has to resume from; nullopt = the newest that all ranks have.
  std::optional<Step> resume_step;
};

enum class Ending {
  kFinished,
  kTold,  // it saved and ended because it was told to
};

// `trigger` may be nullptr. Errors: a lost rank, a shelf that fails, a step to resume from that is
// not there. A gang that cannot resume where it has to computes nothing.
Result<Ending> train(const TrainingConfig& config, Gang& gang, Shelf& shelf, HttpTrigger* trigger);

}  // namespace spillway::trainer
