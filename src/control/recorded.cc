// What the stored objects themselves say, read by more than one file.

#include <spillway/control/picture.h>

namespace spillway::control {

bool finished(const api::TrainingJob& job) {
  return api::is_true(job.status.conditions, api::condition::kComplete) ||
         api::is_true(job.status.conditions, api::condition::kFailed);
}

bool over(const api::TrainingJob& job) {
  return finished(job) && !(job.meta.deleted_at && job.holds_deletion);
}

market::LifeSums life_sums(const api::CapacityPoolStatus& status) {
  if (!status.life) return {};
  return {.exposure = status.life->window_time, .losses_thousandths = status.life->windows_milli};
}

market::StockOutMemory stock_out_memory(const api::CapacityPoolStatus& status) {
  if (!status.stock_out) return {};
  return {.failures = status.stock_out->failures, .failed_at = status.stock_out->since};
}

}  // namespace spillway::control
