#include <algorithm>
#include <set>

#include <spillway/control/children.h>
#include <spillway/control/off_switch.h>
#include <spillway/core/text.h>

#include "status_parts.h"

namespace spillway::control {
namespace {

using api::ConditionStatus;

constexpr std::string_view kCapacityLeaving = "CapacityLeaving";

class InferenceStatus {
 public:
  InferenceStatus(const Picture& picture, const plan::InferenceDecision& decision,
                  const Trouble& trouble, Instant now)
      : picture_(picture),
        decision_(decision),
        trouble_(trouble),
        now_(now),
        pool_(*picture.inference[decision.workload]),
        children_(picture.inference_children[decision.workload]),
        old_(pool_.status),
        next_{.status = pool_.status} {}

  NextStatus<api::InferencePoolStatus> run() {
    next_.status.observed_generation = pool_.meta.generation;
    next_.status.selector = inference_selector(pool_.meta.key.name);
    set_tiers();
    count_replicas();
    say_hours();
    say_placed();
    say_available();
    say_degraded();
    say_clamped();
    charge();
    return std::move(next_);
  }

 private:
  [[nodiscard]] const api::TierStatus* before(const PoolName& name) const {
    const auto at = std::find_if(old_.tiers.begin(), old_.tiers.end(),
                                 [&](const auto& tier) { return tier.pool == name; });
    return at == old_.tiers.end() ? nullptr : &*at;
  }
  [[nodiscard]] const InferenceShareChildren* share(const PoolName& name) const {
    const auto at = children_.shares.find(name);
    return at == children_.shares.end() ? nullptr : &at->second;
  }

  void set_tiers() {
    next_.status.tiers.clear();
    for (const plan::InferenceShare& part : decision_.shares) {
      const plan::Pool& pool = picture_.snapshot.pools[part.pool];
      const api::TierStatus* old = before(pool.name);
      const InferenceShareChildren* there = share(pool.name);
      api::TierStatus tier{
          .tier = pool.tier,
          .pool = pool.name,
          .desired = static_cast<std::int32_t>(part.replicas),
          .ready = there != nullptr && there->deployment ? there->deployment->ready : 0,
          .leaving = static_cast<std::int32_t>(part.leaving),
          .since = now_};
      const auto rate =
          rate_on(picture_, part.pool, part.replicas, pool_.spec.accelerator.per_replica);
      const bool same = old != nullptr && old->desired == tier.desired;
      tier.since = same ? old->since : now_;
      // What it cost when it was decided: a price that moves later is no transition.
      tier.rate = same && old->rate ? old->rate : rate;
      next_.status.tiers.push_back(std::move(tier));
    }
    std::sort(next_.status.tiers.begin(), next_.status.tiers.end(),
              [](const auto& a, const auto& b) { return a.pool < b.pool; });
    next_.status.summary = api::summarize(next_.status.tiers);
    moved_ = !std::equal(
        next_.status.tiers.begin(), next_.status.tiers.end(), old_.tiers.begin(), old_.tiers.end(),
        [](const auto& a, const auto& b) { return a.pool == b.pool && a.desired == b.desired; });
  }

  void count_replicas() {
    next_.status.replicas = 0;
    next_.status.ready_replicas = 0;
    for (const auto& [pool, there] : children_.shares) {
      if (!there.deployment) continue;
      next_.status.replicas += there.deployment->status_replicas;
      next_.status.ready_replicas += there.deployment->ready;
    }
  }

  void say_placed() {
    const bool placed = decision_.unplaced == 0;
    const std::string_view reason = plan::to_string(decision_.cause);
    const api::Condition* old = api::find_condition(old_.conditions, api::condition::kPlaced);
    const bool news = moved_ || old == nullptr || old->reason != reason ||
                      (old->status == ConditionStatus::kTrue) != placed;
    // Of what sleeps the sentence says until when, or for whom it waits.
    const bool same = !news && placed && decision_.cause != plan::Cause::kAsleep;
    if (same) return keep_generation(api::condition::kPlaced, *old);
    next_.status.reason = shorten(plan::explain(picture_.snapshot, decision_, now_), kMaxSentence);
    next_.status.alternatives = alternatives_of(picture_, decision_.alternatives);
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kPlaced, placed, pool_.meta.generation, reason,
                                 next_.status.reason, now_));
    if (news)
      tell(next_.notables, !placed, moved_ && placed ? "Placed" : std::string(reason), "Place",
           next_.status.reason);
  }

  void keep_generation(std::string_view type, const api::Condition& old) {
    api::Condition same = old;
    same.type = std::string(type);
    same.observed_generation = pool_.meta.generation;
    api::set_condition(next_.status.conditions, std::move(same));
  }

  // Times are absolute, so nothing here moves between two edges.
  void say_hours() {
    api::InferencePoolStatus& status = next_.status;
    if (!decision_.hours) {
      status.awake.reset();
      status.next_transition.reset();
      status.awake_reason.clear();
      return;
    }
    const plan::AwakeState& hours = *decision_.hours;
    status.awake = hours.awake;
    status.next_transition = hours.next;
    status.awake_reason = hours.reason;
    const std::string problem =
        hours.problem.empty() ? read_wake_order(pool_.meta.annotations).problem : hours.problem;
    if (!problem.empty()) status.awake_reason += "; " + problem;
    status.awake_reason = shorten(status.awake_reason, kMaxSentence);
    if (!problem.empty() && old_.awake_reason != status.awake_reason)
      tell(next_.notables, true, "HoursUnreadable", "Wake", problem);
    if (old_.awake.value_or(true) != hours.awake)
      tell(next_.notables, false, hours.awake ? "Awake" : "Asleep", hours.awake ? "Wake" : "Sleep",
           hours.reason);
  }

  [[nodiscard]] bool asleep() const { return decision_.hours && !decision_.hours->awake; }

  void say_available() {
    if (asleep() && trouble_.empty()) {
      api::set_condition(
          next_.status.conditions,
          condition(api::condition::kAvailable, false, pool_.meta.generation, "Asleep",
                    plan::explain(picture_.snapshot, decision_, now_), now_));
      return;
    }
    const std::int32_t wanted = pool_.spec.replicas;
    const std::int32_t ready = next_.status.ready_replicas;
    const bool available = ready >= wanted && trouble_.empty();
    std::string reason = available ? "AllReplicasReady" : "ReplicasNotReady";
    std::string message = std::to_string(ready) + " of " + plural(wanted, "replica") + " ready";
    if (!trouble_.empty()) {
      reason = "ChildRejected";
      message = trouble_;
    }
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kAvailable, available, pool_.meta.generation,
                                 reason, message, now_));
  }

  // What a person should know although replicas serve: why it is less, or dearer, than asked for.
  // The sentence has no count of seconds and no price, so it stays until something happens.
  void say_degraded() {
    const auto [reason, message] = degradation();
    const api::Condition* old = api::find_condition(old_.conditions, api::condition::kDegraded);
    const bool degraded = !reason.empty();
    if (old == nullptr && !degraded) return;
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kDegraded, degraded, pool_.meta.generation,
                                 degraded ? reason : "AsAskedFor", message, now_));
    // Of what has no place, or another than asked for, the decision tells.
    const bool news = reason == kCapacityLeaving && (old == nullptr || old->reason != reason);
    if (news) tell(next_.notables, true, std::string(reason), "Drain", message);
  }

  // Also those of a pool that has no share any more.
  [[nodiscard]] std::int64_t on_leaving_nodes() const {
    std::set<std::size_t> leaving;
    for (const plan::Notice& notice : picture_.snapshot.notices) {
      if (plan::must_leave(notice.kind)) leaving.insert(notice.node);
    }
    std::int64_t replicas = 0;
    for (const auto& allocation : picture_.snapshot.inference[decision_.workload].allocations) {
      for (const plan::Bound& at : allocation.bound)
        replicas += leaving.contains(at.node) ? at.replicas : 0;
    }
    return replicas;
  }

  [[nodiscard]] std::pair<std::string_view, std::string> degradation() const {
    if (!trouble_.empty()) return {"ChildRejected", trouble_};
    if (decision_.unplaced > 0)
      return {"NoPlace", plural(decision_.unplaced, "replica") + " of " +
                             std::to_string(pool_.spec.replicas) + " without a place"};
    if (const std::int64_t leaving = on_leaving_nodes(); leaving > 0)
      return {kCapacityLeaving,
              plural(leaving, "replica") +
                  " on nodes that are about to be taken: others take over, and these drain"};
    if (decision_.unprotected > 0)
      return {"ZoneLossUncovered",
              "the loss of one zone would leave " + plural(decision_.unprotected, "replica") +
                  " less than promised, and there is no other capacity for them"};
    if (decision_.spot_missing > 0)
      return {"SpotUnavailable",
              plural(decision_.spot_missing, "replica") +
                  " meant for spot on other capacity, because spot is not to be had"};
    return {};
  }

  void say_clamped() {
    const api::Condition* old = api::find_condition(old_.conditions, api::condition::kClamped);
    if (old == nullptr && !decision_.baseline_clamped) return;
    const std::string message = decision_.baseline_clamped
                                    ? "spec.capacity.baseline is " +
                                          std::to_string(pool_.spec.capacity.baseline) +
                                          ", but only " + plural(pool_.spec.replicas, "replica") +
                                          " asked for: all of them are baseline"
                                    : "";
    api::set_condition(
        next_.status.conditions,
        condition(api::condition::kClamped, decision_.baseline_clamped, pool_.meta.generation,
                  decision_.baseline_clamped ? "BaselineAboveReplicas" : "WithinReplicas", message,
                  now_));
  }

  // Replicas cost from the moment they hold a node. Called last, when it is known whether the
  // status is written anyway.
  void charge() {
    HourlyRate rate;
    for (std::size_t i = 0; i < picture_.snapshot.pools.size(); ++i) {
      const InferenceShareChildren* there = share(picture_.snapshot.pools[i].name);
      if (there == nullptr || there->bound == 0) continue;
      rate += rate_on(picture_, i, there->bound, pool_.spec.accelerator.per_replica)
                  .value_or(HourlyRate());
    }
    if (!old_.cost && rate == HourlyRate()) return;
    if (old_.cost && old_.cost->rate == rate) return;
    if (old_.cost && only_drifts(*old_.cost, rate, !(next_.status == old_), now_)) return;
    accrue(next_.status.cost, rate, on_demand_before(), now_);
  }

  // Of the replicas that there were, not of those that there are now: the time that is settled is
  // theirs. Where fewer held a node than were placed, the rate that was paid tells how many.
  [[nodiscard]] HourlyRate on_demand_before() const {
    HourlyRate on_demand;
    HourlyRate of_all;
    for (std::size_t i = 0; i < picture_.snapshot.pools.size(); ++i) {
      const api::TierStatus* tier = before(picture_.snapshot.pools[i].name);
      if (tier == nullptr) continue;
      const AcceleratorCount each = pool_.spec.accelerator.per_replica;
      on_demand += on_demand_rate(picture_, i, tier->desired, each);
      of_all += rate_on(picture_, i, tier->desired, each).value_or(HourlyRate());
    }
    if (!old_.cost || of_all <= old_.cost->rate) return on_demand;
    return on_demand.scaled(old_.cost->rate.per_hour().micros(), of_all.per_hour().micros());
  }

  const Picture& picture_;
  const plan::InferenceDecision& decision_;
  const Trouble& trouble_;
  Instant now_;
  const api::InferencePool& pool_;
  const InferenceChildren& children_;
  const api::InferencePoolStatus& old_;
  NextStatus<api::InferencePoolStatus> next_;
  bool moved_ = false;
};

}  // namespace

NextStatus<api::InferencePoolStatus> next_status(const Picture& picture,
                                                 const plan::InferenceDecision& decision,
                                                 const Trouble& trouble, Instant now) {
  return InferenceStatus(picture, decision, trouble, now).run();
}

}  // namespace spillway::control
