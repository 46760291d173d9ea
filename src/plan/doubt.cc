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

bool is_doubted(const Pool& pool) {
  return pool.tier == api::Tier::kSpot && pool.seen_state == MarketState::kGap;
}

Instant after(const Pool& pool, double hours) {
  return pool.seen_at + std::chrono::ceil<Duration>(HoursOfGap(hours));
}

}  // namespace

Instant likely_back_at(const Pool& pool) {
  if (!is_doubted(pool)) return Instant::min();
  return after(pool,
               ends_within(pool.hazard.gap, in_hours_of_gap(pool.seen_age), 0.5, kLongestHours));
}

double chance_of_launch(const Pool& pool, Instant now, Duration launch_timeout) {
  const Duration ago = std::max(now - pool.seen_at, Duration(0));
  if (!is_doubted(pool) || in_hours_of_gap(ago) >= kLongestHours) return 1;
  return chance_served(pool.hazard, in_hours_of_gap(pool.seen_age),
                       in_hours_of_gap(ago + launch_timeout));
}

Instant worth_a_try_at(const Pool& pool, const Stake& stake, Duration launch_timeout) {
  if (!is_doubted(pool)) return Instant::min();
  const double age = in_hours_of_gap(pool.seen_age);
  const double gap = typical_rest(pool.hazard.gap, age);
  const double pause = pause_between_tries(stake.refusal, stake.saving, gap);
  const double gain = stake.saving * mean_rest(pool.hazard.window, 0) - stake.start;
  const double needed =
      stake.refusal / (std::max(gain, 0.0) + stake.refusal) / long_run_share(pool.hazard);
  double likely = kLongestHours;
  if (needed < 1)
    likely =
        ends_within(pool.hazard.gap, age, needed, kLongestHours) - in_hours_of_gap(launch_timeout);
  return after(pool, std::clamp(std::max(pause, likely), 0.0, kLongestHours));
}

std::map<std::size_t, Instant> pools_taken_back(const Snapshot& snapshot) {
  std::map<std::size_t, Instant> since;
  std::map<std::size_t, std::int64_t> left;
  for (const Notice& notice : snapshot.notices) {
    const std::size_t pool = snapshot.nodes[notice.node].pool;
    if (notice.kind != NoticeKind::kInterruption || snapshot.pools[pool].tier != api::Tier::kSpot)
      continue;
    const auto [at, first] = since.try_emplace(pool, notice.first_seen);
    if (!first) at->second = std::max(at->second, notice.first_seen);
    --left[pool];
  }
  if (since.empty()) return since;
  for (const Node& node : snapshot.nodes) {
    if (node.health != NodeHealth::kGone) ++left[node.pool];
  }
  std::erase_if(since, [&](const auto& entry) { return left[entry.first] > 0; });
  return since;
}

}  // namespace spillway::plan
