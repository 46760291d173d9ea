#include "deadline.h"

namespace spillway::plan {

DeadlineRule::DeadlineRule(const TrainingWorkload& job, const DemandKind& kind, Instant now,
                           const Config& config)
    : deadline_(job.deadline),
      now_(now),
      created_at_(job.created_at),
      work_(job.duration.value_or(config.assumed_duration)),
      delay_(config.restart_delay),
      launch_(job.launch_timeout) {
  if (!deadline_) return;
  left_ = *deadline_ - now_;
  for (const DemandKind::Lasting& lasting : kind.lasting) {
    if (lasting.slots_when_empty < job.demand.replicas) continue;
    safe_attempt_ = std::chrono::ceil<Duration>(work_ / lasting.speed) + delay_;
    break;
  }
}

bool DeadlineRule::allows_start(const Offer& offer) const {
  if (!deadline_) return true;
  if (offer.tier != api::Tier::kSpot) return left_ > attempt(offer);
  if (!safe_attempt_) return true;
  return left_ > attempt(offer) + *safe_attempt_ + delay_ + launch_;
}

bool DeadlineRule::must_leave_spot(Instant ends) const {
  const auto net = net_closes_at();
  return net && safe_attempt_ && ends > *net && left_ > *safe_attempt_;
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
  return created_at_ + delay_;
}

std::optional<Instant> DeadlineRule::start_closes_at(const Offer& spot) const {
  if (!deadline_ || !safe_attempt_) return std::nullopt;
  return *deadline_ - (attempt(spot) + *safe_attempt_ + delay_ + launch_);
}

std::optional<Instant> DeadlineRule::net_closes_at() const {
  if (!deadline_ || !safe_attempt_) return std::nullopt;
  return *deadline_ - (*safe_attempt_ + delay_ + launch_);
}

}  // namespace spillway::plan
