#pragma once
// How long capacity lasts and whether it can be had, learnt from what the cluster itself sees
// (docs/placement.md). Pure values and functions. All sums are integers, so that
// CapacityPool.status can hold them and a restarted operator goes on where it was.

#include <cstdint>
#include <optional>

#include <spillway/core/time.h>
#include <spillway/market/offering.h>

namespace spillway::market {

// Life: E = (L + r + 2 h) / (n + 1): exposure over events, with a prior of one loss in two hours. A
// window is the life of a node (or of a zone's offer).

struct LifeSums {
  Duration exposure{};                  // L, decayed by 0.9 per window that ended in a loss
  std::int64_t losses_thousandths = 0;  // n x 1000, decayed alike
  friend bool operator==(const LifeSums&, const LifeSums&) = default;
};

inline constexpr Duration kLifePrior = std::chrono::hours(2);
inline constexpr Duration kLongestLife = std::chrono::hours(24 * 90);  // estimates are cut here

// A node was lost to the cloud after `length`: L = 0.9 L + length, n = 0.9 n + 1.
[[nodiscard]] LifeSums after_loss(LifeSums sums, Duration length);
// A node was given back by us, or finished, after `length`: exposure without an event.
[[nodiscard]] LifeSums after_release(LifeSums sums, Duration length);

// `running` is the age of the window in progress: the longest-running node of the pool; zero when
// none runs.
[[nodiscard]] Duration expected_life(const LifeSums& sums, Duration running);
// fresh = E with r = 0; residual = E with r = running (survivors last longer: lives are
// heavy-tailed).
[[nodiscard]] LifeEstimate estimate_life(const LifeSums& sums, Duration running);

// Availability: exponentially weighted share of time, half-life 24 h, bias-corrected.

struct AvailabilitySums {
  Duration available{};  // weighted time with capacity on offer
  Duration observed{};   // weighted time in all
  std::optional<Instant> as_of;
  friend bool operator==(const AvailabilitySums&, const AvailabilitySums&) = default;
};

inline constexpr Duration kAvailabilityHalfLife = std::chrono::hours(24);

// The state was `available` from sums.as_of until `now`. The first call only starts the clock; time
// that runs backwards changes nothing.
[[nodiscard]] AvailabilitySums observe_availability(AvailabilitySums sums, bool available,
                                                    Instant now);
// In percent, 0 to 100; nullopt while nothing was observed (never read as "no").
[[nodiscard]] std::optional<int> availability_percent(const AvailabilitySums& sums);

// Stock-out memory: 2^failures minutes, 30 at most, forgotten step by step.

struct StockOutMemory {
  std::int64_t failures = 0;         // as of failed_at; use failures_at() for another time
  std::optional<Instant> failed_at;  // the last counted failure
  std::uint64_t sequence = 0;        // counted failures over all time, a number for each
  friend bool operator==(const StockOutMemory&, const StockOutMemory&) = default;
};

inline constexpr Duration kStockOutBase = std::chrono::minutes(2);
inline constexpr Duration kStockOutCap = std::chrono::minutes(30);

// A launch that began at `launched_at` got no capacity by `failed_at`. It is counted only when it
// began after the last counted failure: launches that were already under way then are the same
// evidence, and so is the same failure seen again.
[[nodiscard]] StockOutMemory after_launch_failure(StockOutMemory memory, Instant launched_at,
                                                  Instant failed_at);
// A launch that began after the last counted failure got its capacity: all is forgiven (the
// sequence goes on).
[[nodiscard]] StockOutMemory after_launch_success(StockOutMemory memory, Instant launched_at);

// One failure is forgotten for each kStockOutCap without a new one, counted from the end of the
// waiting time.
[[nodiscard]] std::int64_t failures_at(const StockOutMemory& memory, Instant now);
// When the pool may be tried again; nullopt when it may be tried now.
[[nodiscard]] std::optional<Instant> retry_at(const StockOutMemory& memory, Instant now);
// StockedOut until retry_at, Constrained while failures are remembered, else Available.
[[nodiscard]] Availability availability_at(const StockOutMemory& memory, Instant now);

}  // namespace spillway::market
