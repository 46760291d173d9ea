#include "doubt.h"

#include <algorithm>
#include <cmath>

#include "spot_policy/tries.h"

namespace spillway::plan {
namespace {

using HoursOfGap = std::chrono::duration<double, std::ratio<3600>>;

// Nothing is doubted for longer.
constexpr double kLongestHours = 24;

double in_hours_of_gap(Duration time) {
  return HoursOfGap(time).count();
}

Instant after(Instant seen_at, double hours) {
  return seen_at + std::chrono::ceil<Duration>(HoursOfGap(hours));
}

}  // namespace

std::optional<Doubt> doubt_of(const Pool& pool) {
  if (pool.tier != api::Tier::kSpot || pool.seen_state != MarketState::kGap) return std::nullopt;
  const double age = in_hours_of_gap(pool.seen_age);
  const double stay = mean_rest(pool.hazard.window, 0);
  return Doubt{.seen_at = pool.seen_at,
               .age = age,
               .gap_rate = pool.hazard.gap,
               .gap_rest = typical_rest(pool.hazard.gap, age),
               .stay = stay,
               .share = stay / (stay + mean_rest(pool.hazard.gap, 0))};
}

Instant Doubt::likely_back_at() const {
  return after(seen_at, ends_within(gap_rate, age, 0.5, kLongestHours));
}

double chance_of_launch(const Doubt& doubt, Instant now, Duration launch_timeout) {
  const Duration ago = std::max(now - doubt.seen_at, Duration(0));
  if (in_hours_of_gap(ago) >= kLongestHours) return 1;
  return chance_served(doubt.gap_rate, doubt.share, doubt.age,
                       in_hours_of_gap(ago + launch_timeout));
}

namespace {

double pause_of(const Doubt& doubt, const Stake& stake) {
  return std::min(pause_between_tries(stake.refusal, stake.saving, doubt.gap_rest), kLongestHours);
}

}  // namespace

Instant next_try_at(const Doubt& doubt, const Stake& stake) {
  return after(doubt.seen_at, pause_of(doubt, stake));
}

Instant worth_a_try_at(const Doubt& doubt, const Stake& stake, Duration launch_timeout) {
  const double pause = pause_of(doubt, stake);
  const double gain = std::max(stake.saving * doubt.stay - stake.start, 0.0);
  const double needed = stake.refusal / (gain + stake.refusal);
  const double timeout = in_hours_of_gap(launch_timeout);
  if (chance_served(doubt.gap_rate, doubt.share, doubt.age, pause + timeout) >= needed)
    return after(doubt.seen_at, pause);
  if (needed >= doubt.share) return after(doubt.seen_at, kLongestHours);
  const double ended =
      ends_within(doubt.gap_rate, doubt.age, needed / doubt.share, kLongestHours + timeout);
  return after(doubt.seen_at, std::clamp(ended - timeout, pause, kLongestHours));
}

}  // namespace spillway::plan
