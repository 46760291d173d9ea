#pragma once
// Asking the pods of an attempt to save: a request to each over HTTP, repeated until it was taken,
// and then, where an agent runs, how far it is. In parallel and bounded; what a pod answers is a
// claim (plan/checkpointing.h). Control thread only.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/checkpoint.h>
#include <spillway/async/timers.h>
#include <spillway/cloud/http.h>
#include <spillway/control/duration_histogram.h>
#include <spillway/core/ids.h>

namespace spillway::control {

// The same for all pods of one attempt and one decision.
struct SaveOrder {
  Uid job;         // or of the pod, where it is asked for itself alone
  std::string id;  // stays the same when it is repeated
  AttemptNumber attempt;
  Instant deadline{};
  std::string reason;  // in a word, for the program
  Secret token;
  bool agent = false;  // an agent answers: it can be asked how far it is
  struct Pod {
    Uid uid;
    cloud::Url save;
    cloud::Url status;  // of an agent
  };
  std::vector<Pod> pods;
  // False while the decision is not in the job's status yet: nothing is sent, but the time counts.
  bool recorded = false;
};

struct SaveProgress {
  std::size_t pods = 0;
  std::size_t delivered = 0;
  // When every pod has said what it saved: the lowest of these steps, from which on a checkpoint of
  // the gang can be complete.
  std::optional<api::StepNumber> answered;
  std::optional<api::StepNumber> step;  // the highest that any agent has reported at all
  std::string trouble;                  // the last thing that went wrong, a sentence
};

struct SaveRequestsOptions {
  std::size_t max_in_flight = 256;
  Duration request_timeout = std::chrono::seconds(2);
  Duration retry_base = std::chrono::milliseconds(200);
  Duration retry_cap = std::chrono::seconds(2);
  Duration ask_again = std::chrono::seconds(1);  // how far an agent is
};

struct SaveRequestsMetrics {
  std::uint64_t sent = 0;
  std::uint64_t failed = 0;
  DurationHistogram delivery;  // from the decision to the answer of a pod
};

class SaveRequests {
 public:
  using Options = SaveRequestsOptions;
  SaveRequests(Runtime runtime, TaskGroup& tasks, cloud::HttpClient& http,
               std::function<void()> changed, Options options = {});

  // Once a pass: these are in force, all others are over.
  void want(std::vector<SaveOrder> orders);
  // The decision is in the job's status now: what want() was told of it is sent at once. Nothing
  // happens when no such order is in force.
  void record(const Uid& job, const std::string& id);
  [[nodiscard]] SaveProgress progress(const Uid& job, const std::string& id) const;
  void stop();
  [[nodiscard]] const SaveRequestsMetrics& metrics() const { return metrics_; }

 private:
  struct Order;
  struct Delivery;
  using Shared = std::shared_ptr<Delivery>;
  void begin(const std::shared_ptr<Order>& order);
  Task<void> deliver(Shared delivery);
  Task<bool> post(Shared delivery);
  Task<void> follow(Shared delivery);
  Task<Result<cloud::HttpResponse>> exchange(Shared delivery, bool save);
  Task<void> pause(Shared delivery, Duration time);
  Task<void> enter();
  void leave();
  [[nodiscard]] bool over(const Delivery& delivery) const;

  Runtime runtime_;
  TaskGroup& tasks_;
  cloud::HttpClient& http_;
  std::function<void()> changed_;
  Options options_;
  std::map<Uid, std::shared_ptr<Order>> orders_;  // by job
  std::size_t in_flight_ = 0;
  std::vector<Timer*> waiting_;  // for their turn, in order
  SaveRequestsMetrics metrics_;
  bool stopping_ = false;
};

}  // namespace spillway::control
