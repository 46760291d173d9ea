#pragma once
// Leader election on a coordination.k8s.io/v1 Lease, and the fence that follows from it
// (the timing rules of client-go's leaderelection, on a monotonic clock):
//
//   deadline = monotonic time at the START of the last successful renew + renew_deadline
//
// A standby takes over lease_duration after it saw the last change, so between the leader's last
// possible write and the standby's first one there is a gap of lease_duration - renew_deadline (5
// s), as long as the machines' clocks run at the same rate. Their readings are never compared.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <nlohmann/json_fwd.hpp>

#include <spillway/async/timers.h>
#include <spillway/core/object.h>
#include <spillway/kube/client.h>
#include <spillway/kube/fence.h>

namespace spillway::kube {

struct LeaseOptions {
  ObjectKey lease;
  std::string identity;  // unique per process: "<pod name>_<random>"
  Duration lease_duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
  double jitter = 1.2;  // standbys wait retry_period * [1, 1 + jitter)

  // lease_duration > renew_deadline > 1.2 * retry_period, whole seconds of lease, names not empty.
  [[nodiscard]] Result<void> validate() const;
};

// The Lease as read.
struct LeaseRecord {
  std::string holder;  // empty: released
  Duration duration{};
  std::string acquire_time, renew_time;  // MicroTime texts: compared as bytes, never as times
  std::int64_t transitions = 0;
  ResourceVersion version;
  Uid uid;
  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};
Result<LeaseRecord> read_lease(const nlohmann::json& object);

// The decisions, pure.
struct Election {
  std::optional<LeaseRecord> observed;  // as last read or written
  MonotonicTime observed_at{};          // local time at which it was seen to have changed
  bool leading = false;
  MonotonicTime renewed_at{};  // start of the last successful renew; means something while leading
};

struct ReadLease {};
struct CreateLease {};
struct WriteLease {  // take or renew, on top of `base`
  LeaseRecord base;
  bool renewal = false;
};
struct WaitUntil {
  MonotonicTime when;
};
using ElectionAction = std::variant<ReadLease, CreateLease, WriteLease, WaitUntil>;

// A record was read (nothing: there is no Lease) at local time `now`. May end our leadership.
void observe(Election& election, const std::optional<LeaseRecord>& record,
             const LeaseOptions& options, MonotonicTime now);
// A write of ours that started at `started` was accepted: we lead, if what was observed of it names
// us.
void lead(Election& election, const LeaseOptions& options, MonotonicTime started);
// What may be tried now with what has been observed: take the lease, or wait for its holder's time
// to run out.
ElectionAction next_action(const Election& election, const LeaseOptions& options,
                           MonotonicTime now);
// Until when writes are allowed; nothing when not leading.
std::optional<MonotonicTime> fence_deadline(const Election& election, const LeaseOptions& options);

class LeaderElector final : public Fence {
 public:
  // Called on the control thread with true when leadership begins and false when it ends (lost or
  // released). A program ends itself at false, as controller-runtime does; the elector goes on
  // competing.
  using Listener = std::function<void(bool leading)>;

  LeaderElector(Runtime runtime, Transport& transport, ClientMetrics& metrics, LeaseOptions options,
                Listener listener);

  // Until stop().
  Task<void> run();
  // Ends run(). Call after all workers have stopped; release() then gives the lease to others at
  // once.
  void stop();
  // Empties the holder if we are it; bounded by retry_period * 3. To be called after run() has
  // returned.
  Task<Result<void>> release();

  // True while the fence is open.
  [[nodiscard]] bool leading() const { return write_deadline().has_value(); }
  // Who holds the lease as far as we know; empty when nobody.
  [[nodiscard]] std::string holder() const;
  [[nodiscard]] Result<MonotonicTime> write_deadline() const override;

 private:
  Task<void> attempt();
  Task<Result<void>> read();
  Task<Result<void>> create();
  Task<Result<void>> write(LeaseRecord base, bool renewal);
  Task<Result<void>> put(nlohmann::json spec);
  Result<void> adopt(const nlohmann::json& object);
  void announce();

  Runtime runtime_;
  OpenFence open_fence_;
  Client client_;
  LeaseOptions options_;
  Listener listener_;
  Election election_;
  std::shared_ptr<const nlohmann::json>
      object_;  // the whole Lease as last seen: an update keeps what others put there
  Signal wake_;
  bool announced_ = false;
  bool stopping_ = false;
};

}  // namespace spillway::kube
