#include <algorithm>
#include <nlohmann/json.hpp>

#include <spillway/kube/lease.h>

#include "json_reader.h"

namespace spillway::kube {

Result<void> LeaseOptions::validate() const {
  if (lease.ns.empty() || lease.name.empty())
    return invalid("the lease has to have a namespace and a name");
  if (identity.empty())
    return invalid("the lease needs an identity: the pod's name and something random");
  if (lease_duration < std::chrono::seconds(1) ||
      lease_duration % std::chrono::seconds(1) != Duration{}) {
    return invalid("the lease duration has to be whole seconds, at least 1s, for example 15s");
  }
  if (renew_deadline >= lease_duration) {
    return invalid(
        "the renew deadline has to be shorter than the lease duration, for example 10s of 15s");
  }
  if (retry_period <= Duration{} || static_cast<double>(renew_deadline.count()) <=
                                        static_cast<double>(retry_period.count()) * 1.2) {
    return invalid(
        "the renew deadline has to be longer than 1.2 times the retry period, for example 10s and "
        "2s");
  }
  if (jitter < 0) return invalid("the jitter of the lease has to be 0 or more");
  return {};
}

Result<LeaseRecord> read_lease(const nlohmann::json& object) {
  std::optional<Error> error;
  const JsonReader root(object, error);
  const JsonReader metadata = root.at("metadata");
  const JsonReader spec = root.at("spec");
  LeaseRecord record{.holder = std::string(spec.text("holderIdentity")),
                     .duration = std::chrono::seconds(spec.integer32("leaseDurationSeconds")),
                     .acquire_time = std::string(spec.text("acquireTime")),
                     .renew_time = std::string(spec.text("renewTime")),
                     .transitions = spec.integer("leaseTransitions"),
                     .version = ResourceVersion(std::string(metadata.text("resourceVersion"))),
                     .uid = Uid(metadata.text("uid"))};
  if (error) return fail(*std::move(error));
  return record;
}

void observe(Election& election, const std::optional<LeaseRecord>& record,
             const LeaseOptions& options, MonotonicTime now) {
  if (election.observed != record) {
    election.observed = record;
    election.observed_at = now;
  }
  // Another holder's name, or none, or no Lease: it was taken, released or edited under us. What we
  // held is over.
  if (!record || record->holder != options.identity) election.leading = false;
}

void lead(Election& election, const LeaseOptions& options, MonotonicTime started) {
  if (!election.observed || election.observed->holder != options.identity) return;
  election.leading = true;
  election.renewed_at = started;
}

ElectionAction next_action(const Election& election, const LeaseOptions& options,
                           MonotonicTime now) {
  if (!election.observed) return CreateLease{};
  const LeaseRecord& held = *election.observed;
  if (held.holder.empty() || held.holder == options.identity) {
    return WriteLease{.base = held, .renewal = held.holder == options.identity};
  }
  // The holder's own word on the duration counts; a lease that names none is as long as ours.
  const Duration duration = held.duration > Duration{} ? held.duration : options.lease_duration;
  const MonotonicTime free_at = election.observed_at + duration;
  if (now < free_at) return WaitUntil{free_at};
  return WriteLease{.base = held, .renewal = false};
}

std::optional<MonotonicTime> fence_deadline(const Election& election, const LeaseOptions& options) {
  if (!election.leading) return std::nullopt;
  return election.renewed_at + options.renew_deadline;
}

}  // namespace spillway::kube
