#pragma once
// A process of the simulated world: its timers and its way to the API server, and what can happen
// to both. Killing a process cuts it off at once: nothing that it does from then on has an effect,
// what it had sent before still arrives. Its coroutines run to their end on their own, in no time
// to speak of.

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <spillway/kube/transport.h>
#include <spillway/sim/api_server.h>
#include <spillway/sim/virtual_time.h>

namespace spillway::sim {

// Timers that end with their process: then every wait for a time is over at once, a later one in no
// time to speak of, and only waits for a signal remain.
class ProcessTimers final : public Timers {
 public:
  explicit ProcessTimers(VirtualTime& time) : time_(time) {}
  std::unique_ptr<Timer> make() override;
  void kill();
  [[nodiscard]] bool dead() const { return dead_; }

 private:
  class ProcessTimer;
  VirtualTime& time_;
  std::set<ProcessTimer*> waiting_;
  bool dead_ = false;
};

struct NetworkDelays {
  Duration request = std::chrono::milliseconds(1);
  Duration answer = std::chrono::milliseconds(1);
  Duration event = std::chrono::milliseconds(2);
};

// What becomes of a request.
enum class Fate {
  kServed,
  kRefused,        // no connection: kUnavailable, nothing happened
  kLost,           // sent, never carried out, never answered
  kAnswerLost,     // carried out, never answered
  kAnswered,       // `canned` comes back and nothing is carried out
  kMisanswered,    // carried out, and `canned` comes back all the same
  kDieBeforeSend,  // the process ends instead of sending it
  kDieAfterSend,   // the process ends as soon as it has sent it; it is carried out
  kDieAfterReply,  // the process ends when it has the answer, before it sends anything more
};
struct RequestFate {
  Fate fate = Fate::kServed;
  Duration delay{};  // beyond the usual
  kube::HttpResponse canned;
};
struct RequestSeen {
  const kube::HttpRequest& request;
  std::uint64_t write = 0;  // which write of this process, from 1; 0 for a read
};

// What becomes of a watch event.
struct EventFate {
  bool drop = false;
  int copies = 1;
  Duration delay{};
  bool may_be_overtaken = false;  // later events do not wait for this one
};

struct FaultPlan {
  std::function<RequestFate(const RequestSeen&)> on_request;
  // `collection` as in "jobs.batch".
  std::function<EventFate(const std::string& collection, const WatchFrame&)> on_event;
  // Who answers lists and watches of a collection from now on: a replica, say. Null, or no
  // function: the server that everything else goes to. A GET of one object is answered by that
  // server in any case, as etcd answers it whichever API server is asked.
  std::function<ApiServer*(const std::string& collection)> reader;
  // Kubernetes answers a list that names no version, and the first events of a watch that names
  // none, as of now, whichever server is asked. True here: from the reader's past all the same.
  std::function<bool()> lists_from_the_past;
};

struct WriteRecord {
  MonotonicTime at{};
  kube::Method method = kube::Method::kPost;
  std::string target;
  int status = 0;  // 0: no answer of the server's
};

class Connection final : public kube::Transport {
 public:
  // Everything referred to outlives the connection; `on_death` is called when a fault ends the
  // process.
  Connection(VirtualTime& time, ProcessTimers& timers, ApiServer& server, NetworkDelays delays,
             std::function<void()> on_death);
  ~Connection() override;

  Task<Result<kube::HttpResponse>> send(kube::HttpRequest request, MonotonicTime deadline) override;
  Task<Result<kube::StreamResponse>> open(kube::HttpRequest request,
                                          MonotonicTime deadline) override;
  void close() override;

  // Faults from now on; empty functions are none.
  void set_faults(FaultPlan faults) { faults_ = std::move(faults); }
  // Every open watch breaks (kUnavailable), as with an API server that goes away.
  void break_streams();
  // The mutating requests that left, in order.
  [[nodiscard]] const std::vector<WriteRecord>& writes() const { return *writes_; }

 private:
  struct Exchange;
  struct StreamState;
  class Lines;
  void forward(const std::shared_ptr<StreamState>& stream, WatchFrame frame);
  void deliver_at(MonotonicTime when, const std::shared_ptr<StreamState>& stream, std::string line);
  void keep_alive(const std::shared_ptr<StreamState>& stream);
  void dispatch(const std::shared_ptr<Exchange>& exchange, kube::HttpRequest request,
                const RequestFate& fate);
  void die();
  [[nodiscard]] ApiServer& reader(const std::string& collection) const;
  [[nodiscard]] bool lists_from_the_past() const;

  VirtualTime& time_;
  ProcessTimers& timers_;
  ApiServer& server_;
  NetworkDelays delays_;
  std::function<void()> on_death_;
  FaultPlan faults_;
  std::shared_ptr<std::vector<WriteRecord>> writes_ = std::make_shared<std::vector<WriteRecord>>();
  std::shared_ptr<bool> token_ = std::make_shared<bool>(true);  // gone when the connection is
  std::vector<std::weak_ptr<Exchange>> exchanges_;
  std::vector<std::weak_ptr<StreamState>> streams_;
  std::uint64_t write_count_ = 0;
  bool dies_before_next_request_ = false;
  bool closed_ = false;
};

}  // namespace spillway::sim
