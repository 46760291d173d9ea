#pragma once
// A small language for pictures of the world, so that a scenario of the planner reads as a
// sentence:
//
//   World world;
//   world.reserved("own", {.nodes = 2});
//   world.spot("spot-a", {.price = 1.0, .nodes = 4});
//   auto& job = world.job("train", {.replicas = 2, .per_replica = 8});
//   EXPECT_EQ(world.plan().pool_of("train"), "own");
//
// Pools sell nodes of 8 H100 unless told otherwise; prices are dollars per node and hour.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/plan/plan.h>

namespace spillway::plan::test {

using namespace std::chrono_literals;

inline constexpr Instant kNow{std::chrono::hours(24 * 365 * 50)};

struct PoolSpec {
  std::optional<double> price;      // dollars per node-hour; reserved 12, spot 8, on-demand 24
  std::int64_t nodes = 2;           // there now
  std::optional<std::int64_t> max;  // as many as there are
  std::string zone = "zone-a";
  std::string model = "H100";
  std::int64_t per_node = 8;
  std::optional<Duration> life;  // spot: mean until a node is lost; unlimited when not said
  std::optional<Duration> residual;
  std::int64_t cpu = 96'000;    // milli
  std::int64_t memory = 1'000;  // of a unit of the test's choice
};

struct JobSpec {
  std::int64_t replicas = 1;
  std::int64_t per_replica = 8;
  std::optional<Duration> duration = std::chrono::hours(4);
  std::optional<Duration> deadline_in;  // from now
  Duration fallback_after = 30min;
  Duration launch_timeout = 15min;
  std::int64_t priority = 0;
  std::vector<ModelPreference> models = {{.model = AcceleratorModel("H100")}};
  api::TierSet tiers = api::TierSet::all();
  std::optional<double> max_rate;
  std::int64_t max_restarts = 3;
  Duration age = 0min;  // since creation; waiting as long
  std::int64_t cpu = 1'000;
  std::int64_t memory = 10;
  std::size_t shape = 0;
};

struct ServiceSpec {
  std::int64_t replicas = 4;
  std::int64_t per_replica = 1;
  std::int64_t baseline = 0;
  std::int64_t spot_percent = 0;
  std::int64_t overprovision = 0;
  // Most scenarios are about places; those about what serves say so.
  api::OnDemandFallback fallback = api::OnDemandFallback::kWhileUnavailable;
  std::optional<std::int64_t> floor_through_zone_loss;
  std::int64_t priority = 0;
  std::vector<ModelPreference> models = {{.model = AcceleratorModel("H100")}};
  api::TierSet tiers = api::TierSet::all();
  std::optional<double> max_rate;
  Duration launch_timeout = 10min;
  Duration age = 1h;
};

inline HourlyRate dollars_per_hour(double dollars) {
  return HourlyRate(Money::micros(static_cast<std::int64_t>(dollars * 1e6 + 0.5)));
}

// A plan together with what it was made from, to be asked by name.
class Planned {
 public:
  Planned(Snapshot snapshot, Instant now, const Config& config)
      : snapshot_(std::move(snapshot)), now_(now), plan_(make_plan(snapshot_, now, config)) {}

  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] const Snapshot& snapshot() const { return snapshot_; }

  [[nodiscard]] const TrainingDecision& job(std::string_view name) const {
    for (const TrainingDecision& decision : plan_.training) {
      if (snapshot_.training[decision.workload].key.name.str() == name) return decision;
    }
    throw std::out_of_range("no job " + std::string(name));
  }
  [[nodiscard]] const InferenceDecision& service(std::string_view name) const {
    for (const InferenceDecision& decision : plan_.inference) {
      if (snapshot_.inference[decision.workload].key.name.str() == name) return decision;
    }
    throw std::out_of_range("no service " + std::string(name));
  }
  // "spot-a", or "" when the job has no place.
  [[nodiscard]] std::string pool_of(std::string_view name) const {
    const auto& placement = job(name).placement;
    return placement ? snapshot_.pools[placement->pool].name.str() : "";
  }
  // The attempt that is to be in force; 0 when the job has no place.
  [[nodiscard]] AttemptNumber attempt_of(std::string_view name) const {
    const auto& placement = job(name).placement;
    return placement ? placement->attempt : AttemptNumber();
  }
  // "own:4 spot-a:2", by name of the pool.
  [[nodiscard]] std::string shares_of(std::string_view name) const {
    std::string text;
    for (const InferenceShare& share : service(name).shares) {
      text += (text.empty() ? "" : " ") + snapshot_.pools[share.pool].name.str() + ":" +
              std::to_string(share.replicas);
    }
    return text;
  }
  [[nodiscard]] std::string why(std::string_view name) const {
    return explain(snapshot_, job(name), now_);
  }
  [[nodiscard]] std::string why_service(std::string_view name) const {
    return explain(snapshot_, service(name), now_);
  }

 private:
  Snapshot snapshot_;
  Instant now_;
  Plan plan_;
};

class World {
 public:
  World() {
    snapshot.shapes.emplace_back();
    snapshot.traits.emplace_back();
  }

  Snapshot snapshot;
  Instant now = kNow;
  Config config;

  std::size_t reserved(std::string_view name, const PoolSpec& spec = {}) {
    return pool(name, api::Tier::kReserved, spec);
  }
  std::size_t spot(std::string_view name, const PoolSpec& spec = {}) {
    return pool(name, api::Tier::kSpot, spec);
  }
  std::size_t on_demand(std::string_view name, const PoolSpec& spec = {}) {
    return pool(name, api::Tier::kOnDemand, spec);
  }

  std::size_t pool(std::string_view name, api::Tier tier, const PoolSpec& spec) {
    const double usual = tier == api::Tier::kReserved ? 12 : tier == api::Tier::kSpot ? 8 : 24;
    const double price = spec.price.value_or(usual);
    Pool pool{
        .name = PoolName(name),
        .tier = tier,
        .model = AcceleratorModel(spec.model),
        .location = {.provider = "cloud", .region = Region("region"), .zone = Zone(spec.zone)},
        .accelerators_per_node = AcceleratorCount(spec.per_node),
        .max_nodes = spec.max.value_or(spec.nodes)};
    pool.offering.price = {.likely = dollars_per_hour(price),
                           .upper = dollars_per_hour(price),
                           .quality = market::PriceQuality::kLive};
    pool.offering.on_demand = dollars_per_hour(24.0);
    if (tier == api::Tier::kSpot)
      pool.offering.life = {.fresh = spec.life,
                            .residual = spec.residual ? spec.residual : spec.life};
    snapshot.pools.push_back(std::move(pool));
    const std::size_t index = snapshot.pools.size() - 1;
    for (std::int64_t i = 0; i < spec.nodes; ++i)
      node(index, spec);
    return index;
  }

  std::size_t node(std::size_t pool, const PoolSpec& spec = {}) {
    const std::string name =
        snapshot.pools[pool].name.str() + "-node-" + std::to_string(snapshot.nodes.size());
    snapshot.nodes.push_back({.name = NodeName(name),
                              .pool = pool,
                              .free = {.accelerators = AcceleratorCount(spec.per_node),
                                       .cpu = MilliCpu(spec.cpu),
                                       .memory = Bytes(spec.memory)},
                              .usable = true});
    return snapshot.nodes.size() - 1;
  }

  TrainingWorkload& job(std::string_view name, const JobSpec& spec = {}) {
    TrainingWorkload workload{.key = {.ns = Namespace("team"), .name = ObjectName(name)},
                              .uid = Uid(name)};
    workload.demand = demand(spec.replicas, spec.per_replica, spec);
    workload.demand.per_replica.cpu = MilliCpu(spec.cpu);
    workload.demand.per_replica.memory = Bytes(spec.memory);
    workload.demand.shape = spec.shape;
    workload.created_at = workload.waiting_since = now - spec.age;
    workload.duration = spec.duration;
    if (spec.deadline_in) workload.deadline = now + *spec.deadline_in;
    workload.fallback_after = spec.fallback_after;
    workload.launch_timeout = spec.launch_timeout;
    workload.max_restarts = spec.max_restarts;
    snapshot.training.push_back(std::move(workload));
    return snapshot.training.back();
  }

  InferenceWorkload& service(std::string_view name, const ServiceSpec& spec = {}) {
    InferenceWorkload workload{.key = {.ns = Namespace("team"), .name = ObjectName(name)},
                               .uid = Uid(name)};
    workload.demand = demand(spec.replicas, spec.per_replica, spec);
    workload.demand.per_replica.cpu = MilliCpu(1'000);
    workload.demand.per_replica.memory = Bytes(10);
    workload.baseline = spec.baseline;
    workload.spot_percent = spec.spot_percent;
    workload.overprovision = spec.overprovision;
    workload.floor_through_zone_loss = spec.floor_through_zone_loss;
    workload.fallback = spec.fallback;
    workload.launch_timeout = spec.launch_timeout;
    workload.created_at = now - spec.age;
    snapshot.inference.push_back(std::move(workload));
    return snapshot.inference.back();
  }

  [[nodiscard]] TrainingWorkload& job_named(std::string_view name) {
    for (TrainingWorkload& workload : snapshot.training) {
      if (workload.key.name.str() == name) return workload;
    }
    throw std::out_of_range("no job " + std::string(name));
  }
  [[nodiscard]] InferenceWorkload& service_named(std::string_view name) {
    for (InferenceWorkload& workload : snapshot.inference) {
      if (workload.key.name.str() == name) return workload;
    }
    throw std::out_of_range("no service " + std::string(name));
  }
  [[nodiscard]] std::size_t index_of(std::string_view pool) const {
    for (std::size_t i = 0; i < snapshot.pools.size(); ++i) {
      if (snapshot.pools[i].name.str() == pool) return i;
    }
    throw std::out_of_range("no pool " + std::string(pool));
  }
  Pool& pool_named(std::string_view name) { return snapshot.pools[index_of(name)]; }
  void set_price(std::string_view pool, double price) {
    pool_named(pool).offering.price.likely = pool_named(pool).offering.price.upper =
        dollars_per_hour(price);
  }

  // The job runs on all replicas of the pool for that long, filling its nodes in order.
  void runs(std::string_view name, std::string_view pool, Duration since = 1h) {
    TrainingWorkload& workload = job_named(name);
    workload.placement = TrainingPlacement{
        .pool = index_of(pool), .attempt = AttemptNumber(1), .since = now - since};
    workload.last_attempt = AttemptNumber(1);
    workload.state = AttemptState::kRunning;
    workload.starting_since = workload.running_since = now - since;
    workload.bound = bind(workload.demand, index_of(pool), workload.demand.replicas);
  }

  // The job is placed there, its children exist for that long, and no replica is bound.
  void starts(std::string_view name, std::string_view pool, Duration since = 1min) {
    TrainingWorkload& workload = job_named(name);
    workload.placement = TrainingPlacement{
        .pool = index_of(pool), .attempt = AttemptNumber(1), .since = now - since};
    workload.last_attempt = AttemptNumber(1);
    workload.state = AttemptState::kStarting;
    workload.starting_since = now - since;
  }

  void serves(std::string_view name, std::string_view pool, std::int64_t replicas,
              Duration since = 1h) {
    InferenceWorkload& workload = service_named(name);
    workload.allocations.push_back({.pool = index_of(pool),
                                    .desired = replicas,
                                    .ready = replicas,
                                    .since = now - since,
                                    .starting_since = now - since,
                                    .bound = bind(workload.demand, index_of(pool), replicas)});
  }

  [[nodiscard]] Planned plan() const { return Planned(snapshot, now, config); }

  void notice(std::size_t node, std::optional<Duration> ends_in = 2min,
              NoticeKind kind = NoticeKind::kInterruption) {
    Notice notice{.node = node, .kind = kind, .first_seen = now, .source = "test"};
    if (ends_in) notice.deadline = now + *ends_in;
    snapshot.notices.push_back(std::move(notice));
  }

  // Binds replicas to nodes of the pool as far as there is room; what is over stays unbound.
  std::vector<Bound> bind(const Demand& demand, std::size_t pool, std::int64_t replicas) {
    std::vector<Bound> bound;
    for (std::size_t i = 0; i < snapshot.nodes.size() && replicas > 0; ++i) {
      if (snapshot.nodes[i].pool != pool || !snapshot.nodes[i].usable) continue;
      const std::int64_t here = std::min(replicas, free_on(i, demand));
      if (here <= 0) continue;
      bound.push_back({.node = i, .replicas = here});
      replicas -= here;
    }
    return bound;
  }

 private:
  template <class Spec>
  Demand demand(std::int64_t replicas, std::int64_t per_replica, const Spec& spec) {
    Demand result{.replicas = replicas,
                  .per_replica = {.accelerators = AcceleratorCount(per_replica)},
                  .models = spec.models,
                  .tiers = spec.tiers,
                  .priority = spec.priority};
    if (spec.max_rate) result.max_rate = dollars_per_hour(*spec.max_rate);
    return result;
  }

  [[nodiscard]] std::int64_t free_on(std::size_t node, const Demand& demand) const {
    Resources free = snapshot.nodes[node].free;
    const auto occupy = [&](const Demand& other, const std::vector<Bound>& bound) {
      for (const Bound& at : bound) {
        if (at.node != node) continue;
        free.accelerators -= other.per_replica.accelerators * at.replicas;
        free.cpu -= other.per_replica.cpu * at.replicas;
        free.memory -= other.per_replica.memory * at.replicas;
      }
    };
    for (const TrainingWorkload& workload : snapshot.training)
      occupy(workload.demand, workload.bound);
    for (const InferenceWorkload& workload : snapshot.inference) {
      for (const InferenceAllocation& allocation : workload.allocations)
        occupy(workload.demand, allocation.bound);
    }
    const auto times = [](std::int64_t have, std::int64_t need) {
      return need > 0 ? have / need : have;
    };
    return std::min({times(free.accelerators.value(), demand.per_replica.accelerators.value()),
                     times(free.cpu.value(), demand.per_replica.cpu.value()),
                     times(free.memory.value(), demand.per_replica.memory.value())});
  }
};

}  // namespace spillway::plan::test
