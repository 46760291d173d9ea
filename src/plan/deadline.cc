#include "deadline.h"

#include <algorithm>

namespace spillway::plan {

DeadlineRule::DeadlineRule(const TrainingWorkload& job, const DemandKind& kind, Instant now,
                           const Config& config)
    : deadline_(job.deadline), now_(now) {
  if (!deadline_) return;
  created_at_ = job.created_at;
  work_ = job.duration.value_or(config.assumed_duration);
  delay_ = job.changeover.value_or(config.restart_delay);
  launch_ = job.launch_timeout;
  if (job.checkpointing && job.gang) {
    const Checkpointing& checkpointing = *job.checkpointing;
    const Hours saved(checkpointing.verified ? checkpointing.verified->work : Duration(0));
    saves_ = true;
    unsaved_ = checkpointing.interval + checkpointing.save_time.value_or(Duration(0));
    done_ = work_.count() > 0 ? std::min(saved / work_, 1.0) : 1.0;
    work_ = std::max(work_ - saved, Hours(0));
  }
  left_ = *deadline_ - now_;
  for (const DemandKind::Lasting& lasting : kind.lasting) {
    if (lasting.slots_when_empty < job.demand.replicas) continue;
    safe_attempt_ = std::chrono::ceil<Duration>(work_ / lasting.speed) + delay_;
    break;
  }
}

bool DeadlineRule::allows_start(const Offer& offer) const {
  if (!deadline_) return true;
  if (offer.tier != api::Tier::kSpot) return left_ > attempt(offer.rates.speed);
  if (!safe_attempt_) return true;
  const Duration at_risk = saves_ ? delay_ + unsaved_ : attempt(offer.rates.speed);
  return left_ > at_risk + *safe_attempt_ + delay_ + launch_;
}

bool DeadlineRule::must_leave_spot(Instant ends) const {
  const auto net = net_closes_at();
  if (!net || !safe_attempt_) return false;
  const Instant reaches = saves_ ? now_ : ends;
  const bool closed = saves_ ? reaches >= *net : reaches > *net;
  return closed && left_ > *safe_attempt_;
}

bool DeadlineRule::survives_restart() const {
  return !deadline_ || !safe_attempt_ || left_ > *safe_attempt_ + delay_ + launch_;
}

bool DeadlineRule::behind() const {
  const auto at = behind_at();
  return at && now_ >= *at;
}

std::optional<Instant> DeadlineRule::behind_at() const {
  if (!deadline_) return std::nullopt;
  const double line = static_cast<double>((*deadline_ - created_at_).count()) * done_;
  return created_at_ + delay_ + Duration(static_cast<std::int64_t>(line));
}

std::optional<Instant> DeadlineRule::spot_start_closes_at(double speed) const {
  if (!deadline_ || !safe_attempt_) return std::nullopt;
  const Duration at_risk = saves_ ? delay_ + unsaved_ : attempt(speed);
  return *deadline_ - (at_risk + *safe_attempt_ + delay_ + launch_);
}

std::optional<Instant> DeadlineRule::net_closes_at() const {
  if (!deadline_ || !safe_attempt_) return std::nullopt;
  return *deadline_ - (*safe_attempt_ + delay_ + launch_);
}

}  // namespace spillway::plan
