#pragma once
// How often to try again. A budget over all calls of a store keeps a store that is down from
// getting a multiple of its usual load. Pure, but for the random number that comes in.

#include <algorithm>

#include <spillway/core/clock.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::storage {

class RetryBudget {
 public:
  // False: give up. Successes earn back what retries spend.
  [[nodiscard]] bool spend(const Error& error) {
    const int cost = error.code == ErrorCode::kTimeout ? 10 : 5;
    if (tokens_ < cost) return false;
    tokens_ -= cost;
    return true;
  }
  void earn() { tokens_ = std::min(kCapacity, tokens_ + 1); }

 private:
  static constexpr int kCapacity = 500;
  int tokens_ = kCapacity;
};

// "Full jitter": uniform between nothing and a bound that doubles; the store's own word is a lower
// bound.
inline Duration retry_pause(int failures, const Error& error, Random& random) {
  constexpr Duration kBase = std::chrono::milliseconds(200);
  constexpr Duration kLongest = std::chrono::seconds(10);
  const Duration bound = std::min(kLongest, kBase * (1 << std::min(failures, 10)));
  const Duration pause(
      static_cast<Duration::rep>(random.uniform() * static_cast<double>(bound.count())));
  return std::max(pause, error.retry_after.value_or(Duration(0)));
}

}  // namespace spillway::storage
