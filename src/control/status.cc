#include <spillway/control/status.h>

#include <algorithm>

#include <spillway/control/children.h>
#include <spillway/core/text.h>

namespace spillway::control {
namespace {

using api::ConditionStatus;
using plan::AttemptState;
using plan::Cause;
using plan::TrainingVerdict;

constexpr std::size_t kMaxAlternatives = 5;
constexpr std::size_t kMaxSentence = 1000;

api::Condition condition(std::string_view type, bool holds, std::int64_t generation,
                         std::string_view reason, const std::string& message, Instant now) {
  return {.type = std::string(type),
          .status = holds ? ConditionStatus::kTrue : ConditionStatus::kFalse,
          .observed_generation = generation,
          .last_transition_time = now,
          .reason = std::string(reason),
          .message = shorten(message, kMaxSentence)};
}

std::optional<HourlyRate> rate_on(const Picture& picture, std::size_t pool, std::int64_t replicas,
                                  AcceleratorCount per_replica) {
  const plan::Pool& offered = picture.snapshot.pools[pool];
  if (offered.offering.price.quality == market::PriceQuality::kUnknown) return std::nullopt;
  return workload_rate(offered.offering.price.likely, replicas, per_replica,
                       offered.accelerators_per_node);
}

HourlyRate on_demand_rate(const Picture& picture, std::size_t pool, std::int64_t replicas,
                          AcceleratorCount per_replica) {
  const plan::Pool& offered = picture.snapshot.pools[pool];
  return workload_rate(offered.offering.on_demand, replicas, per_replica,
                       offered.accelerators_per_node);
}

// A price that moves a little is not worth a write now: it is taken over within kRateRefresh.
bool only_drifts(const api::CostStatus& cost, HourlyRate rate, Instant now) {
  if (rate == HourlyRate() || cost.rate == HourlyRate() || now - cost.since >= kRateRefresh)
    return false;
  const HourlyRate change = rate > cost.rate ? rate - cost.rate : cost.rate - rate;
  return change.scaled(100, 1) < cost.rate.scaled(kRateDriftPercent, 1);
}

std::string note_of(const plan::Alternative& alternative) {
  if (alternative.excluded) return std::string(plan::to_string(*alternative.excluded));
  return "eligible, dearer per useful hour";
}

std::vector<api::Alternative> alternatives_of(const Picture& picture,
                                              const std::vector<plan::Alternative>& alternatives) {
  std::vector<api::Alternative> list;
  for (const plan::Alternative& alternative : alternatives) {
    if (list.size() == kMaxAlternatives) break;
    const plan::Pool& pool = picture.snapshot.pools[alternative.pool];
    std::optional<HourlyRate> rate;
    if (pool.offering.price.quality != market::PriceQuality::kUnknown) rate = alternative.rate;
    list.push_back(
        {.pool = pool.name, .tier = pool.tier, .rate = rate, .note = note_of(alternative)});
  }
  return list;
}

// ---- training

class TrainingStatus {
 public:
  TrainingStatus(const Picture& picture, const plan::TrainingDecision& decision,
                 const Trouble& trouble, Instant now)
      : picture_(picture),
        decision_(decision),
        trouble_(trouble),
        now_(now),
        job_(*picture.training[decision.workload]),
        children_(picture.training_children[decision.workload]),
        workload_(picture.snapshot.training[decision.workload]),
        old_(job_.status),
        next_{.status = job_.status} {}

  NextStatus<api::TrainingJobStatus> run() {
    next_.status.observed_generation = job_.meta.generation;
    switch (decision_.verdict) {
      case TrainingVerdict::kKeep: note_start(); break;
      case TrainingVerdict::kPlace:
        end_attempt();
        if (decision_.placement) place(*decision_.placement);
        break;
      case TrainingVerdict::kRelease:
        end_attempt();
        next_.status.placement.reset();
        say_waiting();
        break;
      case TrainingVerdict::kWait: say_waiting(); break;
      case TrainingVerdict::kSucceed: finish(true); break;
      case TrainingVerdict::kFail: finish(false); break;
    }
    charge();
    say_running();
    next_.status.phase = phase();
    return std::move(next_);
  }

 private:
  [[nodiscard]] bool finishing() const {
    return decision_.verdict == TrainingVerdict::kSucceed ||
           decision_.verdict == TrainingVerdict::kFail;
  }
  [[nodiscard]] bool keeps() const { return decision_.verdict == TrainingVerdict::kKeep; }

  void note_start() {
    if (workload_.state != AttemptState::kRunning || next_.status.started_at) return;
    next_.status.started_at = workload_.running_since.value_or(now_);
    if (workload_.duration) next_.status.eta = *next_.status.started_at + *workload_.duration;
    tell(false, "Started", "Start",
         plural(job_.spec.replicas, "replica") + " of attempt " + attempt_text() + " run");
  }

  // What the attempt that ends leaves in the books. Until checkpoints exist, all it did is lost.
  void end_attempt() {
    if (!old_.placement) return;
    const bool had_children = children_.current != nullptr || children_.replica_lost;
    if (had_children && next_.status.attempt == old_.placement->attempt) ++next_.status.restarts;
    if (decision_.counts_as_user_failure) {
      ++next_.status.restarts_counted;
    } else if (old_.started_at && decision_.cause != Cause::kSuspended) {
      api::Interruptions interruptions = old_.interruptions.value_or(api::Interruptions{});
      ++interruptions.count;
      interruptions.lost += std::chrono::duration_cast<std::chrono::seconds>(
          std::max(now_ - *old_.started_at, Duration(0)));
      next_.status.interruptions = interruptions;
    }
    next_.status.started_at.reset();
    next_.status.eta.reset();
  }

  void place(const plan::TrainingPlacement& placement) {
    const plan::Pool& pool = picture_.snapshot.pools[placement.pool];
    const std::string sentence =
        shorten(plan::explain(picture_.snapshot, decision_, now_), kMaxSentence);
    next_.status.attempt = placement.attempt;
    next_.status.placement =
        api::TrainingPlacement{.pool = pool.name,
                               .tier = pool.tier,
                               .attempt = placement.attempt,
                               .rate = rate_on(picture_, placement.pool, job_.spec.replicas,
                                               job_.spec.accelerator.per_replica),
                               .since = placement.since,
                               .reason = sentence,
                               .alternatives = alternatives_of(picture_, decision_.alternatives)};
    say_placed(true, sentence);
    const bool forced =
        decision_.cause == Cause::kDisplaced || decision_.cause == Cause::kLaunchTimeout ||
        decision_.cause == Cause::kReplicaLost || decision_.cause == Cause::kProgramFailed;
    tell(forced, forced ? std::string(plan::to_string(decision_.cause)) : "Placed", "Place",
         "attempt " + attempt_text() + " on " + pool.name.str() + ": " + sentence);
  }

  void say_placed(bool placed, const std::string& sentence) {
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kPlaced, placed, job_.meta.generation,
                                 plan::to_string(decision_.cause), sentence, now_));
  }

  void say_waiting() {
    const std::string sentence = plan::explain(picture_.snapshot, decision_, now_);
    const api::Condition* before = api::find_condition(old_.conditions, api::condition::kPlaced);
    const bool news = before == nullptr || before->status != ConditionStatus::kFalse ||
                      before->reason != plan::to_string(decision_.cause);
    say_placed(false, sentence);
    if (news)
      tell(decision_.cause != Cause::kSuspended, std::string(plan::to_string(decision_.cause)),
           "Wait", sentence);
  }

  void finish(bool well) {
    const std::string sentence = well ? "all " + plural(job_.spec.replicas, "replica") +
                                            " of attempt " + attempt_text() + " succeeded"
                                      : plan::explain(picture_.snapshot, decision_, now_);
    const std::optional<Instant> completed_at =
        children_.current ? children_.current->completed_at : std::nullopt;
    next_.status.finished_at = std::min(now_, completed_at.value_or(now_));
    next_.status.eta.reset();
    const auto add = [&](std::string_view type) {
      api::set_condition(next_.status.conditions,
                         condition(type, true, job_.meta.generation,
                                   plan::to_string(decision_.cause), sentence, now_));
    };
    add(well ? api::condition::kComplete : api::condition::kFailed);
    if (decision_.counts_as_user_failure) ++next_.status.restarts_counted;
    tell(!well, well ? "Complete" : "Failed", "Finish", sentence);
  }

  // The rate is charged while replicas hold nodes; a moving price is taken over at most every
  // kRateRefresh.
  void charge() {
    HourlyRate rate;
    Instant at = now_;
    const bool holds_nodes =
        keeps() && (children_.bound > 0 || workload_.state == AttemptState::kRunning);
    const bool charged_before = old_.cost && old_.cost->rate > HourlyRate();
    if (holds_nodes && workload_.placement) {
      rate = rate_on(picture_, workload_.placement->pool, job_.spec.replicas,
                     job_.spec.accelerator.per_replica)
                 .value_or(HourlyRate());
      if (!charged_before && children_.first_bound_at)
        at = std::min(now_, *children_.first_bound_at);
      if (charged_before && only_drifts(*old_.cost, rate, now_)) return;
    }
    if (finishing() && next_.status.finished_at) at = *next_.status.finished_at;
    if (!old_.cost && rate == HourlyRate()) return;
    if (old_.cost && old_.cost->rate == rate) return;
    if (old_.cost) at = std::max(at, old_.cost->since);
    HourlyRate on_demand;
    if (workload_.placement) {
      on_demand = on_demand_rate(picture_, workload_.placement->pool, job_.spec.replicas,
                                 job_.spec.accelerator.per_replica);
    }
    accrue(next_.status.cost, rate, on_demand, at);
  }

  void say_running() {
    const bool running = keeps() && workload_.state == AttemptState::kRunning;
    std::string reason = running ? "AllReplicasRunning" : "NotRunning";
    const auto& placement = next_.status.placement;
    std::string message = running && placement
                              ? "attempt " + attempt_text() + " runs on " + placement->pool.str()
                              : "";
    if (!running && finishing()) {
      reason = "Finished";
    } else if (!running && !trouble_.empty()) {
      reason = "ChildRejected";
      message = trouble_;
    } else if (!running && keeps() && !children_.trouble.empty()) {
      reason = "ReplicaNotStarting";
      message = children_.trouble;
    } else if (!running && next_.status.placement) {
      reason = "Starting";
      message = workload_.earlier_attempt_ending
                    ? "waiting for the pods of the earlier attempt to end"
                    : "waiting for its replicas to run";
    }
    api::set_condition(
        next_.status.conditions,
        condition(api::condition::kRunning, running, job_.meta.generation, reason, message, now_));
  }

  [[nodiscard]] api::TrainingJobPhase phase() const {
    using api::TrainingJobPhase;
    if (decision_.verdict == TrainingVerdict::kSucceed) return TrainingJobPhase::kSucceeded;
    if (decision_.verdict == TrainingVerdict::kFail) return TrainingJobPhase::kFailed;
    const bool children_left =
        workload_.earlier_attempt_ending || (!keeps() && children_.current != nullptr);
    if (!next_.status.placement) {
      if (children_left) return TrainingJobPhase::kEnding;
      return job_.spec.suspend ? TrainingJobPhase::kSuspended : TrainingJobPhase::kPending;
    }
    if (keeps() && workload_.state == AttemptState::kRunning) return TrainingJobPhase::kRunning;
    if (keeps() && workload_.state == AttemptState::kStarting) return TrainingJobPhase::kStarting;
    return children_left ? TrainingJobPhase::kEnding : TrainingJobPhase::kPlaced;
  }

  [[nodiscard]] std::string attempt_text() const {
    return std::to_string(next_.status.attempt.value());
  }

  void tell(bool warning, std::string reason, std::string action, std::string note) {
    next_.notables.push_back({.warning = warning,
                              .reason = std::move(reason),
                              .action = std::move(action),
                              .note = std::move(note)});
  }

  const Picture& picture_;
  const plan::TrainingDecision& decision_;
  const Trouble& trouble_;
  Instant now_;
  const api::TrainingJob& job_;
  const TrainingChildren& children_;
  const plan::TrainingWorkload& workload_;
  const api::TrainingJobStatus& old_;
  NextStatus<api::TrainingJobStatus> next_;
};

// ---- inference

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
    say_placed();
    say_available();
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
          .since = now_};
      const auto rate =
          rate_on(picture_, part.pool, part.replicas, pool_.spec.accelerator.per_replica);
      const bool same = old != nullptr && old->desired == tier.desired;
      tier.since = same ? old->since : now_;
      // A rate that only drifts is not a transition.
      tier.rate = same && old->rate && now_ - last_rate_change() < kRateRefresh ? old->rate : rate;
      next_.status.tiers.push_back(std::move(tier));
    }
    std::sort(next_.status.tiers.begin(), next_.status.tiers.end(),
              [](const auto& a, const auto& b) { return a.pool < b.pool; });
    next_.status.summary = api::summarize(next_.status.tiers);
    moved_ = !std::equal(
        next_.status.tiers.begin(), next_.status.tiers.end(), old_.tiers.begin(), old_.tiers.end(),
        [](const auto& a, const auto& b) { return a.pool == b.pool && a.desired == b.desired; });
  }

  [[nodiscard]] Instant last_rate_change() const { return old_.cost ? old_.cost->since : now_; }

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
    if (!news && placed) return keep_generation(api::condition::kPlaced, *old);
    next_.status.reason = shorten(plan::explain(picture_.snapshot, decision_, now_), kMaxSentence);
    next_.status.alternatives = alternatives_of(picture_, decision_.alternatives);
    api::set_condition(next_.status.conditions,
                       condition(api::condition::kPlaced, placed, pool_.meta.generation, reason,
                                 next_.status.reason, now_));
    if (news)
      tell(!placed, moved_ && placed ? "Placed" : std::string(reason), "Place",
           next_.status.reason);
  }

  void keep_generation(std::string_view type, const api::Condition& old) {
    api::Condition same = old;
    same.type = std::string(type);
    same.observed_generation = pool_.meta.generation;
    api::set_condition(next_.status.conditions, std::move(same));
  }

  void say_available() {
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

  // Replicas cost from the moment they hold a node.
  void charge() {
    HourlyRate rate;
    HourlyRate on_demand;
    for (std::size_t i = 0; i < picture_.snapshot.pools.size(); ++i) {
      const InferenceShareChildren* there = share(picture_.snapshot.pools[i].name);
      if (there == nullptr || there->bound == 0) continue;
      rate += rate_on(picture_, i, there->bound, pool_.spec.accelerator.per_replica)
                  .value_or(HourlyRate());
      on_demand += on_demand_rate(picture_, i, there->bound, pool_.spec.accelerator.per_replica);
    }
    if (!old_.cost && rate == HourlyRate()) return;
    if (old_.cost && old_.cost->rate == rate) return;
    if (old_.cost && only_drifts(*old_.cost, rate, now_)) return;
    accrue(next_.status.cost, rate, on_demand, now_);
  }

  void tell(bool warning, std::string reason, std::string action, std::string note) {
    next_.notables.push_back({.warning = warning,
                              .reason = std::move(reason),
                              .action = std::move(action),
                              .note = std::move(note)});
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

// ---- pools

api::PoolPriceStatus price_status(const market::NodePrice& price) {
  api::PoolPriceStatus status{.source = price.source, .quality = price.quality};
  if (price.quality != market::PriceQuality::kUnknown) status.per_node_hour = price.likely;
  status.observed_at = price.observed_at;
  return status;
}

// A price that is heard again unchanged is no news: the time of hearing is kept until price or
// quality changes.
void take_price(api::CapacityPoolStatus& status, const market::NodePrice& price) {
  api::PoolPriceStatus fresh = price_status(price);
  if (status.price && status.price->per_node_hour == fresh.per_node_hour &&
      status.price->quality == fresh.quality && status.price->source == fresh.source) {
    return;
  }
  status.price = std::move(fresh);
}

api::Condition readiness(const api::CapacityPool& pool, const plan::Pool& offered, Instant now) {
  const auto say = [&](bool ready, std::string_view reason, const std::string& message) {
    return condition(api::condition::kReady, ready, pool.meta.generation, reason, message, now);
  };
  using market::PriceQuality;
  if (offered.offering.availability == market::Availability::kStockedOut) {
    const std::string when =
        offered.offering.retry_at ? " until " + format_instant(*offered.offering.retry_at) : "";
    return say(false, "StockedOut",
               "it did not deliver nodes in time; nothing new is placed here" + when);
  }
  switch (offered.offering.price.quality) {
    case PriceQuality::kUnknown:
      return say(false, "PriceUnknown",
                 "no price: its feed has none and spec.price.onDemand is not given");
    case PriceQuality::kStale:
      return say(true, "PriceStale", "the last price is old; decisions reckon with a wider one");
    case PriceQuality::kFallback:
      return say(true, "PriceFallback", "no price observed; the on-demand price stands in");
    case PriceQuality::kLive: return say(true, "Ready", "");
  }
  return say(true, "Ready", "");
}

}  // namespace

void accrue(std::optional<api::CostStatus>& cost, HourlyRate rate, HourlyRate on_demand_before,
            Instant at) {
  api::CostStatus next = cost.value_or(api::CostStatus{.since = at});
  const Duration time = std::max(at - next.since, Duration(0));
  const HourlyRate baseline =
      on_demand_before > HourlyRate() && next.rate > HourlyRate() ? on_demand_before : next.rate;
  next.total += next.rate.over(time);
  next.on_demand_equivalent += baseline.over(time);
  next.saved = next.on_demand_equivalent - next.total;
  next.rate = rate;
  next.since = at;
  cost = next;
}

NextStatus<api::TrainingJobStatus> next_status(const Picture& picture,
                                               const plan::TrainingDecision& decision,
                                               const Trouble& trouble, Instant now) {
  return TrainingStatus(picture, decision, trouble, now).run();
}

NextStatus<api::InferencePoolStatus> next_status(const Picture& picture,
                                                 const plan::InferenceDecision& decision,
                                                 const Trouble& trouble, Instant now) {
  return InferenceStatus(picture, decision, trouble, now).run();
}

namespace {

template <class Kind>
auto refuse(const Kind& object, const std::string& sentence, Instant now) {
  NextStatus<decltype(Kind::status)> next{.status = object.status};
  next.status.observed_generation = object.meta.generation;
  const bool news = api::set_condition(
      next.status.conditions, condition(api::condition::kPlaced, false, object.meta.generation,
                                        "InvalidSpec", sentence, now));
  if (news)
    next.notables.push_back(
        {.warning = true, .reason = "InvalidSpec", .action = "Place", .note = sentence});
  return next;
}

}  // namespace

NextStatus<api::TrainingJobStatus> refused_status(const api::TrainingJob& job,
                                                  const std::string& sentence, Instant now) {
  return refuse(job, sentence, now);
}

NextStatus<api::InferencePoolStatus> refused_status(const api::InferencePool& pool,
                                                    const std::string& sentence, Instant now) {
  return refuse(pool, sentence, now);
}

NextStatus<api::CapacityPoolStatus> next_status(const Picture& picture, std::size_t index,
                                                const plan::PoolUse& use,
                                                const market::StockOutMemory& memory,
                                                const market::LifeSums& sums,
                                                std::int32_t interruptions_last_day, Instant now) {
  const api::CapacityPool& pool = *picture.pools[index];
  const plan::Pool& offered = picture.snapshot.pools[index];
  NextStatus<api::CapacityPoolStatus> next{.status = pool.status};
  api::CapacityPoolStatus& status = next.status;
  status.observed_generation = pool.meta.generation;
  take_price(status, offered.offering.price);
  status.nodes = {.ready = static_cast<std::int32_t>(picture.ready_nodes[index]),
                  .max = pool.spec.nodes.max};
  status.accelerators = {.capacity = use.capacity, .used = use.used, .free = use.free};
  status.availability = market::availability_at(memory, now);
  status.retry_at = market::retry_at(memory, now);
  status.stock_out.reset();
  if (memory.failed_at && market::failures_at(memory, now) > 0) {
    status.stock_out = {.failures = static_cast<std::int32_t>(memory.failures),
                        .since = *memory.failed_at};
  }
  const bool learnt = !(sums == life_sums(pool.status));
  if (pool.spec.tier == api::Tier::kSpot && (learnt || !status.life)) {
    const Duration age = picture.oldest_node_age[index].value_or(Duration(0));
    const market::LifeEstimate life = market::estimate_life(sums, age);
    const auto seconds = [](Duration time) {
      return std::chrono::duration_cast<std::chrono::seconds>(time);
    };
    status.life = api::PoolLife{.window_time = seconds(sums.exposure),
                                .windows_milli = sums.losses_thousandths};
    if (life.fresh) status.life->mean = seconds(*life.fresh);
    if (life.residual) status.life->residual = seconds(*life.residual);
  }
  status.interruptions_last_day = interruptions_last_day;
  plan::Pool as_remembered = offered;
  as_remembered.offering.availability = *status.availability;
  as_remembered.offering.retry_at = status.retry_at;
  api::Condition ready = readiness(pool, as_remembered, now);
  const api::Condition* before =
      api::find_condition(pool.status.conditions, api::condition::kReady);
  if (before == nullptr || before->reason != ready.reason) {
    next.notables.push_back(
        {.warning = ready.status != ConditionStatus::kTrue || ready.reason != "Ready",
         .reason = ready.reason,
         .action = "Observe",
         .note = ready.message.empty() ? "price and nodes are known" : ready.message});
  }
  api::set_condition(status.conditions, std::move(ready));
  return next;
}

}  // namespace spillway::control
