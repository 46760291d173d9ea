#include <spillway/plan/checkpoint_policy.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

namespace spillway::plan {
namespace {

constexpr Duration kShortest = std::chrono::seconds(10);
constexpr Duration kLongest = std::chrono::hours(24);
constexpr double kMostSuccess = 0.95;
constexpr std::int64_t kLeastKept = 2;

// Half-hours are easier to read than 1873 seconds: 1, 1.5, 2, 3, 5 and 7 of each power of ten of
// seconds are near enough to any optimum, which is flat.
Duration rounded(Duration interval) {
  constexpr std::array<double, 7> kSteps{1, 1.5, 2, 3, 5, 7, 10};
  const double seconds = static_cast<double>(interval.count()) / 1000;
  const double power = std::pow(10.0, std::floor(std::log10(seconds)));
  const double mantissa = seconds / power;
  const auto nearest = std::min_element(kSteps.begin(), kSteps.end(), [&](double a, double b) {
    return std::abs(std::log(mantissa / a)) < std::abs(std::log(mantissa / b));
  });
  return std::chrono::seconds(std::llround(*nearest * power));
}

std::tuple<AttemptNumber, api::StepNumber> age_of(const StoredCheckpoint& checkpoint) {
  return {checkpoint.attempt, checkpoint.step};
}

}  // namespace

Duration best_interval(Duration save_time, Duration mean_life, double success) {
  const double save = std::max<double>(static_cast<double>(save_time.count()), 1);
  const double life = std::max<double>(static_cast<double>(mean_life.count()), 1) /
                      (1 - std::clamp(success, 0.0, kMostSuccess));
  double interval = life;
  if (save < 2 * life) {
    const double root = std::sqrt(save / (2 * life));
    interval = std::sqrt(2 * save * life) * (1 + root / 3 + root * root / 9) - save;
  }
  const double longest = static_cast<double>(kLongest.count());
  const Duration best(std::llround(std::min(std::max(interval, save), longest)));
  return std::clamp<Duration>(best, kShortest, kLongest);
}

Duration suggested_interval(Duration save_time, Duration mean_life, double success,
                            std::optional<Duration> before) {
  const Duration best = best_interval(save_time, mean_life, success);
  if (before && *before * 3 >= best * 2 && *before * 2 <= best * 3) return *before;
  return std::clamp<Duration>(rounded(best), kShortest, kLongest);
}

double notice_success(std::int64_t asked, std::int64_t verified) {
  const double good = static_cast<double>(std::clamp<std::int64_t>(verified, 0, asked)) + 1;
  return std::min(kMostSuccess, good / (static_cast<double>(std::max<std::int64_t>(asked, 0)) + 2));
}

std::vector<std::size_t> prunable(const std::vector<StoredCheckpoint>& checkpoints,
                                  std::int64_t keep, bool resume_in_flight,
                                  std::optional<StoredCheckpoint> in_use) {
  if (resume_in_flight) return {};
  std::vector<std::size_t> verified;
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    if (checkpoints[i].verified) verified.push_back(i);
  }
  std::sort(verified.begin(), verified.end(), [&](std::size_t a, std::size_t b) {
    return age_of(checkpoints[a]) < age_of(checkpoints[b]);
  });
  const auto kept = static_cast<std::size_t>(std::max(keep, kLeastKept));
  verified.resize(verified.size() > kept ? verified.size() - kept : 0);
  std::erase_if(verified,
                [&](std::size_t i) { return in_use && age_of(*in_use) == age_of(checkpoints[i]); });
  return verified;
}

}  // namespace spillway::plan
