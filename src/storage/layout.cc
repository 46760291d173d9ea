#include <spillway/storage/layout.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace spillway::storage {
namespace {

constexpr std::string_view kAttempt = "attempt-";
constexpr std::string_view kIndex = "index-";
constexpr std::string_view kRetry = "retry-";

std::string padded(std::int64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

// Only digits, and in range.
std::optional<std::int64_t> number_of(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  const bool whole = failed == std::errc() && end == digits.data() + digits.size();
  if (!whole || digits.empty() || digits.front() == '-') return std::nullopt;
  return value;
}

std::optional<int> small_number_of(std::string_view digits) {
  const auto value = number_of(digits);
  if (!value || *value > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(*value);
}

}  // namespace

Key job_prefix(std::string_view root, const ObjectKey& job, const Uid& uid) {
  while (root.ends_with('/'))
    root.remove_suffix(1);
  while (root.starts_with('/'))
    root.remove_prefix(1);
  std::string prefix(root);
  if (!prefix.empty()) prefix += '/';
  prefix += job.ns.str() + "/" + job.name.str() + "/" + uid.str() + "/";
  return Key(std::move(prefix));
}

Key attempt_prefix(const Key& job, AttemptNumber attempt) {
  return Key(job.str() + std::string(kAttempt) + padded(attempt.value(), 4) + "/");
}

Key step_prefix(const Key& attempt, TrainingStep step) {
  return Key(attempt.str() + "step-" + padded(step.value(), 12) + "/");
}

Key replica_prefix(const Key& job, ReplicaIndex index) {
  return Key(job.str() + std::string(kIndex) + std::to_string(index.value()) + "/");
}

std::optional<Retry> parse_retry(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto count = [](std::string_view digits) {
    return digits.empty() ? std::optional<std::int64_t>(0) : number_of(digits);
  };
  const auto counted = count(text.substr(0, dash));
  const auto ignored = count(text.substr(dash + 1));
  if (!counted || !ignored) return std::nullopt;
  return Retry{.counted = *counted, .ignored = *ignored};
}

Key retry_prefix(const Key& attempt, const Retry& retry) {
  return Key(attempt.str() + std::string(kRetry) + std::to_string(retry.counted) + "-" +
             std::to_string(retry.ignored) + "/");
}

std::optional<RetryNumber> parse_retry_folder(std::string_view name) {
  if (!name.starts_with(kRetry)) return std::nullopt;
  const auto retry = parse_retry(name.substr(kRetry.size()));
  return retry ? std::optional(retry->number()) : std::nullopt;
}

std::optional<AttemptNumber> parse_attempt_folder(std::string_view name) {
  if (!name.starts_with(kAttempt)) return std::nullopt;
  const auto value = number_of(name.substr(kAttempt.size()));
  if (!value || *value < 1) return std::nullopt;
  return AttemptNumber(*value);
}

std::optional<TrainingStep> step_of_folder(std::string_view name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  const std::size_t digits = last == std::string_view::npos ? 0 : last + 1;
  const auto value = number_of(name.substr(digits));
  if (!value) return std::nullopt;
  std::string_view stem = name.substr(0, digits);
  while (stem.ends_with('-') || stem.ends_with('_') || stem.ends_with('='))
    stem.remove_suffix(1);
  constexpr std::array<std::string_view, 6> kStems{"step",       "steps",     "ckpt",
                                                   "checkpoint", "iteration", "iter"};
  const bool known = stem.empty() || std::any_of(kStems.begin(), kStems.end(), [&](auto known_as) {
                       return stem.ends_with(known_as);
                     });
  if (!known) return std::nullopt;
  return TrainingStep(*value);
}

std::string manifest_name(const Rank& rank) {
  if (rank.world_size <= 1) return std::string(kManifestName);
  return "MANIFEST-" + padded(rank.index, 5) + "-of-" + padded(rank.world_size, 5) + ".json";
}

std::optional<Rank> parse_manifest_name(std::string_view name) {
  if (name == kManifestName) return Rank{};
  constexpr std::string_view kStart = "MANIFEST-";
  constexpr std::string_view kEnd = ".json";
  constexpr std::string_view kOf = "-of-";
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return std::nullopt;
  name.remove_prefix(kStart.size());
  name.remove_suffix(kEnd.size());
  const std::size_t of = name.find(kOf);
  if (of == std::string_view::npos) return std::nullopt;
  const auto index = small_number_of(name.substr(0, of));
  const auto world_size = small_number_of(name.substr(of + kOf.size()));
  if (!index || !world_size || *world_size < 2 || *index >= *world_size) return std::nullopt;
  return Rank{.index = *index, .world_size = *world_size};
}

std::string rank_folder(const Rank& rank) {
  return "rank-" + padded(rank.index, 5) + "/";
}

}  // namespace spillway::storage
