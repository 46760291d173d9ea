#pragma once
// Events (events.k8s.io/v1) that tell people what happened, with bounds like client-go's:
// repetition becomes a series, ten similar ones become one, a flood per object is cut, and a full
// queue drops. Recording never blocks and never fails.

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <spillway/async/timers.h>
#include <spillway/core/object.h>
#include <spillway/kube/client.h>
#include <spillway/kube/lru_map.h>

namespace spillway::kube {

struct ObjectReference {
  std::string api_version;  // "spillway.dev/v1alpha1"
  std::string kind;         // "TrainingJob"
  ObjectKey key;
  Uid uid;
  friend bool operator==(const ObjectReference&, const ObjectReference&) = default;
};

enum class EventType { kNormal, kWarning };

struct Event {
  ObjectReference regarding;
  EventType type = EventType::kNormal;
  std::string reason;  // CamelCase, a word of the docs: "Placed", "NoCapacity"
  std::string action;  // what was done or tried: "Place", "Restart"
  std::string note;    // a sentence for people; cut to 950 bytes (the API server's limit is 1024)
};

struct EventLimits {
  int similar_before_aggregation = 10;  // same object, type, reason and action
  Duration aggregation_window = std::chrono::minutes(10);
  double spam_burst = 25;                              // per object
  Duration spam_refill = std::chrono::minutes(5);      // one token each
  std::size_t max_series = 4096;                       // least recently used first out
  Duration series_finish = std::chrono::minutes(6);    // quiet for so long: the series is closed
  Duration series_refresh = std::chrono::minutes(30);  // a running series is written this often
  std::size_t max_queue = 1000;
  int max_attempts = 12;
  Duration retry_delay = std::chrono::seconds(10);
};

// The decisions, pure.
class EventCorrelator {
 public:
  explicit EventCorrelator(EventLimits limits);

  struct Drop {};      // spam
  struct Absorbed {};  // counted in a series that will be written later
  struct Create {      // a new Event object
    std::string name;  // stable for the life of the series
    Event event;
    Instant observed_at;
  };
  struct UpdateSeries {  // the Event object gets series.count
    std::string name;
    Event event;
    std::int64_t count;
    Instant observed_at;  // the last of them
  };
  using Decision = std::variant<Drop, Absorbed, Create, UpdateSeries>;

  Decision record(Event event, MonotonicTime now, Instant wall);
  // Series whose count has to be written by now (refresh), or for the last time (finish).
  std::vector<UpdateSeries> due(MonotonicTime now);
  [[nodiscard]] std::optional<MonotonicTime> next_due() const;
  [[nodiscard]] std::size_t series() const { return series_.size(); }

 private:
  struct Series {
    Event event;
    std::string name;
    std::int64_t count = 1;
    std::int64_t written = 1;
    MonotonicTime last_seen{};
    MonotonicTime last_written{};
    Instant last_seen_wall{};
  };
  struct Similar {
    MonotonicTime since{};
    std::set<std::string> notes;
    std::string combined;  // the note of the aggregate, once there is one
  };
  struct Bucket {
    double tokens = 0;
    MonotonicTime refilled_at{};
  };
  bool take_token(const Event& event, MonotonicTime now);
  void aggregate(Event& event, MonotonicTime now);
  [[nodiscard]] MonotonicTime due_at(const Series& series) const;

  EventLimits limits_;
  LruMap<Series> series_;    // by everything that makes two events the same
  LruMap<Similar> similar_;  // by everything but the note
  LruMap<Bucket> buckets_;   // by object
};

struct EventSource {
  std::string controller;  // reportingController: "spillway.dev/operator"
  std::string instance;    // reportingInstance: the pod's name
};

class EventRecorder {
 public:
  EventRecorder(Client& client, EventSource source, EventLimits limits);

  void record(Event event);
  // Writes what is recorded, until stop(). What is queued then is written until `flush_deadline` at
  // most.
  Task<void> run();
  void stop(MonotonicTime flush_deadline);
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

 private:
  using Item = std::variant<EventCorrelator::Create, EventCorrelator::UpdateSeries>;
  Task<void> write(Item item);
  Task<Result<void>> try_write(Item item);
  Task<Result<void>> create(std::string name, Event event, Instant first, std::int64_t count,
                            Instant last);
  void enqueue(Item item);

  Client& client_;
  EventSource source_;
  EventLimits limits_;
  EventCorrelator correlator_;
  std::deque<Item> queue_;
  Signal wake_;
  bool stopping_ = false;
  MonotonicTime flush_deadline_{};
};

}  // namespace spillway::kube
