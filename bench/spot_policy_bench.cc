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

plan::SpotMarket market_of(std::int64_t zones) {
  plan::SpotMarket market{
      .on_demand = HourlyRate(Money::dollars(3)), .on_demand_available = true, .offers = {}};
  for (std::int64_t zone = 0; zone < zones; ++zone) {
    market.offers.push_back({.price = HourlyRate(Money::micros(900'000 + 50'000 * zone)),
                             .sight = {.state = plan::MarketState::kWindow,
                                       .age = minutes(30 + 40 * zone),
                                       .seen_ago = {}},
                             .scale = {.window = 1.1, .gap = 0.9}});
  }
  return market;
}

plan::SpotJob job_on_demand() {
  return {.work_left = hours(40),
          .time_left = hours(46),
          .changeover = minutes(12),
          .patience = minutes(1),
          .footing = plan::Footing::kOnDemand};
}

// A market for one job: prepared and decided.
void decide(benchmark::State& state) {
  const plan::ProgrammeLibrary library;
  const plan::SpotMarket market = market_of(state.range(0));
  plan::SpotJob job = job_on_demand();
  static_cast<void>(plan::choose_spot_move(job, market, library));
  for (auto _ : state) {
    job.work_left -= std::chrono::milliseconds(1);
    benchmark::DoNotOptimize(plan::choose_spot_move(job, market, library));
  }
  state.counters["tables"] = static_cast<double>(library.size().tables);
}
BENCHMARK(decide)->Arg(1)->Arg(3)->Arg(5)->Arg(8)->Unit(benchmark::kMicrosecond);

// A market for many jobs, as in a planning pass.
void decide_in_view(benchmark::State& state) {
  const plan::ProgrammeLibrary library;
  plan::SpotJob job = job_on_demand();
  const plan::SpotMarketView view(market_of(state.range(0)), job.changeover, library);
  for (auto _ : state) {
    job.work_left -= std::chrono::milliseconds(1);
    benchmark::DoNotOptimize(view.choose(job));
  }
}
BENCHMARK(decide_in_view)->Arg(1)->Arg(3)->Arg(5)->Arg(8)->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
