#include <algorithm>

#include <spillway/core/text.h>
#include <spillway/kube/events.h>

namespace spillway::kube {
namespace {

constexpr std::size_t kMaxNote = 950;
constexpr std::size_t kMaxNameStem = 200;

std::string object_identity(const Event& event) {
  return event.regarding.kind + '\n' + event.regarding.key.to_string() + '\n' +
         event.regarding.uid.str();
}

std::string kind_identity(const Event& event) {
  return object_identity(event) + '\n' + (event.type == EventType::kWarning ? "W" : "N") + '\n' +
         event.reason + '\n' + event.action;
}

// Unique per series: the same words after a finished series are another object.
std::string object_name(const Event& event, const std::string& identity, Instant wall) {
  const std::string stem = event.regarding.key.name.str().substr(0, kMaxNameStem);
  return stem + "." +
         hex(stable_hash(identity + '\n' + std::to_string(wall.time_since_epoch().count())));
}

}  // namespace

EventCorrelator::EventCorrelator(EventLimits limits)
    : limits_(limits),
      series_(limits.max_series),
      similar_(limits.max_series),
      buckets_(limits.max_series) {}

EventCorrelator::Decision EventCorrelator::record(Event event, MonotonicTime now, Instant wall) {
  event.note = shorten(event.note, kMaxNote);
  aggregate(event, now);
  const std::string identity = kind_identity(event) + '\n' + event.note;
  if (Series* series = series_.find(identity);
      series != nullptr && now - series->last_seen < limits_.series_finish) {
    ++series->count;
    series->last_seen = now;
    series->last_seen_wall = wall;
    // The first repetition is shown at once, later ones when the series is refreshed.
    if (series->count > 2 || !take_token(event, now)) return Absorbed{};
    series->written = series->count;
    series->last_written = now;
    return UpdateSeries{.name = series->name,
                        .event = std::move(event),
                        .count = series->count,
                        .observed_at = wall};
  } else if (series != nullptr) {
    if (!take_token(event, now)) return Drop{};
    *series = {.event = event, .name = object_name(event, identity, wall)};
    series->last_seen = series->last_written = now;
    series->last_seen_wall = wall;
    return Create{.name = series->name, .event = std::move(event), .observed_at = wall};
  }
  if (!take_token(event, now)) return Drop{};
  Series fresh{.event = event, .name = object_name(event, identity, wall)};
  fresh.last_seen = fresh.last_written = now;
  fresh.last_seen_wall = wall;
  const std::string name = fresh.name;
  series_.insert(identity, std::move(fresh));
  return Create{.name = name, .event = std::move(event), .observed_at = wall};
}

bool EventCorrelator::take_token(const Event& event, MonotonicTime now) {
  const std::string identity = object_identity(event);
  Bucket* bucket = buckets_.find(identity);
  if (bucket == nullptr) {
    bucket = &buckets_.insert(identity, {.tokens = limits_.spam_burst, .refilled_at = now});
  }
  const double refilled = std::chrono::duration<double>(now - bucket->refilled_at) /
                          std::chrono::duration<double>(limits_.spam_refill);
  bucket->tokens = std::min(limits_.spam_burst, bucket->tokens + refilled);
  bucket->refilled_at = now;
  if (bucket->tokens < 1) return false;
  bucket->tokens -= 1;
  return true;
}

void EventCorrelator::aggregate(Event& event, MonotonicTime now) {
  const std::string identity = kind_identity(event);
  Similar* similar = similar_.find(identity);
  if (similar == nullptr) similar = &similar_.insert(identity, {.since = now});
  if (now - similar->since >= limits_.aggregation_window) *similar = {.since = now};
  if (similar->notes.contains(event.note)) return;
  if (static_cast<int>(similar->notes.size()) < limits_.similar_before_aggregation) {
    similar->notes.insert(event.note);
    return;
  }
  // The note of an Event cannot be changed later, so all that follow carry the words of the first.
  if (similar->combined.empty()) {
    similar->combined = shorten("(combined from similar events): " + event.note, kMaxNote);
  }
  event.note = similar->combined;
}

MonotonicTime EventCorrelator::due_at(const Series& series) const {
  const MonotonicTime finish = series.last_seen + limits_.series_finish;
  if (series.count == series.written) return finish;
  return std::min(finish, series.last_written + limits_.series_refresh);
}

std::vector<EventCorrelator::UpdateSeries> EventCorrelator::due(MonotonicTime now) {
  std::vector<UpdateSeries> updates;
  series_.erase_if([&](Series& series) {
    if (due_at(series) > now) return false;
    if (series.count > series.written) {
      updates.push_back({.name = series.name,
                         .event = series.event,
                         .count = series.count,
                         .observed_at = series.last_seen_wall});
      series.written = series.count;
      series.last_written = now;
    }
    return now - series.last_seen >= limits_.series_finish;
  });
  return updates;
}

std::optional<MonotonicTime> EventCorrelator::next_due() const {
  std::optional<MonotonicTime> next;
  for (const auto& [identity, series] : series_) {
    const MonotonicTime at = due_at(series);
    if (!next || at < *next) next = at;
  }
  return next;
}

}  // namespace spillway::kube
