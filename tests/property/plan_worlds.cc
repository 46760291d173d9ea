#include "plan_worlds.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

namespace spillway::plan::test {
namespace {

int number(int from, int to_exclusive) {
  return *rc::gen::inRange(from, to_exclusive);
}
bool one_in(int n) {
  return *rc::gen::resize(100, rc::gen::inRange(0, n)) == n - 1;
}

template <class T>
T one_of(std::vector<T> values) {
  return values[static_cast<std::size_t>(
      *rc::gen::resize(100, rc::gen::inRange<int>(0, static_cast<int>(values.size()))))];
}

Duration minutes(int from, int to) {
  return std::chrono::minutes(number(from, to));
}

api::TierSet any_tiers() {
  return one_of<api::TierSet>({api::TierSet::all(),
                               api::TierSet::all(),
                               {api::Tier::kReserved, api::Tier::kSpot},
                               {api::Tier::kSpot, api::Tier::kOnDemand},
                               {api::Tier::kReserved, api::Tier::kOnDemand},
                               {api::Tier::kSpot},
                               {api::Tier::kOnDemand},
                               {api::Tier::kReserved}});
}

std::vector<ModelPreference> any_models() {
  const ModelPreference h100{.model = AcceleratorModel("H100")};
  const ModelPreference a100{.model = AcceleratorModel("A100")};
  const ModelPreference slower{.model = AcceleratorModel("A100"), .speed_percent = 55};
  return one_of<std::vector<ModelPreference>>({{h100}, {h100}, {h100, slower}, {a100}});
}

void add_any_pool(World& world, const std::string& name, const Limits& limits) {
  const api::Tier tier = one_of<api::Tier>(
      limits.reserved ? std::vector{api::Tier::kReserved, api::Tier::kSpot, api::Tier::kSpot,
                                    api::Tier::kOnDemand}
                      : std::vector{api::Tier::kSpot, api::Tier::kSpot, api::Tier::kOnDemand});
  PoolSpec spec{.price = number(100, 3000) / 100.0,
                .nodes = limits.plenty ? 2 : number(0, 4),
                .zone = one_of<std::string>({"zone-a", "zone-b", "zone-c"}),
                .model = one_of<std::string>({"H100", "H100", "A100"}),
                .cpu = 1'000'000,
                .memory = 1'000'000};
  if (!one_in(3)) spec.life = std::chrono::minutes(number(30, 6000));
  if (limits.distinct_lives)
    spec.life = std::chrono::minutes(600 + 7 * static_cast<int>(world.snapshot.pools.size()));
  spec.max = limits.plenty ? 1000 : spec.nodes + number(0, 3);
  const std::size_t pool = world.pool(name, tier, spec);
  if (!limits.troubles) return;
  market::Offering& offering = world.snapshot.pools[pool].offering;
  if (one_in(8)) offering.price = {};
  if (one_in(8)) {
    offering.availability = market::Availability::kStockedOut;
    offering.retry_at = world.now + minutes(-5, 30);
  }
  if (one_in(8) && spec.nodes > 0) world.snapshot.nodes.back().usable = false;
}

// Few different values: the tables of the spot programme are made for each.
Checkpointing any_checkpointing() {
  Checkpointing checkpointing{.interval = one_of<Duration>({10min, 30min, 60min}),
                              .can_ask = !one_in(3)};
  if (!one_in(3)) checkpointing.save_time = one_of<Duration>({10s, 90s, 600s});
  return checkpointing;
}

}  // namespace

const ProgrammeLibrary& programmes() {
  static const ProgrammeLibrary library;
  return library;
}

void add_any_job(World& world, const std::string& name, const Limits& limits) {
  JobSpec spec{.replicas = number(1, 5),
               .per_replica = limits.whole_nodes ? 8 : one_of<int>({1, 2, 4, 8}),
               .fallback_after = minutes(0, 60),
               .priority = one_in(4) ? 1 : 0,
               .models = any_models(),
               .tiers = any_tiers(),
               .age = minutes(0, 120)};
  spec.duration = one_in(4) ? std::nullopt : std::optional<Duration>(minutes(10, 1500));
  if (limits.deadlines && one_in(3)) spec.deadline_in = minutes(10, 4000);
  if (limits.rate_limits && one_in(5)) spec.max_rate = number(1, 80);
  TrainingWorkload& job = world.job(name, spec);
  job.suspended = limits.troubles && one_in(10);
  if (limits.checkpoints && one_in(2)) job.checkpointing = any_checkpointing();
  if (one_in(8)) job.gang = false;
  if (limits.checkpoints && limits.programme) world.config.programmes = &programmes();
}

void add_any_service(World& world, const std::string& name, const Limits& limits) {
  ServiceSpec spec{.replicas = number(0, 9),
                   .per_replica = limits.whole_nodes ? 8 : one_of<int>({1, 2, 4}),
                   .baseline = number(0, 6),
                   .spot_percent = one_of<int>({0, 50, 90, 100}),
                   .overprovision = one_in(4) ? number(1, 3) : 0,
                   .fallback = one_of<api::OnDemandFallback>(
                       {api::OnDemandFallback::kWhileNotReady,
                        api::OnDemandFallback::kWhileUnavailable, api::OnDemandFallback::kNever}),
                   .priority = one_in(4) ? 1 : 0,
                   .models = any_models(),
                   .tiers = any_tiers()};
  if (limits.rate_limits && one_in(5)) spec.max_rate = number(1, 40);
  if (one_in(3)) spec.floor_through_zone_loss = number(0, static_cast<int>(spec.replicas) + 1);
  world.service(name, spec);
}

World any_world(const Limits& limits) {
  World world;
  const int pools = number(1, limits.max_pools + 1);
  for (int i = 0; i < pools; ++i)
    add_any_pool(world, "pool-" + std::to_string(i), limits);
  const int jobs = number(0, limits.max_jobs + 1);
  for (int i = 0; i < jobs; ++i)
    add_any_job(world, "job-" + std::to_string(i), limits);
  const int services = number(0, limits.max_services + 1);
  for (int i = 0; i < services; ++i)
    add_any_service(world, "service-" + std::to_string(i), limits);
  return world;
}

namespace {

// One group of unbound replicas of a workload on a pool.
struct Unbound {
  const Demand* demand = nullptr;
  std::size_t pool = 0;
  std::int64_t replicas = 0;
  std::vector<Bound>* bound = nullptr;
};

std::int64_t count(const std::vector<Bound>& bound) {
  std::int64_t sum = 0;
  for (const Bound& at : bound)
    sum += at.replicas;
  return sum;
}

// Replicas on nodes that are about to go: others are asked for in their place while they last.
std::int64_t count_leaving(const Snapshot& snapshot, const std::vector<Bound>& bound) {
  std::int64_t leaving = 0;
  for (const Bound& at : bound) {
    const bool goes = std::any_of(
        snapshot.notices.begin(), snapshot.notices.end(),
        [&](const Notice& notice) { return notice.node == at.node && must_leave(notice.kind); });
    leaving += goes ? at.replicas : 0;
  }
  return leaving;
}

std::vector<Unbound> unbound_of(Snapshot& snapshot) {
  std::vector<Unbound> list;
  for (TrainingWorkload& job : snapshot.training) {
    if (!job.placement || job.terminating) continue;
    const std::int64_t missing = job.demand.replicas - count(job.bound);
    if (missing > 0) list.push_back({&job.demand, job.placement->pool, missing, &job.bound});
  }
  for (InferenceWorkload& service : snapshot.inference) {
    if (service.terminating) continue;
    for (InferenceAllocation& allocation : service.allocations) {
      const std::int64_t missing =
          allocation.desired - count(allocation.bound) + count_leaving(snapshot, allocation.bound);
      if (missing > 0)
        list.push_back({&service.demand, allocation.pool, missing, &allocation.bound});
    }
  }
  std::sort(list.begin(), list.end(), [](const Unbound& a, const Unbound& b) {
    return a.demand->per_replica.accelerators > b.demand->per_replica.accelerators;
  });
  return list;
}

// Its room is promised to others already (or lies on nodes that go).
bool gives_its_room_up(const TrainingWorkload& job) {
  if (!job.checkpointing || !job.checkpointing->save || !job.placement) return false;
  const api::SaveStatus& save = *job.checkpointing->save;
  return save.attempt == job.placement->attempt && save.state == api::SaveState::kRequested &&
         (save.reason == api::SaveReason::kDisplaced || save.reason == api::SaveReason::kNotice);
}

bool takes_new_pods(const Snapshot& snapshot, std::size_t node) {
  const bool noticed = std::any_of(snapshot.notices.begin(), snapshot.notices.end(),
                                   [&](const Notice& notice) { return notice.node == node; });
  return snapshot.nodes[node].usable && !noticed &&
         snapshot.nodes[node].health == NodeHealth::kHealthy;
}

std::vector<std::int64_t> free_accelerators(const Snapshot& snapshot) {
  std::vector<std::int64_t> free;
  free.reserve(snapshot.nodes.size());
  for (const Node& node : snapshot.nodes)
    free.push_back(node.free.accelerators.value());
  const auto occupy = [&](const Demand& demand, const std::vector<Bound>& bound) {
    for (const Bound& at : bound)
      free[at.node] -= demand.per_replica.accelerators.value() * at.replicas;
  };
  for (const TrainingWorkload& job : snapshot.training) {
    if (!gives_its_room_up(job)) occupy(job.demand, job.bound);
  }
  for (const InferenceWorkload& service : snapshot.inference) {
    for (const InferenceAllocation& allocation : service.allocations)
      occupy(service.demand, allocation.bound);
  }
  return free;
}

void bind_all(World& world) {
  Snapshot& snapshot = world.snapshot;
  std::vector<std::int64_t> free = free_accelerators(snapshot);
  for (const Unbound& group : unbound_of(snapshot)) {
    const std::int64_t each = group.demand->per_replica.accelerators.value();
    for (std::int64_t left = group.replicas; left > 0; --left) {
      std::optional<std::size_t> best;
      std::int64_t nodes = 0;
      for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
        if (snapshot.nodes[i].pool != group.pool) continue;
        ++nodes;
        if (takes_new_pods(snapshot, i) && free[i] >= each && (!best || free[i] < free[*best]))
          best = i;
      }
      if (!best && nodes < snapshot.pools[group.pool].max_nodes) {
        best = world.node(group.pool, {.cpu = 1'000'000, .memory = 1'000'000});
        free.push_back(8);
      }
      if (!best) break;
      free[*best] -= each;
      group.bound->push_back({.node = *best, .replicas = 1});
    }
  }
}

}  // namespace

namespace {

// An attempt that has just begun to run, and what it has saved some time later.
void begin_to_run(TrainingWorkload& job) {
  job.state = AttemptState::kRunning;
  job.running_since = job.placement->since;
  if (!job.checkpointing) return;
  job.checkpointing->ended.reset();
  job.checkpointing->resumed_work = Duration(0);
  job.checkpointing->resumed_step.reset();
  if (!job.checkpointing->verified) return;
  job.checkpointing->resumed_work = job.checkpointing->verified->work;
  job.checkpointing->resumed_step = job.checkpointing->verified->step;
}

void save(TrainingWorkload& job, Instant now) {
  if (!job.checkpointing || job.state != AttemptState::kRunning || !job.running_since) return;
  const Duration ran = now - *job.running_since;
  const Duration unsaved = minutes(0, 40);
  if (unsaved >= ran) return;
  const std::int64_t before =
      job.checkpointing->verified ? job.checkpointing->verified->step.value() : 0;
  job.checkpointing->verified =
      VerifiedCheckpoint{.step = api::StepNumber(before + 1),
                         .attempt = job.placement->attempt,
                         .committed_at = now - unsaved,
                         .work = std::min(job.checkpointing->resumed_work + ran - unsaved,
                                          job.duration.value_or(std::chrono::hours(1000)))};
}

}  // namespace

void carry_out(World& world, const Plan& plan, Duration later) {
  world.snapshot = apply_plan(world.snapshot, plan, world.now, world.config);
  bind_all(world);
  for (TrainingWorkload& job : world.snapshot.training) {
    job.earlier_attempt_ending = false;
    if (!job.placement || job.state == AttemptState::kRunning || job.terminating) continue;
    const bool all = count(job.bound) == job.demand.replicas;
    job.state = AttemptState::kStarting;
    job.starting_since = job.placement->since;
    if (all) begin_to_run(job);
  }
  for (InferenceWorkload& service : world.snapshot.inference) {
    std::erase_if(service.allocations, [](const auto& gone) { return gone.desired == 0; });
    for (InferenceAllocation& allocation : service.allocations)
      allocation.ready = std::min(count(allocation.bound), allocation.desired);
  }
  world.now += later;
  for (TrainingWorkload& job : world.snapshot.training)
    save(job, world.now);
}

namespace {

void upset_nodes(World& world) {
  for (std::size_t i = 0; i < world.snapshot.nodes.size(); ++i) {
    if (one_in(12)) {
      const Instant seen = world.now - std::chrono::seconds(number(0, 200));
      Notice notice{.node = i,
                    .kind = one_of<NoticeKind>(
                        {NoticeKind::kInterruption, NoticeKind::kDrain, NoticeKind::kRebalance}),
                    .first_seen = seen};
      if (!one_in(3)) notice.deadline = seen + std::chrono::seconds(number(10, 3000));
      world.snapshot.notices.push_back(notice);
    }
    if (one_in(15))
      world.snapshot.nodes[i].health =
          one_of<NodeHealth>({NodeHealth::kSuspected, NodeHealth::kGone});
  }
}

void upset_checkpointing(Checkpointing& checkpointing) {
  if (one_in(6)) checkpointing.sight = StoreSight::kUnreadable;
  if (one_in(6)) checkpointing.verified.reset();
  if (one_in(6)) checkpointing.answered = api::StepNumber(number(0, 5));
}

}  // namespace

void upset(World& world, const Limits& limits) {
  for (TrainingWorkload& job : world.snapshot.training) {
    if (one_in(10)) job.terminating = true;
    if (job.checkpointing) upset_checkpointing(*job.checkpointing);
    if (one_in(2)) job.loss = LossKind::kNode;
    if (!job.placement) continue;
    if (one_in(6))
      job.state = one_of<AttemptState>(
          {AttemptState::kSucceeded, AttemptState::kFailed, AttemptState::kLost});
    if (one_in(8)) {
      job.state = AttemptState::kStarting;
      job.bound.clear();
      job.starting_since = world.now - minutes(0, 30);
    }
    if (one_in(10)) job.suspended = true;
  }
  for (InferenceWorkload& service : world.snapshot.inference) {
    if (one_in(10)) service.terminating = true;
    if (one_in(2)) service.demand.replicas = number(0, 12);
    if (service.floor_through_zone_loss)  // never above what is asked for (snapshot.h)
      service.floor_through_zone_loss =
          std::min(*service.floor_through_zone_loss, service.demand.replicas);
    for (InferenceAllocation& allocation : service.allocations) {
      if (!one_in(6)) continue;
      allocation.bound.clear();
      allocation.ready = 0;
      allocation.starting_since = world.now - minutes(0, 20);
    }
  }
  for (Pool& pool : world.snapshot.pools) {
    if (one_in(2)) world.set_price(pool.name.str(), number(100, 3000) / 100.0);
    if (limits.troubles && one_in(10)) pool.offering.price = {};
  }
  if (limits.notices && one_in(2)) upset_nodes(world);
  if (!limits.newcomers) return;
  const int jobs = number(0, 3);
  for (int i = 0; i < jobs; ++i)
    add_any_job(world, "late-job-" + std::to_string(i), limits);
  if (one_in(2)) add_any_service(world, "late-service", limits);
}

World lived_in_world(const Limits& limits) {
  World world = any_world(limits);
  const int rounds = number(0, 3);
  for (int i = 0; i < rounds; ++i) {
    carry_out(world, make_plan(world.snapshot, world.now, world.config), minutes(1, 90));
  }
  if (rounds > 0) upset(world, limits);
  return world;
}

std::vector<std::optional<std::vector<std::int64_t>>> packed(const Snapshot& original) {
  Snapshot snapshot = original;
  const std::vector<std::int64_t> free = free_accelerators(snapshot);
  std::vector<std::optional<std::vector<std::int64_t>>> result(snapshot.pools.size(),
                                                               std::vector<std::int64_t>{});
  std::vector<std::int64_t> nodes(snapshot.pools.size(), 0);
  for (std::size_t i = 0; i < snapshot.nodes.size(); ++i) {
    auto& pool = result[snapshot.nodes[i].pool];
    if (snapshot.nodes[i].health != NodeHealth::kGone) ++nodes[snapshot.nodes[i].pool];
    if (free[i] < 0) pool.reset();
    if (pool && takes_new_pods(snapshot, i)) pool->push_back(free[i]);
  }
  for (std::size_t i = 0; i < snapshot.pools.size(); ++i) {
    const std::int64_t more = std::min<std::int64_t>(snapshot.pools[i].max_nodes - nodes[i], 200);
    for (std::int64_t n = 0; result[i] && n < more; ++n)
      result[i]->push_back(8);
  }
  for (const Unbound& group : unbound_of(snapshot)) {
    const std::int64_t each = group.demand->per_replica.accelerators.value();
    for (std::int64_t left = group.replicas; left > 0 && result[group.pool]; --left) {
      std::int64_t* best = nullptr;
      for (std::int64_t& node : *result[group.pool]) {
        if (node >= each && (best == nullptr || node < *best)) best = &node;
      }
      if (best == nullptr) {
        result[group.pool].reset();
      } else {
        *best -= each;
      }
    }
  }
  return result;
}

namespace {

std::string text_of(const Snapshot& snapshot, const std::vector<Alternative>& alternatives) {
  std::string text;
  for (const Alternative& alternative : alternatives) {
    text += " | " + snapshot.pools[alternative.pool].name.str() + " " +
            alternative.rate.to_string() + " " +
            std::to_string(alternative.dollars_per_useful_hour) + " " +
            (alternative.excluded ? std::string(to_string(*alternative.excluded)) : "");
  }
  return text;
}

}  // namespace

NamedPlan named(const Snapshot& snapshot, const Plan& plan) {
  NamedPlan result{.wake_at = plan.wake_at};
  for (const TrainingDecision& decision : plan.training) {
    std::ostringstream text;
    text << "verdict " << static_cast<int>(decision.verdict) << " " << to_string(decision.cause);
    if (decision.placement) {
      text << " on " << snapshot.pools[decision.placement->pool].name << " attempt "
           << decision.placement->attempt << " since " << format_instant(decision.placement->since);
    }
    if (decision.displaced_by) {
      text << " by "
           << (decision.displaced_by_inference ? snapshot.inference[*decision.displaced_by].key
                                               : snapshot.training[*decision.displaced_by].key);
    }
    if (decision.nominated) text << " then " << snapshot.pools[*decision.nominated].name;
    if (decision.interruption) {
      text << " interruption " << static_cast<int>(decision.interruption->state)
           << (decision.interruption->ask ? " ask" : "")
           << (decision.interruption->may_end ? " may end" : "");
    }
    if (decision.resume_step) text << " from step " << *decision.resume_step;
    text << (decision.may_start ? "" : " not yet") << " lost "
         << format_duration(decision.lost_work) << " done " << format_duration(decision.work_done)
         << " in vain " << decision.restarts_without_progress;
    text << (decision.counts_as_user_failure ? " counted" : "")
         << text_of(snapshot, decision.alternatives);
    result.workloads[snapshot.training[decision.workload].key.to_string()] = text.str();
  }
  for (const InferenceDecision& decision : plan.inference) {
    std::ostringstream text;
    text << to_string(decision.cause) << " unplaced " << decision.unplaced;
    std::map<std::string, std::int64_t> shares;
    for (const InferenceShare& share : decision.shares)
      shares[snapshot.pools[share.pool].name.str()] = share.replicas;
    for (const auto& [pool, replicas] : shares)
      text << " " << pool << ":" << replicas;
    text << text_of(snapshot, decision.alternatives);
    result.workloads[snapshot.inference[decision.workload].key.to_string()] = text.str();
  }
  for (const StockOut& stock_out : plan.stock_outs) {
    result.stock_outs.push_back(snapshot.pools[stock_out.pool].name.str() + " " +
                                format_instant(stock_out.since));
  }
  for (std::size_t i = 0; i < plan.pools.size(); ++i) {
    result.pools[snapshot.pools[i].name.str()] = std::to_string(plan.pools[i].capacity.value()) +
                                                 "/" + std::to_string(plan.pools[i].used.value()) +
                                                 "/" + std::to_string(plan.pools[i].free.value());
  }
  return result;
}

std::ostream& operator<<(std::ostream& out, const NamedPlan& plan) {
  for (const auto& [name, text] : plan.workloads)
    out << name << ": " << text << "\n";
  for (const std::string& text : plan.stock_outs)
    out << "stock-out " << text << "\n";
  for (const auto& [name, text] : plan.pools)
    out << name << ": " << text << "\n";
  if (plan.wake_at) out << "wake " << plan.wake_at->time_since_epoch().count() << "\n";
  return out;
}

namespace {

void show_demand(std::ostream& out, const Demand& demand) {
  out << " " << demand.replicas << "x" << demand.per_replica.accelerators << " prio "
      << demand.priority << " tiers";
  for (const api::Tier tier : api::kAllTiers)
    out << (demand.tiers.contains(tier) ? " " + std::string(api::to_string(tier)) : "");
  for (const ModelPreference& model : demand.models)
    out << " " << model.model << "@" << model.speed_percent;
  if (demand.max_rate) out << " maxRate " << demand.max_rate->to_string();
}

void show_checkpointing(std::ostream& out, const Checkpointing& checkpointing) {
  out << " checkpoints every " << format_duration(checkpointing.interval)
      << (checkpointing.can_ask ? " on request" : "");
  if (checkpointing.save_time) out << " in " << format_duration(*checkpointing.save_time);
  if (checkpointing.verified) {
    out << " verified " << checkpointing.verified->step << " of attempt "
        << checkpointing.verified->attempt << " work "
        << format_duration(checkpointing.verified->work);
  }
  if (checkpointing.save) {
    out << " save " << api::to_string(checkpointing.save->reason) << " "
        << api::to_string(checkpointing.save->state) << " attempt " << checkpointing.save->attempt;
  }
}

}  // namespace

std::string show(const Snapshot& snapshot) {
  std::ostringstream out;
  for (std::size_t i = 0; i < snapshot.pools.size(); ++i) {
    const Pool& pool = snapshot.pools[i];
    const auto nodes = std::count_if(snapshot.nodes.begin(), snapshot.nodes.end(),
                                     [&](const Node& n) { return n.pool == i; });
    out << pool.name << " " << api::to_string(pool.tier) << " " << pool.model << " "
        << pool.location.zone << " $" << pool.offering.price.upper.to_string() << " nodes " << nodes
        << "/" << pool.max_nodes;
    if (pool.offering.life.fresh) out << " life " << format_duration(*pool.offering.life.fresh);
    out << (pool.offering.availability == market::Availability::kStockedOut ? " stocked out" : "")
        << "\n";
  }
  for (const TrainingWorkload& job : snapshot.training) {
    out << job.key;
    show_demand(out, job.demand);
    out << " duration " << (job.duration ? format_duration(*job.duration) : "-") << " fallback "
        << format_duration(job.fallback_after) << " created " << format_instant(job.created_at);
    if (job.deadline) out << " deadline " << format_instant(*job.deadline);
    if (job.placement) {
      out << " on " << snapshot.pools[job.placement->pool].name << " state "
          << static_cast<int>(job.state) << " since " << format_instant(job.placement->since)
          << " bound " << count(job.bound);
    }
    if (job.checkpointing) show_checkpointing(out, *job.checkpointing);
    out << (job.gang ? "" : " no gang") << (job.suspended ? " suspended" : "")
        << (job.terminating ? " terminating" : "") << "\n";
  }
  for (const Notice& notice : snapshot.notices) {
    out << snapshot.nodes[notice.node].name << " of "
        << snapshot.pools[snapshot.nodes[notice.node].pool].name << " notice "
        << static_cast<int>(notice.kind) << "\n";
  }
  for (const Node& node : snapshot.nodes) {
    if (node.health != NodeHealth::kHealthy)
      out << node.name << " health " << static_cast<int>(node.health) << "\n";
  }
  for (const InferenceWorkload& service : snapshot.inference) {
    out << service.key;
    show_demand(out, service.demand);
    out << " baseline " << service.baseline << " spot% " << service.spot_percent << " spare "
        << service.overprovision;
    if (service.floor_through_zone_loss) out << " floor " << *service.floor_through_zone_loss;
    for (const InferenceAllocation& allocation : service.allocations) {
      out << " " << snapshot.pools[allocation.pool].name << ":" << allocation.desired << "("
          << allocation.ready << " ready, " << count(allocation.bound) << " bound, since "
          << format_instant(allocation.since) << ")";
    }
    out << (service.terminating ? " terminating" : "") << "\n";
  }
  return out.str();
}

void check(const std::string& property, const std::function<void()>& body) {
  EXPECT_TRUE(rc::check(property, body));
}

}  // namespace spillway::plan::test
