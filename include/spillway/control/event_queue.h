#pragma once
// Notices from a cloud's queue: EventBridge puts what AWS says about instances into SQS. A message
// is acknowledged only after what followed from it was written; until then it comes again, and
// hearing it again changes nothing.

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/cloud/sqs.h>
#include <spillway/control/notices.h>

namespace spillway::control {

// What a message says of instances; nothing when it says nothing of the kind (a test, another
// state). kInvalidArgument when it is not an EventBridge event. Understood: Spot Instance
// Interruption Warning, Instance Rebalance Recommendation, Instance State-change Notification,
// Capacity Reservation Instance Interruption Warning, scheduled changes of AWS Health; also wrapped
// by SNS. Source: Amazon EC2 user guide, "EventBridge events". Pure.
Result<std::vector<InstanceWord>> parse_event(std::string_view body);

struct EventQueueConfig {
  cloud::SqsQueue queue;
  std::string credentials_folder;  // empty: the operator's own identity
  friend bool operator==(const EventQueueConfig& a, const EventQueueConfig& b);
};

class EventQueue {
 public:
  struct Listener {
    // Polls only while this holds: a standby that took messages would keep them from the leader.
    std::function<bool()> leading;
    std::function<void(InstanceWord)> hear;
    std::function<bool(const std::string& instance)> acted_on;
  };
  struct Counts {
    std::uint64_t messages = 0;
    std::uint64_t not_understood = 0;
    std::uint64_t failures = 0;  // polls in a row that failed
  };

  // The client outlives the queue.
  EventQueue(const Runtime& runtime, cloud::SqsClient& client, Listener listener);
  // Until stop() and the end of the poll under way: end that by shutting its HTTP client down.
  Task<void> run();
  void stop();
  [[nodiscard]] const Counts& counts() const { return counts_; }
  [[nodiscard]] std::size_t unacknowledged() const { return pending_.size() + acknowledging_; }

 private:
  struct Pending {
    std::string receipt;
    std::vector<std::string> instances;
    MonotonicTime since{};
  };
  void take(cloud::QueueMessage message);
  Task<void> acknowledge();

  Runtime runtime_;
  cloud::SqsClient& client_;
  Listener listener_;
  Signal wake_;
  Signal acknowledge_wake_;
  std::size_t acknowledging_ = 0;
  std::deque<Pending> pending_;  // bounded: what is older than the visibility is forgotten
  Counts counts_;
  bool stopping_ = false;
  bool polling_ = false;
};

}  // namespace spillway::control
