#include "promise_books.h"

#include <algorithm>

#include <spillway/core/text.h>

namespace spillway::sim {
namespace {

// A stretch that begins where the last one ended belongs to it.
void add(ShortfallCount& count, TimeSpan stretch) {
  count.time += stretch.to - stretch.from;
  if (count.times > 0 && count.last_until == stretch.from) {
    if (count.times <= static_cast<std::int64_t>(kMaxSpansBelow))
      count.spans.back().to = stretch.to;
  } else if (++count.times <= static_cast<std::int64_t>(kMaxSpansBelow)) {
    count.spans.push_back(stretch);
  }
  count.last_until = stretch.to;
}

std::string when(const ShortfallCount& count) {
  return plural(count.times, "time") + ", first from " + format_instant(count.spans.front().from) +
         " to " + format_instant(count.spans.front().to);
}

}  // namespace

void PromiseBooks::expect(const Terms& terms, Instant now) {
  settle(now);
  if (terms == terms_) return;
  terms_ = terms;
  begun_ = false;
  shortfall_.through_zones = terms.through_zones;
}

void PromiseBooks::say_uncovered(bool uncovered, Instant now) {
  settle(now);
  uncovered_ = uncovered;
}

void PromiseBooks::count(const std::optional<Zone>& on_spot, std::int64_t change, Instant now) {
  settle(now);
  running_ += change;
  if (on_spot) zones_[on_spot->str()] += change;
}

void PromiseBooks::zone_lost(const Zone& zone, Instant now) {
  settle(now);
  lost_until_[zone.str()] = now + terms_.replacement + kReaction;
}

// Between two calls only the replacements come of age.
void PromiseBooks::settle(Instant now) {
  while (counted_until_ < now) {
    Instant until = now;
    for (const auto& [zone, end] : lost_until_) {
      if (end > counted_until_) until = std::min(until, end);
    }
    settle_stretch({.from = counted_until_, .to = until});
    counted_until_ = until;
  }
}

void PromiseBooks::settle_stretch(TimeSpan stretch) {
  if (!terms_.owed) return;
  const bool safe = left_after_loss() >= terms_.floor;
  served_ = served_ || complete();
  begun_ =
      begun_ || (complete() && (safe || !terms_.through_zones) && on_lasting() >= terms_.baseline);
  if (!served_) return;
  if (!complete()) count_missing(stretch);
  if (running_ < terms_.floor) add(shortfall_.by_cause[cause_at(stretch.from)], stretch);
  if (uncovered_) shortfall_.uncovered += stretch.to - stretch.from;
  if (!begun_ || uncovered_) return;
  if (on_lasting() < terms_.baseline) add(shortfall_.baseline, stretch);
  const bool settled = terms_.through_zones && lost_at(stretch.from) == 0;
  if (settled && !safe) add(shortfall_.exposed, stretch);
}

void PromiseBooks::count_missing(TimeSpan stretch) {
  const Duration time = stretch.to - stretch.from;
  shortfall_.below += time;
  shortfall_.missing += time * (terms_.wanted - running_);
  shortfall_.fewest = std::min(shortfall_.fewest.value_or(running_), running_);
  if (missing_until_ != stretch.from) ++shortfall_.times;
  missing_until_ = stretch.to;
}

std::int64_t PromiseBooks::lost_at(Instant at) const {
  return std::ranges::count_if(lost_until_, [&](const auto& zone) { return at < zone.second; });
}

std::int64_t PromiseBooks::left_after_loss() const {
  std::int64_t largest = 0;
  for (const auto& [zone, replicas] : zones_)
    largest = std::max(largest, replicas);
  return running_ - largest;
}

std::int64_t PromiseBooks::on_lasting() const {
  std::int64_t on_spot = 0;
  for (const auto& [zone, replicas] : zones_)
    on_spot += replicas;
  return running_ - on_spot;
}

ShortfallCause PromiseBooks::cause_at(Instant at) const {
  if (!begun_) return ShortfallCause::kStarting;
  if (uncovered_) return ShortfallCause::kUncovered;
  return lost_at(at) > 1 ? ShortfallCause::kZonesTogether : ShortfallCause::kOther;
}

std::vector<std::string> broken_promises(const std::string& who, const Shortfall& shortfall) {
  std::vector<std::string> sentences;
  if (!shortfall.through_zones) return sentences;
  const auto other = shortfall.by_cause.find(ShortfallCause::kOther);
  if (other != shortfall.by_cause.end())
    sentences.push_back(who + " had fewer replicas than it promises, and one zone lost at most: " +
                        when(other->second));
  if (shortfall.exposed.times > 0)
    sentences.push_back(who + " would not have kept its promise through the loss of a zone: " +
                        when(shortfall.exposed));
  return sentences;
}

}  // namespace spillway::sim
