#include "draining.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "leaving.h"

namespace spillway::plan {
namespace {

const Notice* notice_to_leave(const Pass& pass, std::size_t node) {
  if (pass.notices.empty()) return nullptr;
  const Notice* notice = pass.notices[node];
  return notice != nullptr && must_leave(notice->kind) ? notice : nullptr;
}

// Bound for too long without being ready.
std::int64_t ill(const Pass& pass, const InferenceAllocation& allocation) {
  return std::count_if(allocation.loading.begin(), allocation.loading.end(),
                       [&](Instant bound_at) { return ill_from(pass, bound_at) <= pass.now; });
}

struct Leaver {
  Drain drain;
  std::optional<Instant> begins;  // at the latest
  Instant deadline = Instant::max();
};

Leaver leaver(const Pass& pass, const Service& service, std::size_t pool, const Bound& at,
              const Notice& notice) {
  Leaver result{.drain = {.pool = pool, .node = at.node, .replicas = at.replicas}};
  if (!notice.deadline) return result;
  result.deadline = *notice.deadline;
  result.drain.ends_by = save_by(
      {.reason = api::SaveReason::kNotice, .since = notice.first_seen, .deadline = notice.deadline},
      pass.config.interruption);
  result.begins = *result.drain.ends_by - service.workload->drain;
  return result;
}

std::vector<Leaver> leavers_of(const Pass& pass, const Service& service) {
  std::vector<Leaver> list;
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    for (const Bound& at : allocation.bound) {
      if (const Notice* notice = notice_to_leave(pass, at.node))
        list.push_back(leaver(pass, service, allocation.pool, at, *notice));
    }
  }
  std::sort(list.begin(), list.end(), [&](const Leaver& a, const Leaver& b) {
    const auto& nodes = pass.snapshot.nodes;
    return std::tie(a.deadline, nodes[a.drain.node].name) <
           std::tie(b.deadline, nodes[b.drain.node].name);
  });
  return list;
}

}  // namespace

Instant ill_from(const Pass& pass, Instant bound_at) {
  return pass.past(bound_at) + pass.config.load_limit;
}

std::int64_t serving_on(const Pass& pass, const InferenceAllocation& allocation) {
  return allocation.ready + ill(pass, allocation);
}

std::int64_t leaving_on(const Pass& pass, const InferenceAllocation& allocation) {
  std::int64_t sum = 0;
  for (const Bound& at : allocation.bound)
    sum += notice_to_leave(pass, at.node) != nullptr ? at.replicas : 0;
  return sum;
}

Share share_that_stays(const Pass& pass, const InferenceAllocation& allocation) {
  Share share{.pool = allocation.pool,
              .replicas = allocation.desired,
              .since = allocation.since,
              .leaving = leaving_on(pass, allocation)};
  const std::int64_t news = std::max<std::int64_t>(share.leaving - allocation.leaving, 0);
  share.replicas = std::max<std::int64_t>(share.replicas - news, 0);
  share.bound.reserve(allocation.bound.size());
  for (const Bound& at : allocation.bound) {
    if (notice_to_leave(pass, at.node) == nullptr) share.bound.push_back(at);
  }
  return share;
}

void note_serving(const Pass& pass, Service& service) {
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    service.ready += allocation.ready;
    service.whole = service.whole && allocation.ready >= allocation.desired;
    if (pass.pool(allocation.pool).tier == api::Tier::kSpot)
      service.served_by_spot += serving_on(pass, allocation);
  }
}

namespace {

// What serves of what is wanted, and what of the promise that leaves open.
class Serving {
 public:
  Serving(const Pass& pass, const Service& service)
      : pass_(pass),
        asked_(service.workload->demand.replicas),
        floor_(service.workload->floor_through_zone_loss) {}

  void add(std::size_t pool, std::int64_t replicas) {
    total_ += replicas;
    if (pass_.pool(pool).tier == api::Tier::kSpot)
      largest_ = std::max(largest_, in_zone_[pass_.exposure.zone_of(pool)] += replicas);
  }
  [[nodiscard]] std::int64_t missing() const {
    const std::int64_t now = asked_ - total_;
    const std::int64_t after = floor_ ? std::min(*floor_, asked_) - (total_ - largest_) : now;
    return std::max({now, after, std::int64_t{0}});
  }
  // How many more would be lost together with one on this pool.
  [[nodiscard]] std::int64_t beside(std::size_t pool) const {
    const auto zone = in_zone_.find(pass_.exposure.zone_of(pool));
    const bool is_spot = pass_.pool(pool).tier == api::Tier::kSpot;
    return floor_ && is_spot && zone != in_zone_.end() ? zone->second : 0;
  }

 private:
  const Pass& pass_;
  std::int64_t asked_;
  std::optional<std::int64_t> floor_;
  std::int64_t total_ = 0;
  std::int64_t largest_ = 0;
  std::map<std::size_t, std::int64_t> in_zone_;  // on spot
};

}  // namespace

// Without replicas that load nothing takes anybody's place: what is beyond a share goes at once.
// One that is ill takes nobody's either, however long it is.
std::vector<Kept> kept_of(const Pass& pass, const Service& service) {
  Serving serving(pass, service);
  std::vector<Kept> surplus;
  std::int64_t serves = 0;
  for (const InferenceAllocation& allocation : service.workload->allocations) {
    const Share* share = service.find(allocation.pool);
    const std::int64_t wanted = share != nullptr ? share->replicas : 0;
    const std::int64_t there = std::min(allocation.ready, wanted);
    serving.add(allocation.pool, there);
    serves += there;
    const std::int64_t beyond = allocation.ready - wanted;
    if (beyond > 0) surplus.push_back({.pool = allocation.pool, .replicas = beyond});
  }
  std::vector<Kept> kept;
  if (surplus.empty() || serves >= service.total()) return kept;
  std::sort(surplus.begin(), surplus.end(), [&](const Kept& a, const Kept& b) {
    return pass.catalogue.rank(a.pool) < pass.catalogue.rank(b.pool);
  });
  for (const Kept& beyond : surplus)
    kept.push_back({.pool = beyond.pool});
  std::int64_t left = service.workload->floor_through_zone_loss
                          ? std::numeric_limits<std::int64_t>::max()
                          : service.total() - serves;
  for (; left > 0 && serving.missing() > 0; --left) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < surplus.size(); ++i) {
      if (kept[i].replicas == surplus[i].replicas) continue;
      if (!best || serving.beside(surplus[i].pool) < serving.beside(surplus[*best].pool)) best = i;
    }
    if (!best) break;
    ++kept[*best].replicas;
    serving.add(surplus[*best].pool, 1);
  }
  std::erase_if(kept, [](const Kept& one) { return one.replicas == 0; });
  return kept;
}

std::vector<Drain> drains_of(Pass& pass, const Service& service) {
  std::vector<Drain> drains;
  if (pass.notices.empty() || service.workload->terminating) return drains;
  const std::vector<Leaver> leavers = leavers_of(pass, service);
  std::int64_t there = service.ready;
  for (const Leaver& leaver : leavers)
    there += leaver.drain.replicas;
  std::int64_t replaced = std::max<std::int64_t>(there - service.workload->demand.replicas, 0);
  for (const Leaver& leaver : leavers) {
    const bool time_is_up = leaver.begins && *leaver.begins <= pass.now;
    Drain drain = leaver.drain;
    if (!time_is_up) drain.replicas = std::min(drain.replicas, replaced);
    replaced = std::max<std::int64_t>(replaced - drain.replicas, 0);
    if (drain.replicas > 0) drains.push_back(drain);
    if (drain.replicas < leaver.drain.replicas) pass.wake.consider(leaver.begins);
  }
  return drains;
}

}  // namespace spillway::plan
