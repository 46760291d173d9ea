#include <spillway/market/series.h>

#include <algorithm>

namespace spillway::market {
namespace {

constexpr Duration kStep = std::chrono::minutes(5);
constexpr Duration kWorstCaseAfter = std::chrono::hours(24);
constexpr std::int64_t kLargestMultiple = 10;

// Silence in whole steps, rounded up: the bound moves in steps.
Duration in_steps(Duration silence) {
  return (silence + kStep - Duration(1)) / kStep * kStep;
}

}  // namespace

bool PriceSeries::observe(HourlyRate spot, Instant changed_at, Instant heard_at) {
  if (heard_at_ && heard_at < *heard_at_) return false;
  heard_at_ = heard_at;
  forget_before(heard_at);
  if (changes_.empty()) {
    changes_.push_back({.changed_at = changed_at, .spot = spot});
    return true;
  }
  if (changes_.back().spot == spot) return false;
  // A source that revises its past speaks of now all the same: the change is dated after the last.
  const Instant after_last = changes_.back().changed_at + Duration(1);
  changes_.push_back({.changed_at = std::max(changed_at, after_last), .spot = spot});
  if (changes_.size() > limits_.max_changes) changes_.pop_front();
  return true;
}

// The newest change stays whatever its age: it is the current price.
void PriceSeries::forget_before(Instant now) {
  while (changes_.size() > 1 && changes_[1].changed_at < now - limits_.max_age) {
    changes_.pop_front();
  }
}

std::optional<HourlyRate> PriceSeries::newest() const {
  if (changes_.empty()) return std::nullopt;
  return changes_.back().spot;
}

std::optional<Duration> PriceSeries::age(Instant now) const {
  if (!heard_at_) return std::nullopt;
  return std::max(now - *heard_at_, Duration::zero());
}

// For each change the lowest price that was valid within the window before it: a sliding minimum. A
// price counts as valid until the next change, so the change before the window's start is part of
// it.
HourlyRate PriceSeries::largest_rise_within(Duration window) const {
  HourlyRate largest;
  std::deque<std::size_t> lowest;  // indexes, prices rising
  std::size_t oldest = 0;          // the first change whose price was valid within the window
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    while (oldest < i && changes_[oldest + 1].changed_at < changes_[i].changed_at - window) {
      ++oldest;
    }
    while (!lowest.empty() && lowest.front() < oldest)
      lowest.pop_front();
    while (!lowest.empty() && changes_[lowest.back()].spot >= changes_[i].spot)
      lowest.pop_back();
    lowest.push_back(i);
    largest = std::max(largest, changes_[i].spot - changes_[lowest.front()].spot);
  }
  return largest;
}

NodePrice PriceSeries::price_at(Instant now, Duration freshness,
                                std::optional<HourlyRate> on_demand,
                                const std::string& source) const {
  const auto last = newest();
  const auto heard_ago = age(now);
  if (!last || !heard_ago) return fallback_price(on_demand, source);
  NodePrice price{.likely = *last,
                  .upper = *last,
                  .quality = PriceQuality::kLive,
                  .observed_at = heard_at_,
                  .source = source};
  if (*heard_ago <= freshness) return price;

  price.quality = PriceQuality::kStale;
  const Duration silence = in_steps(*heard_ago - freshness);
  const HourlyRate cap =
      on_demand ? std::max(*on_demand, *last) : last->scaled(kLargestMultiple, 1);
  const HourlyRate room = on_demand ? cap - *last : *last;
  // Without a cap the ramp goes on for as long as the largest multiple allows.
  const Duration counted = std::min(silence, kWorstCaseAfter * kLargestMultiple);
  const HourlyRate ramp = room.scaled(counted.count(), kWorstCaseAfter.count());
  price.upper = std::min(cap, *last + std::max(largest_rise_within(silence), ramp));
  return price;
}

NodePrice fallback_price(std::optional<HourlyRate> on_demand, const std::string& source) {
  if (!on_demand) return {.quality = PriceQuality::kUnknown, .source = source};
  return {.likely = *on_demand,
          .upper = *on_demand,
          .quality = PriceQuality::kFallback,
          .source = source};
}

NodePrice stated_price(HourlyRate rate, const std::string& source) {
  return {.likely = rate, .upper = rate, .quality = PriceQuality::kLive, .source = source};
}

}  // namespace spillway::market
