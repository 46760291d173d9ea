#include "deadline.h"

#include <algorithm>

namespace spillway::plan {
DeadlineRule::DeadlineRule(const TrainingWorkload& job, const DemandKind& kind, Instant now, const Config& config)
    : deadline_(job.deadline), now_(now), created_at_(job.created_at), work_(job.duration.value_or(config.assumed_duration)),
      delay_(config.restart_delay), launch_(job.launch_timeout) {
  if (!deadline_) return;
  left_ = *deadline_ - now_;
  const auto consider = [&](const Offer& offer) {
    if (offer.tier == api::Tier::kSpot || offer.slots_when_empty < job.demand.replicas) return;
    safe_attempt_ = std::min(safe_attempt_.value_or(attempt(offer)), attempt(offer));
  };
  for (const Offer& offer : kind.reserved) consider(offer);
  for (const Offer& offer : kind.bought) consider(offer);
}

bool DeadlineRule::allows_start(const Offer& offer) const {
  if (!deadline_) return true;
  if (offer.tier != api::Tier::kSpot) return left_ > attempt(offer);
  if (!safe_attempt_) return true;
  return left_ > attempt(offer) + *safe_attempt_ + delay_ + launch_;
}

bool DeadlineRule::must_leave_spot(Instant ends) const {
  const auto net = net_closes_at();
  return net && ends > *net && left_ > *safe_attempt_;
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
