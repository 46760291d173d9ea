#include "sample_report.h"

#include <algorithm>
#include <cmath>

#include <spillway/core/clock.h>

namespace spillway::cli::testing {
namespace {

using api::Tier;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int kHours = 24 * 30;

Money usd(double amount) {
  return Money::micros(static_cast<std::int64_t>(std::llround(amount * 1e6)));
}

sim::NodeTimeSplit split_of(double used_hours, double starting_hours, double idle_hours,
                            double rate) {
  const auto seconds = [](double h) {
    return sim::AcceleratorSeconds(static_cast<std::int64_t>(h * 3600));
  };
  return {.used = seconds(used_hours),
          .starting = seconds(starting_hours),
          .idle = seconds(idle_hours),
          .used_cost = usd(used_hours * rate),
          .starting_cost = usd(starting_hours * rate),
          .idle_cost = usd(idle_hours * rate)};
}

sim::PoolSeries pool(Instant from, const std::string& name, Tier tier, const std::string& zone,
                     double base, Random& random) {
  sim::PoolSeries made{.pool = PoolName(name),
                       .tier = tier,
                       .instance_type = InstanceType("p3.16xlarge"),
                       .zone = Zone(zone),
                       .model = AcceleratorModel("V100"),
                       .per_node = AcceleratorCount(8),
                       .on_demand = HourlyRate(usd(24.48)),
                       .split = split_of(2000, 40, tier == Tier::kReserved ? 700 : 60, base / 8)};
  double price = base;
  for (int hour = 0; hour < kHours; hour += tier == Tier::kSpot ? 3 : kHours) {
    const double up = 6 * std::exp(-std::pow((hour - 400) / 25.0, 2));
    made.price.push_back({.at = from + hours(hour), .per_node = HourlyRate(usd(price + up))});
    price = std::clamp(price + (random.uniform() - 0.5) * 0.8, base * 0.7, base * 1.6);
  }
  for (int hour = 0; hour < kHours; ++hour) {
    const double day = 0.5 + 0.5 * std::sin(2 * 3.14159265 * (hour - 8) / 24.0);
    const double load = tier == Tier::kReserved ? 26 + 6 * day
                        : tier == Tier::kSpot   ? 14 * day + 8 * random.uniform()
                                                : (day > 0.9 ? 8 : 0);
    const auto busy = static_cast<std::int32_t>(load);
    made.busy.push_back({.at = from + hours(hour), .count = busy});
    const std::int32_t nodes = tier == Tier::kReserved ? 4 : (busy + 7) / 8;
    made.nodes.push_back({.at = from + hours(hour), .count = nodes});
  }
  if (tier == Tier::kSpot) {
    made.unavailable = {{.from = from + hours(300), .to = from + hours(312)},
                        {.from = from + hours(395), .to = from + hours(425)}};
    made.nodes_taken = 9;
    made.launches_refused = 3;
  }
  return made;
}

sim::WorkloadRow row(Instant from, int number, bool training, const SampleSize& size,
                     Random& random) {
  const auto at = [&](double hour) {
    return from + minutes(static_cast<std::int64_t>(60 * std::clamp(hour, 0.0, 1.0 * kHours)));
  };
  const double begin = training ? random.uniform() * kHours * 0.7 : 0;
  const double length = training ? 20 + random.uniform() * 160 : kHours;
  sim::WorkloadRow made{
      .kind = training ? sim::WorkloadKind::kTrainingJob : sim::WorkloadKind::kInferencePool,
      .ns = Namespace(number % 2 == 0 ? "research" : "search"),
      .name = ObjectName((training ? "pretrain-" : "serve-") + std::to_string(number)),
      .team = number % 3 == 0   ? "foundation"
              : number % 3 == 1 ? "ranking"
                                : "",
      .phase = training ? "Succeeded" : "",
      .submitted = at(begin),
      .started = at(begin + 1),
      .waiting = hours(1),
      .attempts = 1};
  if (training) made.finished = at(begin + length);
  const int spans = training ? size.spans_per_job : 3;
  for (int i = 0; i < spans; ++i) {
    const Tier tier = i % 3 == 0 ? Tier::kSpot : i % 3 == 1 ? Tier::kReserved : Tier::kOnDemand;
    const double part = length / spans;
    sim::PlacementSpan span{
        .from = at(begin + 1 + (training ? i * part : 0)),
        .to = at(begin + 1 + (training ? (i + 1) * part - 0.4 : kHours)),
        .pool = PoolName(std::string(api::to_string(tier)) + "-pool"),
        .tier = tier,
        .replicas = training ? 4 : 8 - 2 * i,
        .rate = HourlyRate(usd(3.77)),
        .reason =
            "lowest expected cost per useful hour of the pools with room: Spot pool "
            "spot-us-west-2a in us-west-2a at $3.77/h; next best OnDemand pool at $12.24/h",
        .interrupted = training && tier == Tier::kSpot && i + 1 < spans};
    made.interruptions += span.interrupted ? 1 : 0;
    made.placements.push_back(std::move(span));
  }
  made.attempts = spans;
  made.lost = minutes(20 * made.interruptions);
  made.running = minutes(static_cast<std::int64_t>(60 * length));
  made.cost = usd(length * (2 + 4 * random.uniform()));
  made.on_demand_equivalent = usd(length * 12.24);
  made.saved = *made.on_demand_equivalent - made.cost;
  if (training && number % 4 == 0) {
    made.deadline = at(begin + length + 10);
    made.deadline_outcome =
        number == 4 ? sim::DeadlineOutcome::kMissed : sim::DeadlineOutcome::kMet;
  }
  return made;
}

}  // namespace

sim::SimulationReport sample_report(const SampleSize& size) {
  const auto random = make_random(7);
  const Instant from = parse_instant("2020-01-05T00:00:00Z").value();
  sim::SimulationReport report{.from = from, .to = from + hours(kHours), .seed = 7};
  report.pools.push_back(
      pool(from, "reserved-us-west-2a", Tier::kReserved, "us-west-2a", 15.68, *random));
  for (int i = 0; i < size.spot_pools; ++i) {
    report.pools.push_back(pool(from,
                                "spot-us-west-2" + std::string(1, static_cast<char>('a' + i % 26)),
                                Tier::kSpot, "us-west-2a", 7 + i % 5, *random));
  }
  report.pools.push_back(
      pool(from, "on-demand-us-west-2a", Tier::kOnDemand, "us-west-2a", 24.48, *random));
  for (int i = 0; i < size.training_jobs; ++i)
    report.workloads.push_back(row(from, i, true, size, *random));
  for (int i = 0; i < size.inference_pools; ++i)
    report.workloads.push_back(row(from, i, false, size, *random));
  Money cost, dear;
  for (int hour = 0; hour <= kHours; hour += 6) {
    cost += usd(140 + 60 * random->uniform());
    dear += usd(420 + 60 * random->uniform());
    report.cost_curve.push_back(
        {.at = from + hours(hour), .cost = cost, .on_demand_equivalent = dear});
  }
  report.tiers = {{.tier = Tier::kReserved, .split = split_of(20'160, 0, 2'880, 1.96)},
                  {.tier = Tier::kSpot, .split = split_of(8'400, 160, 420, 0.97)},
                  {.tier = Tier::kOnDemand, .split = split_of(700, 20, 30, 3.06)}};
  report.teams = {{.team = "",
                   .reserved = sim::AcceleratorSeconds(3'600'000),
                   .cost = usd(1'234.5),
                   .on_demand_equivalent = usd(3'060)},
                  {.team = "foundation",
                   .reserved = sim::AcceleratorSeconds(36'000'000),
                   .spot = sim::AcceleratorSeconds(18'000'000),
                   .on_demand = sim::AcceleratorSeconds(1'800'000),
                   .cost = usd(23'456.78),
                   .on_demand_equivalent = usd(47'430)},
                  {.team = "ranking",
                   .reserved = sim::AcceleratorSeconds(21'600'000),
                   .spot = sim::AcceleratorSeconds(9'000'000),
                   .cost = usd(9'876.54),
                   .on_demand_equivalent = usd(26'010)}};
  report.totals = {.cost = cost,
                   .on_demand_equivalent = dear,
                   .saved = dear - cost,
                   .split = split_of(29'260, 180, 3'330, 1.6),
                   .interruptions = 31,
                   .nodes_taken = 27,
                   .launches_refused = 9,
                   .lost = hours(11),
                   .training_jobs = size.training_jobs,
                   .finished = size.training_jobs,
                   .deadlines = 3,
                   .deadline_misses = 1,
                   .deadlines_infeasible = 2};
  report.notes = {"TrainingJob research/pretrain-1 states no duration: it is taken for an hour."};
  report.writes = 4'321;
  report.passes = 8'765;
  report.speed = {.simulated = hours(kHours), .took = std::chrono::milliseconds(12'345)};
  return report;
}

}  // namespace spillway::cli::testing
