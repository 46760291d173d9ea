// How long a planning pass takes: 100, 1,000 and 10,000 workloads over 200 pools and 2,000 nodes.
//   cold        nothing is placed: every workload wants something
//   quiet       what can run runs: the pass finds nothing to do
//   busy        as quiet, but one workload in a hundred was lost and one price in ten moved
//   saving      cold and quiet, but every job has checkpoints, and a third of them a deadline:
//   those follow the spot programme overloaded  10,000 workloads ask for far more than there is;
//   thousands wait and are looked at in vain
// Times are of the processor, so that they mean something on a machine with other work. Prints the
// growth exponent between the sizes at the end: 1 is linear.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <spillway/core/text.h>
#include <spillway/plan/plan.h>
#include <spillway/plan/programme_library.h>

namespace spillway::plan {
namespace {

constexpr std::size_t kPools = 200;
constexpr std::size_t kNodes = 2'000;
constexpr std::int64_t kPerNode = 8;
constexpr Instant kNow{std::chrono::hours(24 * 365 * 50)};

// A fixed seed: the same worlds on every run. Draws use the engine's bits only, whose sequence the
// standard fixes.
class Dice {
 public:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(limit));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }

 private:
  std::mt19937_64 engine_{20'240'501};
};

AcceleratorModel model(std::int64_t index) {
  static const char* const kModels[] = {"H100", "A100", "L40S", "L4"};
  return AcceleratorModel(kModels[index]);
}

HourlyRate cents(std::int64_t value) {
  return HourlyRate(Money::micros(value * 10'000));
}

void add_pools(Snapshot& snapshot, Dice& dice) {
  for (std::size_t i = 0; i < kPools; ++i) {
    const api::Tier tier = i % 10 == 0  ? api::Tier::kReserved
                           : i % 10 < 7 ? api::Tier::kSpot
                                        : api::Tier::kOnDemand;
    const std::string zone = "region-" + std::to_string(i % 4) + "-zone-" + std::to_string(i % 12);
    Pool pool{.name = PoolName("pool-" + std::to_string(i)),
              .tier = tier,
              .model = model(static_cast<std::int64_t>(i / 10 % 4)),
              .location = {.provider = "cloud",
                           .region = Region("region-" + std::to_string(i % 4)),
                           .zone = Zone(zone)},
              .accelerators_per_node = AcceleratorCount(kPerNode),
              .max_nodes = kNodes / kPools,
              .selector = {{"spillway.dev/pool", "pool-" + std::to_string(i)}}};
    const std::int64_t base =
        tier == api::Tier::kSpot ? 800 + dice.below(900) : 2'400 + dice.below(300);
    pool.offering = {.price = {.likely = cents(base),
                               .upper = cents(base),
                               .quality = market::PriceQuality::kLive},
                     .on_demand = cents(2'500)};
    if (tier == api::Tier::kSpot)
      pool.offering.life.fresh = pool.offering.life.residual =
          std::chrono::hours(20 + dice.below(100));
    snapshot.pools.push_back(std::move(pool));
  }
}

void add_nodes(Snapshot& snapshot) {
  for (std::size_t i = 0; i < kNodes; ++i) {
    const std::size_t pool = i % kPools;
    snapshot.nodes.push_back({.name = NodeName("ip-10-0-" + std::to_string(i / 250) + "-" +
                                               std::to_string(i % 250) + ".internal"),
                              .pool = pool,
                              .traits = pool,
                              .free = {.accelerators = AcceleratorCount(kPerNode),
                                       .cpu = MilliCpu(191'000),
                                       .memory = Bytes(1'900LL << 30)},
                              .usable = true});
  }
  for (std::size_t pool = 0; pool < kPools; ++pool) {
    snapshot.traits.push_back({.labels = snapshot.pools[pool].selector,
                               .taints = {{.key = "nvidia.com/gpu",
                                           .value = "present",
                                           .effect = api::TaintEffect::kNoSchedule}}});
  }
}

Demand demand(Dice& dice, bool large) {
  static constexpr std::int64_t kUsual[] = {1, 1, 1, 1, 1, 1, 1, 1, 2, 4};
  static constexpr std::int64_t kLarge[] = {1, 1, 2, 4, 8};
  const std::int64_t accelerators = large ? kLarge[dice.below(5)] : kUsual[dice.below(10)];
  Demand result{.replicas = 1,
                .per_replica = {AcceleratorCount(accelerators), MilliCpu(accelerators * 8'000),
                                Bytes(accelerators << 36)},
                .shape = 1};
  const std::int64_t first = dice.below(4);
  result.models.push_back({.model = model(first)});
  if (dice.one_in(2))
    result.models.push_back({.model = model((first + 1) % 4), .speed_percent = 60});
  result.priority = dice.one_in(10) ? 1 : 0;
  return result;
}

// Every job saves, every third has a deadline, and the market was looked at.
void let_them_save(Snapshot& snapshot) {
  Dice dice;
  for (TrainingWorkload& job : snapshot.training) {
    job.checkpointing = Checkpointing{.interval = std::chrono::minutes(30),
                                      .can_ask = true,
                                      .save_time = std::chrono::seconds(30)};
    job.deadline.reset();
    if (dice.one_in(3) && job.duration)
      job.deadline = kNow + *job.duration + std::chrono::minutes(60 + dice.below(3'000));
  }
  for (Pool& pool : snapshot.pools) {
    if (pool.tier != api::Tier::kSpot) continue;
    pool.seen_state = dice.one_in(4) ? MarketState::kGap : MarketState::kWindow;
    pool.seen_at = kNow;
    pool.seen_age = std::chrono::minutes(dice.below(600));
    pool.hazard.window = static_cast<double>(8 + dice.below(5)) / 10;
  }
}

// Made once, outside every pass, as the operator does.
const ProgrammeLibrary& programmes() {
  static const ProgrammeLibrary library;
  return library;
}

Config with_programmes() {
  Config config;
  config.programmes = &programmes();
  return config;
}

// 80 % training, 20 % inference. 10,000 of them ask for about 90 % of what there is, or for nearly
// twice as much.
Snapshot world(std::size_t workloads, bool overloaded = false) {
  Dice dice;
  Snapshot snapshot;
  snapshot.shapes.resize(2);
  snapshot.shapes[1].tolerations = {
      {.key = "nvidia.com/gpu", .op = api::TolerationOperator::kExists}};
  add_pools(snapshot, dice);
  add_nodes(snapshot);
  for (std::size_t i = 0; i < workloads; ++i) {
    const ObjectKey key{Namespace("team-" + std::to_string(i % 40)),
                        ObjectName("workload-" + std::to_string(i))};
    const Instant created = kNow - std::chrono::seconds(dice.below(7'200));
    if (i % 5 == 0) {
      InferenceWorkload service{.key = key,
                                .demand = demand(dice, overloaded),
                                .baseline = 1,
                                .spot_percent = dice.one_in(2) ? 50 : 0,
                                .launch_timeout = std::chrono::minutes(10),
                                .created_at = created};
      service.demand.replicas = 1 + dice.below(2);
      service.demand.per_replica.accelerators = AcceleratorCount(1);
      snapshot.inference.push_back(std::move(service));
      continue;
    }
    TrainingWorkload job{.key = key,
                         .demand = demand(dice, overloaded),
                         .created_at = created,
                         .duration = std::chrono::minutes(20 + dice.below(1'400)),
                         .fallback_after = std::chrono::minutes(30),
                         .launch_timeout = std::chrono::minutes(15),
                         .max_restarts = 3,
                         .waiting_since = created};
    if (dice.one_in(20)) job.demand.replicas = 2 + dice.below(3);
    if (dice.one_in(10)) job.deadline = kNow + std::chrono::hours(12 + dice.below(60));
    snapshot.training.push_back(std::move(job));
  }
  return snapshot;
}

// Binds what was placed, so that the next plan sees it running.
class Binder {
 public:
  explicit Binder(const Snapshot& snapshot) : by_pool_(snapshot.pools.size()) {
    for (std::size_t i = 0; i < snapshot.nodes.size(); ++i)
      by_pool_[snapshot.nodes[i].pool].push_back(i);
    free_.assign(snapshot.nodes.size(), kPerNode);
  }

  std::vector<Bound> bind(const Demand& demand, std::size_t pool, std::int64_t replicas) {
    std::vector<Bound> bound;
    const std::int64_t each = demand.per_replica.accelerators.value();
    for (; replicas > 0; --replicas) {
      std::size_t best = free_.size();
      for (const std::size_t node : by_pool_[pool]) {
        if (free_[node] >= each && (best == free_.size() || free_[node] < free_[best])) best = node;
      }
      if (best == free_.size()) break;
      free_[best] -= each;
      bound.push_back({.node = best, .replicas = 1});
    }
    return bound;
  }

 private:
  std::vector<std::vector<std::size_t>> by_pool_;
  std::vector<std::int64_t> free_;
};

void carry_out(Snapshot& snapshot, const Plan& plan, Instant now) {
  Binder binder(snapshot);
  for (std::size_t i = 0; i < snapshot.training.size(); ++i) {
    TrainingWorkload& job = snapshot.training[i];
    const TrainingDecision& decision = plan.training[i];
    job.placement = decision.placement;
    if (!job.placement) continue;
    job.last_attempt = job.placement->attempt;
    job.bound = binder.bind(job.demand, job.placement->pool, job.demand.replicas);
    job.state = job.bound.size() == static_cast<std::size_t>(job.demand.replicas)
                    ? AttemptState::kRunning
                    : AttemptState::kStarting;
    job.starting_since = job.running_since = now;
  }
  for (std::size_t i = 0; i < snapshot.inference.size(); ++i) {
    InferenceWorkload& service = snapshot.inference[i];
    service.allocations.clear();
    for (const InferenceShare& share : plan.inference[i].shares) {
      InferenceAllocation allocation{
          .pool = share.pool,
          .desired = share.replicas,
          .ready = share.replicas,
          .since = now,
          .starting_since = now,
          .bound = binder.bind(service.demand, share.pool, share.replicas)};
      service.allocations.push_back(std::move(allocation));
    }
  }
}

const Snapshot& placed_world(std::size_t workloads, bool overloaded = false) {
  static std::map<std::pair<std::size_t, bool>, Snapshot> worlds;
  const auto [at, fresh] = worlds.try_emplace({workloads, overloaded});
  if (fresh) {
    at->second = world(workloads, overloaded);
    for (int i = 0; i < 4; ++i)
      carry_out(at->second, make_plan(at->second, kNow, {}), kNow);
  }
  return at->second;
}

Snapshot busy_world(std::size_t workloads) {
  Dice dice;
  Snapshot snapshot = placed_world(workloads);
  for (TrainingWorkload& job : snapshot.training) {
    if (job.placement && dice.one_in(100)) job.state = AttemptState::kLost;
  }
  for (Pool& pool : snapshot.pools) {
    if (pool.tier == api::Tier::kSpot && dice.one_in(10))
      pool.offering.price.likely = pool.offering.price.upper = cents(500 + dice.below(1'500));
  }
  return snapshot;
}

Snapshot saving_world(std::size_t workloads) {
  Snapshot snapshot = world(workloads);
  let_them_save(snapshot);
  return snapshot;
}

Snapshot placed_saving_world(std::size_t workloads) {
  Snapshot snapshot = saving_world(workloads);
  for (int i = 0; i < 4; ++i)
    carry_out(snapshot, make_plan(snapshot, kNow, with_programmes()), kNow);
  return snapshot;
}

// Of everything that is decided: two builds that decide the same print the same number.
std::string decisions_of(const Plan& plan) {
  std::uint32_t hash = 2166136261U;
  const auto mix = [&](std::uint64_t value) {
    for (int i = 0; i < 8; ++i, value >>= 8)
      hash = (hash ^ static_cast<std::uint32_t>(value & 255)) * 16777619U;
  };
  const auto mix_all = [&](const std::vector<Alternative>& alternatives) {
    for (const Alternative& other : alternatives) {
      mix(other.pool);
      mix(std::bit_cast<std::uint64_t>(other.rate.approximate_dollars()));
      mix(std::bit_cast<std::uint64_t>(other.dollars_per_useful_hour));
      mix(other.excluded ? static_cast<std::uint64_t>(*other.excluded) : 255);
    }
  };
  for (const TrainingDecision& decision : plan.training) {
    mix(static_cast<std::uint64_t>(decision.verdict));
    mix(static_cast<std::uint64_t>(decision.cause));
    mix(decision.placement ? decision.placement->pool : plan.training.size());
    mix(decision.displaced_by.value_or(plan.training.size()));
    mix(static_cast<std::uint64_t>(decision.interruption ? 1 : 0));
    mix_all(decision.alternatives);
  }
  for (const InferenceDecision& decision : plan.inference) {
    mix(static_cast<std::uint64_t>(decision.cause));
    for (const InferenceShare& share : decision.shares) {
      mix(share.pool);
      mix(static_cast<std::uint64_t>(share.replicas));
    }
    mix_all(decision.alternatives);
  }
  mix(static_cast<std::uint64_t>(plan.wake_at ? plan.wake_at->time_since_epoch().count() : 0));
  return "decisions " + hex(hash).substr(8);
}

void measure(benchmark::State& state, const Snapshot& snapshot, Instant now,
             const Config& config = {}) {
  std::size_t placed = 0;
  // Tables are made before passes.
  state.SetLabel(decisions_of(make_plan(snapshot, now, config)));
  for (auto _ : state) {
    const Plan plan = make_plan(snapshot, now, config);
    placed = static_cast<std::size_t>(
        std::count_if(plan.training.begin(), plan.training.end(),
                      [](const TrainingDecision& d) { return d.placement.has_value(); }));
    benchmark::DoNotOptimize(placed);
  }
  state.counters["jobs_with_place"] = static_cast<double>(placed);
  state.SetComplexityN(state.range(0));
}

void cold(benchmark::State& state) {
  measure(state, world(static_cast<std::size_t>(state.range(0))), kNow);
}
void quiet(benchmark::State& state) {
  measure(state, placed_world(static_cast<std::size_t>(state.range(0))),
          kNow + std::chrono::minutes(2));
}
void busy(benchmark::State& state) {
  measure(state, busy_world(static_cast<std::size_t>(state.range(0))),
          kNow + std::chrono::minutes(15));
}

void overloaded(benchmark::State& state) {
  measure(state, placed_world(static_cast<std::size_t>(state.range(0)), true),
          kNow + std::chrono::minutes(2));
}

void cold_saving(benchmark::State& state) {
  measure(state, saving_world(static_cast<std::size_t>(state.range(0))), kNow, with_programmes());
  state.counters["tables"] = static_cast<double>(programmes().size().tables);
}

void quiet_saving(benchmark::State& state) {
  measure(state, placed_saving_world(static_cast<std::size_t>(state.range(0))),
          kNow + std::chrono::minutes(12), with_programmes());
}

BENCHMARK(cold)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(quiet)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(busy)->Arg(100)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(cold_saving)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(quiet_saving)->Arg(1'000)->Arg(10'000)->Unit(benchmark::kMillisecond);
BENCHMARK(overloaded)->Arg(10'000)->Unit(benchmark::kMillisecond);

// Collects medians and prints how the time grows with the number of workloads.
class GrowthReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      const bool median =
          run.run_type == Run::RT_Iteration ? run.repetitions <= 1 : run.aggregate_name == "median";
      if (!median || run.error_occurred) continue;
      medians_[run.run_name.function_name][std::stoll(run.run_name.args)] =
          run.GetAdjustedCPUTime();
    }
  }
  void Finalize() override {
    for (const auto& [name, times] : medians_) {
      for (auto next = times.begin(), at = next == times.end() ? next : next++; next != times.end();
           at = next++) {
        const double exponent =
            std::log(next->second / at->second) /
            std::log(static_cast<double>(next->first) / static_cast<double>(at->first));
        std::printf("%-6s %6lld -> %6lld workloads: growth exponent %.2f\n", name.c_str(),
                    static_cast<long long>(at->first), static_cast<long long>(next->first),
                    exponent);
      }
    }
  }

 private:
  std::map<std::string, std::map<std::int64_t, double>> medians_;
};

}  // namespace
}  // namespace spillway::plan

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  spillway::plan::GrowthReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}
