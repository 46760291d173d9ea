#include "training.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <spillway/plan/checkpoint_policy.h>

#include "launch_risk.h"
#include "spot_jobs.h"

namespace spillway::plan {

std::optional<Cause> over_limit(const Pass& pass, const Demand& demand, const Offer& offer) {
  if (!demand.max_rate) return std::nullopt;
  const Pool& pool = pass.pool(offer.pool);
  if (!price_known(pool)) return Cause::kPriceUnknown;
  if (rate_of(pool.offering.price.upper, pool, demand, demand.replicas) > *demand.max_rate)
    return Cause::kRateLimit;
  return std::nullopt;
}

namespace {

// Does any bought pool with a known price serve the job at all? Then one without a price is not
// touched.
bool has_known_price(const Job& job, const DemandKind& kind) {
  return std::any_of(kind.bought.begin(), kind.bought.end(), [&](const Offer& offer) {
    return offer.price_known && offer.slots_when_empty >= job.workload->demand.replicas;
  });
}

}  // namespace

namespace {

Hours speed_adjusted(const Pass& pass, const Job& job, Hours machine_hours) {
  const Offer* offer = pass.kind(job).find(job.pool);
  return machine_hours * (offer != nullptr ? offer->rates.speed : 1.0);
}

Hours saved_work(const Checkpointing& checkpointing) {
  return Hours(checkpointing.verified ? checkpointing.verified->work : Duration(0));
}

Saving saving_of(const Checkpointing& checkpointing) {
  const double rescued = checkpointing.can_ask ? notice_success(checkpointing.notice_saves,
                                                                checkpointing.notice_saves_verified)
                                               : 0;
  return {.interval = Hours(checkpointing.interval),
          .save = Hours(checkpointing.save_time.value_or(Duration(0))),
          .rescued = rescued};
}

Work work_with_checkpoints(const Pass& pass, const Job& job, Hours asked) {
  const Checkpointing& checkpointing = *job.workload->checkpointing;
  const bool is_open = !job.workload->duration;
  const Hours saved = saved_work(checkpointing);
  const auto still = [&](Hours done) { return is_open ? asked : std::max(asked - done, Hours(0)); };
  Work work;
  const bool runs = job.workload->state == AttemptState::kRunning;
  const Hours done = runs ? std::max(work_done(pass, job), saved) : saved;
  work.left = still(done);
  // Who can be asked saves before it goes.
  const bool saves_first = runs && checkpointing.can_ask && (job.continues || job.saving);
  work.total = saves_first ? work.left : still(saved);
  work.saving = saving_of(checkpointing);
  const Hours unsaved = done - saved;
  const Hours lost = saves_first
                         ? std::min(unsaved, Hours(checkpointing.save_time.value_or(Duration(0))))
                         : unsaved;
  if (runs) work.age = lost / std::max(speed_adjusted(pass, job, Hours(1)).count(), 1e-9);
  return work;
}

}  // namespace

Hours work_done(const Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  const Hours before(workload.checkpointing ? workload.checkpointing->resumed_work : Duration(0));
  const bool ran = workload.state == AttemptState::kRunning ||
                   (workload.running_since && workload.state != AttemptState::kNotCreated);
  if (!ran || !workload.placement) return before;
  const Hours done =
      before + speed_adjusted(pass, job,
                              pass.age(workload.running_since.value_or(workload.placement->since)));
  return workload.duration ? std::min(done, Hours(*workload.duration)) : done;
}

namespace {

Work reckon_work(const Pass& pass, const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  const Hours asked(workload.duration.value_or(pass.config.assumed_duration));
  Work work{.total = asked, .left = asked};
  if (workload.checkpointing && workload.gang) {
    work = work_with_checkpoints(pass, job, asked);
  } else if (job.running()) {
    work.age = pass.age(workload.running_since.value_or(job.placed_at()));
    const Hours done = speed_adjusted(pass, job, work.age);
    // A job that does not say how long it takes is expected to need the assumed time from any
    // moment on.
    if (!workload.duration) work.total = done + asked;
    if (workload.duration) work.left = std::max(asked - done, Hours(0));
  }
  work.start = Hours(workload.changeover.value_or(pass.config.restart_delay));
  return work;
}

}  // namespace

const DeadlineRule& deadline_of(const Pass& pass, const Job& job) {
  std::optional<DeadlineRule>& memo =
      pass.works.deadline_of(static_cast<std::size_t>(&job - pass.jobs.data()));
  if (!memo) memo.emplace(*job.workload, pass.kind(job), pass.now, pass.config);
  return *memo;
}

const Work& work_of(const Pass& pass, const Job& job) {
  WorkMemo& memo = pass.works.of(static_cast<std::size_t>(&job - pass.jobs.data()));
  const bool known = memo.known && memo.pool == job.pool && memo.continues == job.continues &&
                     memo.saving == job.saving;
  if (!known) {
    memo = {.work = reckon_work(pass, job),
            .pool = job.pool,
            .continues = job.continues,
            .saving = job.saving,
            .known = true};
  }
  return memo.work;
}

std::optional<double> cost_of_staying(const Pass& pass, const Job& job, const Work& work) {
  const Offer* offer = pass.kind(job).find(job.pool);
  if (offer == nullptr || (!offer->price_known && offer->tier != api::Tier::kReserved))
    return std::nullopt;
  return job.running() ? cost_to_finish(offer->rates, work.rest())
                       : cost_from_start(offer->rates, work.anew());
}

Instant waiting_since(const Pass& pass, const Job& job) {
  const AttemptState state = job.workload->state;
  const bool had_started = state == AttemptState::kRunning || state == AttemptState::kFailed ||
                           state == AttemptState::kLost;
  if (job.ended && had_started) return pass.now;
  return pass.past(job.workload->waiting_since);
}

Patience patience_of(const Pass& pass, const Job& job, const Work& work,
                     const DeadlineRule& deadline) {
  // It waits exactly when the programme says so.
  if (job.waiting() && follows_programme(pass, job))
    return {.on_demand_at_once = false, .spot_bar = 0};
  const bool enough = deadline.exists()
                          ? deadline.behind()
                          : pass.now - waiting_since(pass, job) >= job.workload->fallback_after;
  if (enough || !job.workload->demand.tiers.contains(api::Tier::kSpot)) return {};
  double bar = kInfinite;
  bool unpriced = false;
  for (const Offer& offer : pass.kind(job).bought) {
    if (offer.price_known && offer.floor * work.total.count() >= bar) break;
    if (offer.tier != api::Tier::kSpot || offer.slots_when_empty < job.workload->demand.replicas)
      continue;
    if (over_limit(pass, job.workload->demand, offer) || !deadline.allows_start(offer)) continue;
    unpriced = unpriced || !offer.price_known;
    if (offer.price_known) bar = std::min(bar, cost_from_start(offer.rates, work.anew()));
  }
  if (!std::isinf(bar)) return {.on_demand_at_once = false, .spot_bar = bar};
  return {.on_demand_at_once = !unpriced};  // the feed will tell what spot without a price costs
}

bool has_room(Pass& pass, const Job& job, const Offer& offer) {
  return !pass.stocked_out(offer.pool) &&
         pass.room.fits(offer.pool, pass.kind(job).need, job.workload->demand.replicas);
}

std::span<const Offer> open_offers(Pass& pass, const Job& job) {
  if (pass.closed.size() <= job.kind) pass.closed.resize(job.kind + 1);
  Pass::Closed& closed = pass.closed[job.kind];
  if (closed.releases != pass.room.releases())
    closed = {.first = 0, .releases = pass.room.releases()};
  const DemandKind& kind = pass.kind(job);
  while (closed.first < kind.bought.size()) {
    const std::size_t pool = kind.bought[closed.first].pool;
    if (!pass.stocked_out(pool) && pass.room.slots(pool, kind.need) > 0) break;
    ++closed.first;
  }
  return std::span(kind.bought).subspan(closed.first);
}

bool has_room_anywhere(Pass& pass, const Job& job) {
  if (pass.full.size() <= job.kind) pass.full.resize(job.kind + 1);
  Pass::Full& full = pass.full[job.kind];
  const std::int64_t replicas = job.workload->demand.replicas;
  if (full.releases == pass.room.releases() && full.replicas <= replicas) return false;
  for (const Offer& offer : open_offers(pass, job)) {
    if (has_room(pass, job, offer)) return true;
  }
  full = {.replicas = replicas, .releases = pass.room.releases()};
  return false;
}

namespace {

// What excludes an offer for good, room or not.
std::optional<Cause> never_suits(const Pass& pass, const Job& job, const Work& work,
                                 const Offer& offer) {
  const Demand& demand = job.workload->demand;
  if (offer.slots_when_empty < demand.replicas || hopeless(offer.rates, work.anew()))
    return Cause::kNoEligiblePool;
  return over_limit(pass, demand, offer);
}

// What excludes an offer that has room, for now.
std::optional<Cause> not_now(const Pass& pass, const Job& job, const Work& work, const Offer& offer,
                             const DeadlineRule& deadline, const Patience& patience) {
  const bool bought = offer.tier != api::Tier::kReserved;
  if (bought && !offer.price_known && has_known_price(job, pass.kind(job)))
    return Cause::kPriceUnknown;
  if (!deadline.allows_start(offer)) return Cause::kDeadline;
  if (offer.tier != api::Tier::kOnDemand || patience.on_demand_at_once) return std::nullopt;
  const bool waits = cost_from_start(offer.rates, work.anew()) > patience.spot_bar;
  return waits ? std::optional(Cause::kWaitingForSpot) : std::nullopt;
}

}  // namespace

// What is told by looking comes before what has to be computed: most pools of a busy cluster are
// full.
std::optional<Cause> excluded(Pass& pass, const Job& job, const Work& work, const Offer& offer,
                              const DeadlineRule& deadline, const Patience& patience) {
  if (const auto cause = never_suits(pass, job, work, offer)) return cause;
  if (!has_room(pass, job, offer)) return Cause::kNoCapacity;
  return not_now(pass, job, work, offer, deadline, patience);
}

namespace {

double near_factor(const Pass& pass) {
  return 1.0 + static_cast<double>(pass.config.near_equal_percent) / 100;
}

// Among those of the least urgency that are near-equal in cost.
Choice best_of(const Pass& pass, const std::vector<Choice>& candidates) {
  const auto cheaper = [](const Choice& a, const Choice& b) {
    return std::tuple(a.urgency, a.reckoned()) < std::tuple(b.urgency, b.reckoned());
  };
  const Choice lowest = *std::min_element(candidates.begin(), candidates.end(), cheaper);
  const auto order = [&](const Choice& choice) {
    const Offer& offer = *choice.offer;
    return std::tuple(-offer.rates.fresh_life.count(), pass.exposure.in_zone_of(offer.pool),
                      pass.exposure.in_pool(offer.pool), offer.preference,
                      pass.catalogue.rank(offer.pool));
  };
  const Choice* best = nullptr;
  for (const Choice& choice : candidates) {
    if (choice.urgency != lowest.urgency ||
        choice.reckoned() > lowest.reckoned() * near_factor(pass))
      continue;
    if (best == nullptr || order(choice) < order(*best)) best = &choice;
  }
  return *best;
}

}  // namespace

std::optional<Choice> best_bought(Pass& pass, const Job& job, const Work& work,
                                  const DeadlineRule& deadline, const Search& search) {
  if (job.waiting() && !has_room_anywhere(pass, job)) return std::nullopt;
  pass.candidates.clear();
  double bar = search.limit;  // nothing above it can be chosen any more
  const Effort effort = work.anew();
  LaunchRisk risk(pass, job, work, search.gives_up);
  for (const Offer& offer : open_offers(pass, job)) {
    if (offer.price_known && offer.floor * work.total.count() > bar) break;
    if (job.placed() && offer.pool == job.pool) continue;
    if (search.only_lasting && offer.tier == api::Tier::kSpot) continue;
    if (offer.slots_when_empty < job.workload->demand.replicas || !has_room(pass, job, offer))
      continue;
    if (offer.price_known && least_cost_from_start(offer.rates, effort) > bar) continue;
    if (!risk.is_worth_a_try(offer)) continue;
    const double cost = cost_from_start(offer.rates, effort);
    if (!(cost < search.limit)) continue;  // what is hopeless costs more than any limit, or NaN
    if (over_limit(pass, job.workload->demand, offer)) continue;
    const auto cause = not_now(pass, job, work, offer, deadline, search.patience);
    if (cause && cause != Cause::kDeadline) continue;
    const int late = offer.tier == api::Tier::kSpot ? 2 : 1;
    const Choice choice{
        .offer = &offer, .cost = cost, .risk = risk.of(offer, cost), .urgency = cause ? late : 0};
    pass.candidates.push_back(choice);
    if (!cause) bar = std::min(bar, choice.reckoned() * near_factor(pass));
  }
  if (pass.candidates.empty()) return std::nullopt;
  return best_of(pass, pass.candidates);
}

bool must_leave_spot(const Pass& pass, const Job& job, const Work& work,
                     const DeadlineRule& deadline) {
  if (!deadline.exists() || pass.pool(job.pool).tier != api::Tier::kSpot) return false;
  const Offer* offer = pass.kind(job).find(job.pool);
  Instant begins = pass.now;
  if (job.running() && work.left.count() <= 0)
    return false;  // overdue by the estimate: finishing here is the best hope
  if (!job.running() && job.continues) {
    begins =
        std::max(pass.now, pass.past(job.placed_at()) + std::chrono::ceil<Duration>(work.start));
  }
  return deadline.must_leave_spot(begins + (offer != nullptr
                                                ? time_for(work.left, *offer)
                                                : std::chrono::ceil<Duration>(work.left)));
}

Instant settled_at(const Pass& pass, const Job& job) {
  if (!job.continues) return pass.now + pass.config.min_run;
  const Instant since =
      job.running() ? job.workload->running_since.value_or(job.placed_at()) : job.placed_at();
  return pass.past(since) + pass.config.min_run;
}

namespace {

// An attempt that cannot be asked to save is not given up for a better price before it has saved
// something by itself: launches that are refused again and again would else keep the job from
// getting anywhere.
bool has_nothing_to_show(const Job& job) {
  const TrainingWorkload& workload = *job.workload;
  if (!job.running() || !workload.gang || !workload.placement || !workload.checkpointing)
    return false;
  const Checkpointing& checkpointing = *workload.checkpointing;
  if (checkpointing.can_ask) return false;
  return !checkpointing.verified || checkpointing.verified->attempt != workload.placement->attempt;
}

struct Move {
  const Offer* offer = nullptr;  // null: it waits for a better one
  Cause cause = Cause::kPriceMove;
};

std::optional<Move> move_by_programme(Pass& pass, const Job& job, const Work& work) {
  // Longer than it said: it may be done any moment, and nobody knows what a start would be for.
  if (job.running() && work.left.count() <= 0) return std::nullopt;
  if (settled_at(pass, job) > pass.now) {
    pass.wake.consider(settled_at(pass, job));
    return std::nullopt;
  }
  const SpotAnswer answer = ask_programme(pass, job, work);
  switch (answer.move) {
    case SpotMove::kStay: return std::nullopt;
    case SpotMove::kLaunchOnDemand: return Move{.offer = answer.offer, .cause = Cause::kDeadline};
    case SpotMove::kLaunchSpot:
    case SpotMove::kWait: break;
  }
  if (has_nothing_to_show(job)) return std::nullopt;
  return Move{.offer = answer.offer};
}

// A job that runs, or is about to, on bought capacity: does a move pay, or does the deadline force
// one?
std::optional<Move> better_place(Pass& pass, const Job& job) {
  const DeadlineRule& deadline = deadline_of(pass, job);
  const Work work = work_of(pass, job);
  if (must_leave_spot(pass, job, work, deadline)) {
    const auto choice = best_bought(pass, job, work, deadline, {.only_lasting = true});
    if (choice) return Move{.offer = choice->offer, .cause = Cause::kDeadline};
    return std::nullopt;
  }
  if (follows_programme(pass, job)) return move_by_programme(pass, job, work);
  if (has_nothing_to_show(job)) return std::nullopt;
  const auto staying = cost_of_staying(pass, job, work);
  if (!staying) return std::nullopt;
  const double limit =
      *staying * (1.0 - static_cast<double>(pass.config.move_margin_percent) / 100);
  const auto choice = best_bought(pass, job, work, deadline,
                                  {.limit = limit, .gives_up = pass.kind(job).find(job.pool)});
  if (!choice || choice->urgency > 0 || !choice->offer->price_known) return std::nullopt;
  return Move{.offer = choice->offer};
}

// While a job holds out for spot it does not take spot that is dearer than the on-demand that it is
// holding out against.
bool worse_than_on_demand(Pass& pass, const Job& job, const Work& work, const Choice& choice,
                          const DeadlineRule& deadline, const Patience& patience) {
  if (choice.offer->tier != api::Tier::kSpot) return false;
  for (const Offer& offer : pass.kind(job).bought) {
    if (offer.price_known && offer.floor * work.total.count() >= choice.cost) break;
    if (offer.tier != api::Tier::kOnDemand) continue;
    const double cost = cost_from_start(offer.rates, work.anew());
    if (cost < choice.cost &&
        excluded(pass, job, work, offer, deadline, patience) == Cause::kWaitingForSpot)
      return true;
  }
  return false;
}

// On-demand although spot would be expected to cost less: for the deadline's sake, or because
// patience has run out.
Cause cause_of(const Pass& pass, const Job& job, const Work& work, const Choice& choice,
               bool has_deadline) {
  if (choice.offer->tier != api::Tier::kOnDemand) return Cause::kCheapest;
  for (const Offer& offer : pass.kind(job).bought) {
    if (offer.price_known && offer.floor * work.total.count() >= choice.cost) break;
    if (offer.tier != api::Tier::kSpot || offer.slots_when_empty < job.workload->demand.replicas)
      continue;
    if (!offer.price_known || cost_from_start(offer.rates, work.anew()) < choice.cost) {
      return has_deadline ? Cause::kDeadline : Cause::kFallback;
    }
  }
  return Cause::kCheapest;
}

}  // namespace

namespace {

void start_by_programme(Pass& pass, Job& job, const Work& work) {
  const SpotAnswer answer = ask_programme(pass, job, work);
  if (answer.offer == nullptr || !has_room(pass, job, *answer.offer)) return;
  const Choice choice{.offer = answer.offer,
                      .cost = cost_from_start(answer.offer->rates, work.anew())};
  pass.place(job, *answer.offer, cause_of(pass, job, work, choice, true));
}

}  // namespace

bool wants_turn(Pass& pass, const Job& job) {
  if (job.waiting()) return has_room_anywhere(pass, job);
  // What this pass has placed is where it is for min_run: the next pass looks after it.
  if (!job.continues || !job.placed() || pass.pool(job.pool).tier == api::Tier::kReserved)
    return false;
  return better_place(pass, job).has_value();
}

void settle(Pass& pass, Job& job) {
  if (job.waiting()) {
    const DeadlineRule& deadline = deadline_of(pass, job);
    const Work work = work_of(pass, job);
    if (follows_programme(pass, job)) return start_by_programme(pass, job, work);
    const Patience patience = patience_of(pass, job, work, deadline);
    const auto choice = best_bought(pass, job, work, deadline, {.patience = patience});
    const bool holds_out =
        choice && worse_than_on_demand(pass, job, work, *choice, deadline, patience);
    if (choice && !holds_out)
      pass.place(job, *choice->offer, cause_of(pass, job, work, *choice, deadline.exists()));
    return;
  }
  const auto move = better_place(pass, job);
  if (!move) return;
  if (move->cause != Cause::kDeadline && settled_at(pass, job) > pass.now) {
    return pass.wake.consider(settled_at(pass, job));
  }
  pass.take_back(job, move->cause);
  if (move->offer != nullptr) pass.place(job, *move->offer, move->cause);
}

}  // namespace spillway::plan
