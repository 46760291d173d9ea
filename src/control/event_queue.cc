#include <spillway/control/event_queue.h>

#include <algorithm>

#include <spillway/core/log.h>

namespace spillway::control {
namespace {

constexpr Duration kShortestPause = std::chrono::seconds(1);
constexpr Duration kLongestPause = std::chrono::minutes(1);
constexpr Duration kStandby = std::chrono::seconds(1);
constexpr Duration kLook = std::chrono::milliseconds(500);  // whether something may be acknowledged
// A receipt is of no use once its message is visible again.
constexpr Duration kForget = std::chrono::seconds(60);

Duration pause_after(std::uint64_t failures, Random& random) {
  const auto doubled = kShortestPause * (1 << std::min<std::uint64_t>(failures, 6));
  const double share = 0.5 + random.uniform() / 2;
  const auto bound = static_cast<double>(std::min(kLongestPause, Duration(doubled)).count());
  return Duration(static_cast<Duration::rep>(bound * share));
}

}  // namespace

bool operator==(const EventQueueConfig& a, const EventQueueConfig& b) {
  return a.queue.url.to_string() == b.queue.url.to_string() && a.queue.region == b.queue.region &&
         a.credentials_folder == b.credentials_folder;
}

EventQueue::EventQueue(const Runtime& runtime, cloud::SqsClient& client, Listener listener)
    : runtime_(runtime),
      client_(client),
      listener_(std::move(listener)),
      wake_(runtime.timers),
      acknowledge_wake_(runtime.timers) {}

void EventQueue::stop() {
  stopping_ = true;
  wake_.notify();
  acknowledge_wake_.notify();
}

Task<void> EventQueue::run() {
  TaskGroup group(runtime_.executor, runtime_.timers);
  polling_ = true;
  group.spawn(acknowledge());
  while (!stopping_) {
    if (!listener_.leading()) {
      co_await wake_.wait(runtime_.clock.monotonic() + kStandby);
      continue;
    }
    auto messages = co_await client_.receive();
    if (stopping_) break;
    if (messages) {
      counts_.failures = 0;
      for (cloud::QueueMessage& message : *messages)
        take(std::move(message));
      if (!messages->empty()) acknowledge_wake_.notify();
      continue;
    }
    if (counts_.failures++ == 0) {
      log::warning("the queue of notices cannot be read", {{"error", messages.error().message}});
    }
    const Duration pause = pause_after(counts_.failures, runtime_.random);
    co_await wake_.wait(runtime_.clock.monotonic() + pause);
  }
  polling_ = false;
  acknowledge_wake_.notify();
  co_await group.drained(MonotonicTime::max());
}

void EventQueue::take(cloud::QueueMessage message) {
  ++counts_.messages;
  Pending pending{.receipt = std::move(message.receipt), .since = runtime_.clock.monotonic()};
  auto words = parse_event(message.body);
  if (!words) {  // it would come again for ever, and say no more than now
    ++counts_.not_understood;
    log::warning("a message of the queue is not understood", {{"error", words.error().message}});
  } else {
    for (InstanceWord& word : *words) {
      pending.instances.push_back(word.instance);
      listener_.hear(std::move(word));
    }
  }
  pending_.push_back(std::move(pending));
}

// Beside the polls, because a poll takes up to 20 seconds.
Task<void> EventQueue::acknowledge() {
  while (polling_ && !stopping_) {
    const MonotonicTime now = runtime_.clock.monotonic();
    std::erase_if(pending_, [&](const Pending& one) { return now - one.since >= kForget; });
    const auto done = std::find_if(pending_.begin(), pending_.end(), [this](const Pending& one) {
      return std::all_of(one.instances.begin(), one.instances.end(), listener_.acted_on);
    });
    if (done != pending_.end()) {
      std::string receipt = std::move(done->receipt);
      pending_.erase(done);
      acknowledging_ = 1;
      const auto removed = co_await client_.remove(std::move(receipt));
      acknowledging_ = 0;
      if (!removed) {
        log::warning("a message could not be acknowledged: it will come again",
                     {{"error", removed.error().message}});
      }
      continue;
    }
    const MonotonicTime next = pending_.empty() ? MonotonicTime::max() : now + kLook;
    co_await acknowledge_wake_.wait(next);
  }
}

}  // namespace spillway::control
