// The spot policy: a table, a decision. Targets: tables in milliseconds, decisions in microseconds.

#include <benchmark/benchmark.h>

#include <spillway/plan/spot_policy.h>

namespace {

using namespace spillway;  // NOLINT: a benchmark's only subject
using std::chrono::hours;
using std::chrono::minutes;

void tabulate(benchmark::State& state) {
  const plan::ProgrammeTerms terms{.changeover_hours = static_cast<double>(state.range(0)) / 1000,
                                   .price_ratio = 3,
                                   .scale = {},
                                   .failover = 0.5,
                                   .margin_hours = 0};
  std::size_t bytes = 0;
  for (auto _ : state)
    bytes = plan::SpotProgramme(terms).bytes();
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(tabulate)->Arg(20)->Arg(200)->Arg(400)->Arg(1000)->Unit(benchmark::kMillisecond);

void decide(benchmark::State& state) {
  const plan::ProgrammeLibrary library;
  plan::SpotMarket market{
      .on_demand = HourlyRate(Money::dollars(3)), .on_demand_available = true, .offers = {}};
  for (int zone = 0; zone < state.range(0); ++zone) {
    market.offers.push_back({.price = HourlyRate(Money::micros(900'000 + 50'000 * zone)),
                             .sight = {.state = plan::MarketState::kWindow,
                                       .age = minutes(30 + 40 * zone),
                                       .seen_ago = {}},
                             .scale = {.window = 1.1, .gap = 0.9}});
  }
  plan::SpotJob job{.work_left = hours(40),
                    .time_left = hours(46),
                    .changeover = minutes(12),
                    .patience = minutes(1),
                    .footing = plan::Footing::kOnDemand};
  static_cast<void>(plan::choose_spot_move(job, market, library));
  for (auto _ : state) {
    job.work_left -= std::chrono::milliseconds(1);
    benchmark::DoNotOptimize(plan::choose_spot_move(job, market, library));
  }
  state.counters["tables"] = static_cast<double>(library.size().tables);
}
BENCHMARK(decide)->Arg(1)->Arg(3)->Arg(5)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
