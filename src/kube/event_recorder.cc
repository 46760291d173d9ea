#include <algorithm>
#include <nlohmann/json.hpp>

#include <spillway/core/log.h>
#include <spillway/kube/events.h>

namespace spillway::kube {
namespace {

Namespace namespace_of(const Event& event) {
  // Events live in namespaces; those about cluster-scoped objects in "default".
  return event.regarding.key.ns.empty() ? Namespace("default") : event.regarding.key.ns;
}

nlohmann::json series_json(std::int64_t count, Instant last) {
  return {{"count", count}, {"lastObservedTime", format_micro_time(last)}};
}

}  // namespace

EventRecorder::EventRecorder(Client& client, EventSource source, EventLimits limits)
    : client_(client),
      source_(std::move(source)),
      limits_(limits),
      correlator_(limits),
      wake_(client.runtime().timers) {}

void EventRecorder::record(Event event) {
  ClientMetrics& metrics = client_.metrics();
  ++metrics.events_recorded;
  const Clock& clock = client_.runtime().clock;
  EventCorrelator::Decision decision =
      correlator_.record(std::move(event), clock.monotonic(), clock.now());
  if (auto* create = std::get_if<EventCorrelator::Create>(&decision)) {
    enqueue(std::move(*create));
  } else if (auto* update = std::get_if<EventCorrelator::UpdateSeries>(&decision)) {
    ++metrics.events_aggregated;
    enqueue(std::move(*update));
  } else if (std::holds_alternative<EventCorrelator::Absorbed>(decision)) {
    ++metrics.events_aggregated;
    if (queue_.empty()) wake_.notify();  // the time of the next refresh may have changed
  } else {
    ++metrics.events_dropped_spam;
  }
}

void EventRecorder::enqueue(Item item) {
  if (queue_.size() >= limits_.max_queue) {
    ++client_.metrics().events_dropped_full;
    return;
  }
  queue_.push_back(std::move(item));
  wake_.notify();
}

void EventRecorder::stop(MonotonicTime flush_deadline) {
  stopping_ = true;
  flush_deadline_ = flush_deadline;
  wake_.notify();
}

Task<void> EventRecorder::run() {
  const Clock& clock = client_.runtime().clock;
  while (true) {
    for (auto& update : correlator_.due(clock.monotonic()))
      enqueue(std::move(update));
    if (stopping_ && (queue_.empty() || clock.monotonic() >= flush_deadline_)) break;
    if (queue_.empty()) {
      co_await wake_.wait(correlator_.next_due().value_or(MonotonicTime::max()));
      continue;
    }
    Item item = std::move(queue_.front());
    queue_.pop_front();
    co_await write(std::move(item));
  }
  client_.metrics().events_dropped_failed += queue_.size();
  queue_.clear();
}

Task<void> EventRecorder::write(Item item) {
  const Clock& clock = client_.runtime().clock;
  for (int attempts = 1;; ++attempts) {
    const Result<void> done = co_await try_write(item);
    if (done) co_return;
    const bool again = done.error().retryable() && done.error().code != ErrorCode::kConflict;
    if (!again || attempts >= limits_.max_attempts || stopping_) {
      ++client_.metrics().events_dropped_failed;
      log::debug("an event was dropped", {{"error", done.error().message}});
      co_return;
    }
    const MonotonicTime retry_at = clock.monotonic() + limits_.retry_delay;
    while (!stopping_ && clock.monotonic() < retry_at)
      co_await wake_.wait(retry_at);
  }
}

Task<Result<void>> EventRecorder::try_write(Item item) {
  if (auto* fresh = std::get_if<EventCorrelator::Create>(&item)) {
    co_return co_await create(fresh->name, fresh->event, fresh->observed_at, 1, fresh->observed_at);
  }
  const auto& update = std::get<EventCorrelator::UpdateSeries>(item);
  nlohmann::json patch = {{"series", series_json(update.count, update.observed_at)}};
  ObjectKey key{.ns = namespace_of(update.event), .name = ObjectName(update.name)};
  const auto patched = co_await client_.merge_patch(kEvents, std::move(key), std::move(patch),
                                                    {.priority = Priority::kLow});
  if (patched) co_return Result<void>{};
  if (patched.error().code != ErrorCode::kNotFound) co_return tl::unexpected(patched.error());
  // The server forgets events after an hour: the series goes on in a new object.
  co_return co_await create(update.name, update.event, update.observed_at, update.count,
                            update.observed_at);
}

Task<Result<void>> EventRecorder::create(std::string name, Event event, Instant first,
                                         std::int64_t count, Instant last) {
  const std::string ns = namespace_of(event).str();
  nlohmann::json regarding = {{"apiVersion", event.regarding.api_version},
                              {"kind", event.regarding.kind},
                              {"name", event.regarding.key.name.str()},
                              {"uid", event.regarding.uid.str()}};
  if (!event.regarding.key.ns.empty()) regarding["namespace"] = event.regarding.key.ns.str();
  nlohmann::json object = {{"metadata", {{"namespace", ns}, {"name", name}}},
                           {"eventTime", format_micro_time(first)},
                           {"reportingController", source_.controller},
                           {"reportingInstance", source_.instance},
                           {"type", event.type == EventType::kWarning ? "Warning" : "Normal"},
                           {"reason", event.reason},
                           {"action", event.action},
                           {"note", event.note},
                           {"regarding", std::move(regarding)}};
  if (count > 1) object["series"] = series_json(count, last);
  const auto created = co_await client_.create(kEvents, std::move(object), Priority::kLow);
  // The name is unique per series: it is there because an earlier try did happen.
  if (!created && created.error().code != ErrorCode::kAlreadyExists)
    co_return tl::unexpected(created.error());
  co_return Result<void>{};
}

}  // namespace spillway::kube
