#include <spillway/market/estimate.h>

#include <algorithm>
#include <cmath>

namespace spillway::market {
namespace {

constexpr std::int64_t kThousand = 1000;
// Exposure is cut where it can no longer change an estimate.
constexpr Duration kMostExposure = kLongestLife * 20;

Duration clamp_exposure(Duration value) {
  return std::clamp(value, Duration::zero(), kMostExposure);
}

// Failures double the wait until the cap; more of them need not be remembered.
constexpr std::int64_t kMostFailures = 5;

Duration wait_after(std::int64_t failures) {
  if (failures <= 0) return Duration::zero();
  const std::int64_t doublings = std::min(failures, kMostFailures) - 1;
  return std::min(kStockOutBase * (std::int64_t{1} << doublings), kStockOutCap);
}

}  // namespace

LifeSums after_loss(LifeSums sums, Duration length) {
  sums.exposure = clamp_exposure(sums.exposure * 9 / 10 + std::max(length, Duration::zero()));
  sums.losses_thousandths = sums.losses_thousandths * 9 / 10 + kThousand;
  return sums;
}

LifeSums after_release(LifeSums sums, Duration length) {
  sums.exposure = clamp_exposure(sums.exposure + std::max(length, Duration::zero()));
  return sums;
}

Duration expected_life(const LifeSums& sums, Duration running) {
  const Duration exposure = clamp_exposure(sums.exposure) + clamp_exposure(running) + kLifePrior;
  const std::int64_t events = std::max<std::int64_t>(sums.losses_thousandths, 0) + kThousand;
  return std::min(exposure * kThousand / events, kLongestLife);
}

LifeEstimate estimate_life(const LifeSums& sums, Duration running) {
  return {.fresh = expected_life(sums, Duration::zero()), .residual = expected_life(sums, running)};
}

AvailabilitySums observe_availability(AvailabilitySums sums, bool available, Instant now) {
  if (!sums.as_of) {
    sums.as_of = now;
    return sums;
  }
  const Duration elapsed = now - *sums.as_of;
  if (elapsed <= Duration::zero()) return sums;
  const auto in_ms = [](Duration d) { return static_cast<double>(d.count()); };
  const double rate = std::log(2.0) / in_ms(kAvailabilityHalfLife);
  const double kept = std::exp(-rate * in_ms(elapsed));
  const double gained = (1.0 - kept) / rate;  // the elapsed time, each moment weighted by its age
  const auto rounded = [](double ms) { return Duration(std::llround(ms)); };
  sums.observed = rounded(in_ms(sums.observed) * kept + gained);
  sums.available = rounded(in_ms(sums.available) * kept + (available ? gained : 0.0));
  sums.available = std::min(sums.available, sums.observed);
  sums.as_of = now;
  return sums;
}

std::optional<int> availability_percent(const AvailabilitySums& sums) {
  if (sums.observed <= Duration::zero()) return std::nullopt;
  const std::int64_t percent =
      (sums.available.count() * 100 + sums.observed.count() / 2) / sums.observed.count();
  return static_cast<int>(std::clamp<std::int64_t>(percent, 0, 100));
}

StockOutMemory after_launch_failure(StockOutMemory memory, Instant launched_at, Instant failed_at) {
  if (memory.failed_at && launched_at <= *memory.failed_at) return memory;
  memory.failures = std::min(failures_at(memory, failed_at) + 1, kMostFailures);
  memory.failed_at = failed_at;
  ++memory.sequence;
  return memory;
}

StockOutMemory after_launch_success(StockOutMemory memory, Instant launched_at) {
  if (memory.failed_at && launched_at <= *memory.failed_at) return memory;
  memory.failures = 0;
  return memory;
}

std::int64_t failures_at(const StockOutMemory& memory, Instant now) {
  if (!memory.failed_at || memory.failures <= 0) return 0;
  const Duration quiet = now - (*memory.failed_at + wait_after(memory.failures));
  if (quiet <= Duration::zero()) return memory.failures;
  return std::max<std::int64_t>(memory.failures - quiet / kStockOutCap, 0);
}

std::optional<Instant> retry_at(const StockOutMemory& memory, Instant now) {
  if (!memory.failed_at || memory.failures <= 0) return std::nullopt;
  const Instant until = *memory.failed_at + wait_after(memory.failures);
  if (until <= now) return std::nullopt;
  return until;
}

Availability availability_at(const StockOutMemory& memory, Instant now) {
  if (retry_at(memory, now)) return Availability::kStockedOut;
  return failures_at(memory, now) > 0 ? Availability::kConstrained : Availability::kAvailable;
}

}  // namespace spillway::market
