#include "draining.h"

#include <algorithm>
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
      service.served_by_spot += allocation.ready + ill(pass, allocation);
  }
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
