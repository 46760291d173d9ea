// The reserved baseline goes to whoever would pay most elsewhere (docs/placement.md). Its hours are
// paid already, so a slot is worth what the workload that gets it would otherwise pay: by priority
// first, then by the expected cost per accelerator and useful hour of the best alternative that it
// may use and could get now. Who has no alternative at all comes first.
//
//   1. Everybody who wants reserved room states a claim; claims are ranked.
//   2. A claim takes free room.
//   3. Where that does not do, it displaces what ranks lower on a pool: the lowest first, only as
//   many as needed, and a gang
//      only if it then fits as a whole. A running job only takes free room: it is not worth ending
//      another one for it.
//
// Who loses its slots is waiting again and finds its next best place in the same pass.

#include <algorithm>
#include <cmath>
#include <tuple>

#include "displacement.h"
#include "inference.h"
#include "inference_offers.h"
#include "training.h"

namespace spillway::plan {
namespace {

std::tuple<std::int64_t, double, int> rank(const Claim& claim) {
  return {-claim.priority, -claim.value, claim.beneficiary.inference ? 0 : 1};
}

class ReservedStep {
 public:
  explicit ReservedStep(Pass& pass) : pass_(pass), incumbents_(pass) {}

  void run() {
    for (std::size_t i = 0; i < pass_.jobs.size(); ++i)
      claim_for_job(i);
    for (std::size_t i = 0; i < pass_.services.size(); ++i)
      claim_for_service(i);
    std::sort(claims_.begin(), claims_.end(),
              [&](const Claim& a, const Claim& b) { return goes_before(a, b); });
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      const Claim& claim = claims_[i];
      if (const std::size_t later = i + 2 * kAhead; later < claims_.size())
        look_ahead(pass_, claims_[i + kAhead].beneficiary, claims_[later].beneficiary);
      if (claim.beneficiary.inference) {
        serve(pass_.services[claim.beneficiary.index], claim);
      } else {
        serve(pass_.jobs[claim.beneficiary.index], claim);
      }
    }
  }

 private:
  bool goes_before(const Claim& a, const Claim& b) const {
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    if (a.created_at != b.created_at) return a.created_at < b.created_at;
    if (a.beneficiary.inference)
      return goes_first(pass_.services[a.beneficiary.index], pass_.services[b.beneficiary.index]);
    return goes_first(pass_.jobs[a.beneficiary.index], pass_.jobs[b.beneficiary.index]);
  }

  void claim_for_job(std::size_t index) {
    const Job& job = pass_.jobs[index];
    const DemandKind& kind = pass_.kind(job);
    if (kind.reserved.empty() || (!job.waiting() && !job.placed())) return;
    if (is_short(job)) {
      const Claim claim = claim_of_short(pass_, index);
      if (incumbents_.yield_to(claim, job.pool)) claims_.push_back(claim);
      return;
    }
    const bool free = has_free_room(job);
    if (job.placed()) {
      const bool moves =
          free && pass_.pool(job.pool).tier != api::Tier::kReserved && move_pays(job);
      if (moves) claims_.push_back(claim_of(pass_, index));
      return;
    }
    const Claim claim = claim_of(pass_, index);
    if (free || may_displace(job, claim)) claims_.push_back(claim);
  }

  void claim_for_service(std::size_t index) {
    const Service& service = pass_.services[index];
    if (service.workload->terminating || pass_.kind(service).reserved.empty()) return;
    const bool is_short = !short_pools(service).empty();
    if (!is_short && reserved_wanted(pass_, service) <= 0) return;
    const Claim claim = claim_of_service(pass_, index);
    if (is_short || has_chance(service, claim)) claims_.push_back(claim);
  }

  // Its slots were decided and not all of them are there: whoever was to leave them has not been
  // told, because the operator ended between two writes, or nodes went. It does not wait for its
  // launch timeout: the decision is finished.
  bool is_short(const Job& job) const {
    return job.continues && job.placed() && job.workload->state != AttemptState::kRunning &&
           pass_.pool(job.pool).tier == api::Tier::kReserved && Pass::missing(job) > 0;
  }

  void serve_short(Job& job, const Claim& claim) {
    const std::int64_t missing = Pass::missing(job);
    const auto found = incumbents_.find(claim, job.pool, pass_.kind(job).need, missing, missing);
    if (!found) return;
    incumbents_.displace(*found, claim.beneficiary);
    pass_.fill(job);
  }

  // The same of a service, share by share.
  std::vector<std::size_t> short_pools(const Service& service) const {
    std::vector<std::size_t> pools;
    for (const Share& share : service.shares) {
      const bool reserved = pass_.pool(share.pool).tier == api::Tier::kReserved;
      if (reserved && Pass::missing(share) > 0) pools.push_back(share.pool);
    }
    return pools;
  }

  void serve_short(Service& service, const Claim& claim) {
    for (const std::size_t pool : short_pools(service)) {
      const std::int64_t missing = Pass::missing(*service.find(pool));
      const auto found = incumbents_.find(claim, pool, pass_.kind(service).need, missing, 1);
      if (!found) continue;
      incumbents_.displace(*found, claim.beneficiary);
      pass_.fill(service, pool);
    }
  }

  // Remembered for its kind, as on bought pools.
  bool has_free_room(const Job& job) {
    if (full_.size() <= job.kind) full_.resize(job.kind + 1);
    Pass::Full& full = full_[job.kind];
    const std::int64_t replicas = job.workload->demand.replicas;
    if (full.releases == pass_.room.releases() && full.replicas <= replicas) return false;
    for (const Offer& offer : pass_.kind(job).reserved) {
      if (has_room(pass_, job, offer)) return true;
    }
    full = {.replicas = replicas, .releases = pass_.room.releases()};
    return false;
  }

  // Reserved hours cost nothing, but work that is thrown away was paid for: it is worth what it
  // cost.
  bool move_pays(const Job& job) {
    const Work work = work_of(pass_, job);
    const DeadlineRule& deadline = deadline_of(pass_, job);
    if (must_leave_spot(pass_, job, work, deadline)) return true;
    const Offer* offer = pass_.kind(job).find(job.pool);
    const auto staying = cost_of_staying(pass_, job, work);
    if (offer == nullptr || !staying || !deadline.survives_restart()) return false;
    const double lost = offer->rates.usd * (work.age + work.start).count();
    if (lost >= *staying * (1.0 - static_cast<double>(pass_.config.move_margin_percent) / 100))
      return false;
    if (settled_at(pass_, job) <= pass_.now) return true;
    pass_.wake.consider(settled_at(pass_, job));
    return false;
  }

  // Reserved pools that would take the job if there were room: the fastest model first, then the
  // pool that it fills best, so that room for large gangs stays together.
  std::vector<const Offer*> admissible(const Job& job, const DeadlineRule& deadline, bool in_time) {
    std::vector<const Offer*> offers;
    const Work& work = work_of(pass_, job);
    for (const Offer& offer : pass_.kind(job).reserved) {
      const auto cause = excluded(pass_, job, work, offer, deadline, {});
      const bool could = !cause || cause == Cause::kNoCapacity || cause == Cause::kDeadline;
      if (could && !pass_.stocked_out(offer.pool) && deadline.allows_start(offer) == in_time)
        offers.push_back(&offer);
    }
    const auto order = [&](const Offer* offer) {
      return std::tuple(-offer->rates.speed, pass_.room.slots(offer->pool, pass_.kind(job).need),
                        pass_.catalogue.rank(offer->pool));
    };
    std::sort(offers.begin(), offers.end(),
              [&](const Offer* a, const Offer* b) { return order(a) < order(b); });
    return offers;
  }

  bool take_free(Job& job, const Claim& claim, const std::vector<const Offer*>& offers) {
    const auto free = std::find_if(offers.begin(), offers.end(), [&](const Offer* offer) {
      return has_room(pass_, job, *offer);
    });
    if (free == offers.end()) return false;
    if (job.placed()) pass_.take_back(job, Cause::kPriceMove);
    pass_.place(job, **free, Cause::kReservedBaseline);
    incumbents_.joined((*free)->pool, claim.beneficiary);
    return true;
  }

  bool displace(Job& job, const Claim& claim, const std::vector<const Offer*>& offers) {
    const std::int64_t replicas = job.workload->demand.replicas;
    std::optional<Displacement> best;
    const Offer* where = nullptr;
    for (const Offer* offer : offers) {
      auto found = incumbents_.find(claim, offer->pool, pass_.kind(job).need, replicas, replicas);
      if (!found || (best && found->harm >= best->harm)) continue;
      best = std::move(found);
      where = offer;
    }
    if (!best) return false;
    incumbents_.displace(*best, claim.beneficiary);
    pass_.place(job, *where, Cause::kReservedBaseline);
    incumbents_.joined(where->pool, claim.beneficiary);
    return true;
  }

  // There is free room for it, or somebody on a pool that takes it whom it outranks.
  bool has_chance(const Job& job, const Claim& claim) {
    return has_free_room(job) || (job.waiting() && may_displace(job, claim));
  }
  bool may_displace(const Job& job, const Claim& claim) {
    const std::vector<Offer>& offers = pass_.kind(job).reserved;
    return std::any_of(offers.begin(), offers.end(),
                       [&](const Offer& offer) { return incumbents_.yield_to(claim, offer.pool); });
  }

  void serve(Job& job, const Claim& claim) {
    if (is_short(job)) return serve_short(job, claim);
    if (!has_chance(job, claim)) return;
    const DeadlineRule& deadline = deadline_of(pass_, job);
    const std::vector<const Offer*> offers = admissible(job, deadline, true);
    if (take_free(job, claim, offers)) return;
    // What is still saving is not in a hurry: it takes free room only.
    if (!job.waiting() || job.saving || displace(job, claim, offers) || !deadline.exists()) return;
    // Too late is better than idle, unless bought capacity is still in time.
    const auto bought = best_bought(pass_, job, work_of(pass_, job), deadline, {});
    if (!bought || bought->urgency > 0) take_free(job, claim, admissible(job, deadline, false));
  }

  bool has_chance(const Service& service, const Claim& claim) {
    const DemandKind& kind = pass_.kind(service);
    return std::any_of(kind.reserved.begin(), kind.reserved.end(), [&](const Offer& offer) {
      return pass_.room.slots(offer.pool, kind.need) > 0 || incumbents_.yield_to(claim, offer.pool);
    });
  }

  void serve(Service& service, const Claim& claim) {
    serve_short(service, claim);
    if (!has_chance(service, claim)) return;
    for (const Offer& offer : pass_.kind(service).reserved) {
      const std::int64_t wanted = reserved_wanted(pass_, service);
      if (wanted <= 0 || pass_.stocked_out(offer.pool)) continue;
      const std::int64_t got =
          pass_.grow(service, offer.pool, affordable(pass_, service, offer, wanted));
      if (got > 0) incumbents_.joined(offer.pool, claim.beneficiary);
    }
    for (const Offer& offer : pass_.kind(service).reserved) {
      const std::int64_t wanted =
          affordable(pass_, service, offer, reserved_wanted(pass_, service));
      if (wanted <= 0 || pass_.stocked_out(offer.pool)) continue;
      const auto found = incumbents_.find(claim, offer.pool, pass_.kind(service).need, wanted, 1);
      if (!found) continue;
      incumbents_.displace(*found, claim.beneficiary);
      pass_.grow(service, offer.pool, found->slots);
      incumbents_.joined(offer.pool, claim.beneficiary);
    }
  }

  Pass& pass_;
  Incumbents incumbents_;
  std::vector<Claim> claims_;
  std::vector<Pass::Full> full_;  // by kind, of reserved pools
};

}  // namespace

void assign_reserved(Pass& pass) {
  const auto reserved = [](const Pool& pool) { return pool.tier == api::Tier::kReserved; };
  if (std::any_of(pass.snapshot.pools.begin(), pass.snapshot.pools.end(), reserved))
    ReservedStep(pass).run();
}

}  // namespace spillway::plan
