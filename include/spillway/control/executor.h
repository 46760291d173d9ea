#pragma once
// Carries out the work of a pass: one chain at a time per object, many objects at once, bounded.
// Every answer goes into the caches at once, so the next pass sees what was written. A failed chain
// backs off; its object keeps the server's words for a condition. Control thread only.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spillway/async/timers.h>
#include <spillway/control/work.h>
#include <spillway/kube/reflector.h>

namespace spillway::control {

struct ExecutorOptions {
  // Chains under way; more wait in order, urgent ones before all others. Of these as many as the
  // API server takes: an answer that says it is overloaded, or none, halves the number, and each
  // chain that went well lets it grow again.
  std::size_t max_in_flight = 32;
  std::size_t least_in_flight = 4;
  Duration halve_again_after = std::chrono::seconds(1);
  Duration backoff_base = std::chrono::milliseconds(200);
  Duration backoff_cap = std::chrono::minutes(5);
  // Of what passes by itself, as an overload does.
  Duration overload_backoff_cap = std::chrono::seconds(5);
};

struct ExecutorMetrics {
  std::uint64_t chains = 0;
  std::uint64_t failures = 0;
  std::map<std::string, std::uint64_t> failures_by_code;
};

class Executor {
 public:
  // The sink of each type that is written: the same that its reflector feeds.
  using SinkOf = std::function<kube::ObjectSink*(const kube::ResourceType&)>;
  // `changed` is called after each chain: look again. Everything referred to outlives the executor.
  Executor(kube::Client& client, SinkOf sink_of, kube::EventRecorder& events, TaskGroup& tasks,
           ExecutorOptions options, std::function<void()> changed);

  // Queues the chain. The object must not be busy().
  void start(Work work);
  [[nodiscard]] bool busy(const kube::ObjectReference& subject) const {
    return busy_.contains(identity(subject));
  }
  // False while the last failure of this object is too recent.
  [[nodiscard]] bool may_try(const kube::ObjectReference& subject) const;
  [[nodiscard]] Trouble trouble_of(const kube::ObjectReference& subject) const;
  [[nodiscard]] const Assumptions& assumptions() const { return assumptions_; }
  // The earliest end of a back-off.
  [[nodiscard]] std::optional<MonotonicTime> next_retry() const;
  [[nodiscard]] std::size_t in_flight() const { return busy_.size(); }
  // How many chains may be under way now.
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(width_); }
  [[nodiscard]] const ExecutorMetrics& metrics() const { return metrics_; }
  // Starts nothing more; chains under way stop at their next request.
  void stop() { stopping_ = true; }

 private:
  struct Failure {
    int count = 0;
    MonotonicTime try_again{};
    std::string trouble;  // only for what a person has to mend
  };
  static std::string identity(const kube::ObjectReference& subject) {
    return subject.kind + "/" + subject.key.to_string();
  }
  void pump();
  void adapt(const Result<void>& outcome);
  Task<void> run(Work work);
  Task<Result<void>> perform(const Write& write);
  Task<Result<void>> write_status(const WriteStatus& write);
  Task<Result<void>> confirm(const ConfirmCurrent& write);
  Task<Result<void>> confirm_over(const ConfirmAttemptOver& write);
  Task<Result<void>> create(const CreateChild& write);
  Task<Result<void>> apply(const ApplyChild& write);
  Task<Result<void>> remove(const DeleteObject& write);
  Task<Result<void>> confirm_gone(const ConfirmNodeGone& write);
  Task<Result<void>> confirm_notice(const ConfirmNotice& write);
  Task<Result<void>> annotate(const Annotate& write);
  Task<Result<void>> mark_pod(const MarkDisrupted& write);
  Task<Result<void>> create_once(const CreateOnce& write);
  Task<Result<void>> hold_deletion(const HoldDeletion& write);
  // Reads the object live and takes it into the caches; used whenever an outcome is not certain.
  Task<Result<std::optional<nlohmann::json>>> read_live(kube::ResourceType type, ObjectKey key);
  void absorb(const kube::ResourceType& type, const nlohmann::json& object);
  void note_failure(const kube::ObjectReference& subject, const Error& error);
  void tell(const Work& work);

  kube::Client& client_;
  SinkOf sink_of_;
  kube::EventRecorder& events_;
  TaskGroup& tasks_;
  ExecutorOptions options_;
  std::function<void()> changed_;
  std::map<std::string, bool, std::less<>> busy_;
  std::deque<Work> urgent_, waiting_;
  double width_;
  std::optional<MonotonicTime> halved_at_;
  std::size_t running_ = 0;
  std::map<std::string, Failure> failures_;
  Assumptions assumptions_;
  ExecutorMetrics metrics_;
  bool stopping_ = false;
};

}  // namespace spillway::control
