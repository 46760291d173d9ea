#pragma once
// Carries out what off_switch.h decides: a loop of its own beside the controller, with caches of
// all plain workloads, one conditional write an object, bounded, with back-off. Policies and
// namespaces are the controller's. Only the leader acts. Control thread only.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <spillway/async/timers.h>
#include <spillway/control/hours_reader.h>
#include <spillway/control/off_hours.h>
#include <spillway/control/off_switch.h>
#include <spillway/control/world.h>
#include <spillway/kube/client.h>
#include <spillway/kube/events.h>
#include <spillway/kube/reflector.h>
#include <spillway/kube/store.h>

namespace spillway::control {

struct OffSwitchOptions {
  OffSwitchLimits limits;
  Namespace own;  // of the operator: nothing there is ever switched, nor in Kubernetes' own
  std::size_t max_in_flight = 16;                         // writes
  Duration fold_window = std::chrono::milliseconds(200);  // events of a burst are one pass
  Duration longest_rest = std::chrono::minutes(1);        // a pass at least this often
  Duration backoff_base = std::chrono::milliseconds(500);
  Duration backoff_cap = std::chrono::minutes(5);
  kube::ReflectorOptions reflector;
};

// What became of the objects that a policy is about.
struct OffSwitchReport {
  static constexpr std::size_t kMaxSentences = 5;
  std::map<OffSwitchState, std::size_t> counts;
  std::vector<std::string> contested;  // one sentence each; the first ones
  [[nodiscard]] std::size_t count(OffSwitchState state) const;
  friend bool operator==(const OffSwitchReport&, const OffSwitchReport&) = default;
};

struct OffSwitchMetrics {
  std::uint64_t put_to_sleep = 0;
  std::uint64_t woken = 0;
  std::uint64_t contradicted = 0;  // a machine had started it again
  std::uint64_t conflicts = 0;     // the object had moved on: decided again
  std::uint64_t failures = 0;
};

class Controller;

class OffSwitch {
 public:
  // `leading` says whether this process may act. Of `world` policies, namespaces and services are
  // read, and the answers to our own writes put there; whoever fills it calls look_again() and
  // service_changed() when they change.
  // References outlive this, which outlives run().
  OffSwitch(Runtime runtime, kube::Client& client, kube::EventRecorder& events,
            std::function<bool()> leading, World& world, OffSwitchOptions options);
  ~OffSwitch();
  OffSwitch(const OffSwitch&) = delete;
  OffSwitch& operator=(const OffSwitch&) = delete;

  // Until stop(); returns when every write under way has ended.
  Task<void> run();
  void stop();
  // Leadership, a policy or a namespace changed.
  void look_again() { changed_.notify(); }
  // A service changed: somebody may wait for it to be ready.
  void service_changed() {
    if (turns_.any()) changed_.notify();
  }
  // Policies, namespaces, services and plain workloads are known once.
  [[nodiscard]] bool synced() const;
  // Whose turn it is where services are to begin, and until those that have begun are ready. While
  // the plain workloads are not known they are waited for as one that is before everybody.
  plan::WakeTurnIn turns_in(plan::Waking services, Instant now);
  // Called when the last answer to that is true no longer; set before run().
  void on_turns_change(std::function<void()> changed) { answer_changed_ = std::move(changed); }

  // By policy, of the last pass.
  [[nodiscard]] const std::map<std::string, OffSwitchReport>& reports() const { return reports_; }
  [[nodiscard]] const OffSwitchMetrics& metrics() const { return metrics_; }
  [[nodiscard]] std::size_t in_flight() const { return busy_.size(); }
  // What keeps a cache of its own from being in step, one sentence each.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  struct Cache;
  struct Item;
  struct Failure {
    int count = 0;
    MonotonicTime try_again{};
    std::string trouble;  // what a person has to mend
  };
  using Pointer = std::shared_ptr<const PlainWorkload>;

  [[nodiscard]] bool never(const Namespace& ns) const;
  Task<void> loop();
  [[nodiscard]] MonotonicTime next_look() const;
  void pass(Instant now);
  [[nodiscard]] std::vector<Item> look();
  plan::WakeTurnIn turns_now(const std::vector<Item>& items, Instant now);
  void add_plain_not_ready(const std::vector<Item>& items, const std::set<Namespace>& of,
                           plan::NotReadyIn& found) const;
  void take(const Item& item, OffSwitchStep step);
  void tell(const PlainWorkload& object, const OffSwitchStep& step);
  void tell_once(const PlainWorkload& object, const OffSwitchStep& step);
  void tell_troubles(const PlainWorkload& object);
  void note(std::optional<Instant> when);
  bool may_write(const Uid& uid) const;
  Task<void> write(Pointer object, OffSwitchStep step);
  void tell_policies();
  Task<void> write_condition(OffHoursBook::PolicyPointer policy, api::Condition condition);
  Task<void> read_back(Pointer object);
  void count(const PlainWorkload& object, const OffSwitchStep& step);
  void fail_write(const PlainWorkload& object, const Error& error);
  Cache& cache_of(PlainKind kind);

  Runtime runtime_;
  kube::Client& client_;
  kube::EventRecorder& events_;
  std::function<bool()> leading_;
  OffSwitchOptions options_;
  Signal changed_;
  TaskGroup tasks_;
  World& world_;
  kube::StoreSink<api::CostPolicy> policies_;    // our writes
  std::array<std::unique_ptr<Cache>, 3> plain_;  // by PlainKind
  OffHoursBook book_;
  HoursReader hours_;  // of services
  WakeTurns turns_;
  // What turns_in() was asked last, and what it said.
  std::set<Namespace> asked_;
  plan::WakeTurnIn answer_;
  std::function<void()> answer_changed_ = [] {};
  std::set<Uid> busy_;
  std::map<Uid, Failure> failures_;
  std::set<std::pair<Uid, std::string>> told_,
      telling_;  // what is told once: of the last pass, of this
  std::map<std::string, OffSwitchReport> reports_;
  OffSwitchMetrics metrics_;
  std::set<std::string> telling_policies_;  // their conditions are being written
  std::optional<Instant> wake_at_;
  bool stopping_ = false;
};

// Each hears of what the other one waits for. Both outlive their run().
void connect(Controller& controller, OffSwitch& off_switch);

}  // namespace spillway::control
