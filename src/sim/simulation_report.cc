#include "simulation_report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "series.h"

namespace spillway::sim {
namespace {

AcceleratorSeconds seconds_of(cost::AcceleratorTime time) {
  return AcceleratorSeconds((time.value() + 500) / 1000);
}

template <class Map, class Key>
auto at_or_zero(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

NodeTimeSplit split_of(const UseBooks& use) {
  using cost::NodeUse;
  return {.used = seconds_of(at_or_zero(use.time, NodeUse::kUsed)),
          .starting = seconds_of(at_or_zero(use.time, NodeUse::kStarting)),
          .idle = seconds_of(at_or_zero(use.time, NodeUse::kIdle)),
          .used_cost = at_or_zero(use.cost, NodeUse::kUsed),
          .starting_cost = at_or_zero(use.cost, NodeUse::kStarting),
          .idle_cost = at_or_zero(use.cost, NodeUse::kIdle)};
}

void add(NodeTimeSplit& to, const NodeTimeSplit& what) {
  to.used += what.used;
  to.starting += what.starting;
  to.idle += what.idle;
  to.used_cost += what.used_cost;
  to.starting_cost += what.starting_cost;
  to.idle_cost += what.idle_cost;
}

// Too many stretches to draw: the shortest gaps between them are bridged.
std::vector<TimeSpan> bridged(std::vector<TimeSpan> spans) {
  if (spans.size() <= kMaxPoints) return spans;
  std::vector<Duration> gaps;
  for (std::size_t i = 1; i < spans.size(); ++i)
    gaps.push_back(spans[i].from - spans[i - 1].to);
  const auto kept = static_cast<std::ptrdiff_t>(gaps.size() - kMaxPoints);
  std::ranges::nth_element(gaps, gaps.begin() + kept);
  const Duration bridge = gaps[static_cast<std::size_t>(kept)];
  std::vector<TimeSpan> fewer{spans.front()};
  for (std::size_t i = 1; i < spans.size(); ++i) {
    if (spans[i].from - fewer.back().to <= bridge)
      fewer.back().to = spans[i].to;
    else
      fewer.push_back(spans[i]);
  }
  return fewer;
}

std::vector<PricePoint> prices_of(const PoolRecord& record, TimeRange range) {
  std::vector<PricePoint> points;
  if (record.constant) points.push_back({.at = range.from, .per_node = *record.constant});
  for (const PriceChange& change : record.spot) {
    if (change.at >= range.to) break;
    if (change.at <= range.from) points.clear();
    points.push_back({.at = std::max(change.at, range.from), .per_node = change.per_node});
  }
  return thinned(points, kMaxPoints, [](const PricePoint& point) { return point.per_node; });
}

PoolSeries series_of(const RunBooks& run, const PoolName& name, const PoolBooks& books) {
  const api::CapacityPoolSpec& spec = books.pool.spec;
  const PoolRecord& record = run.records.at(name);
  const auto count = [](const CountPoint& point) { return point.count; };
  return {.pool = name,
          .tier = spec.tier,
          .instance_type = spec.instance_type,
          .zone = spec.location.zone,
          .model = spec.accelerator.model,
          .per_node = spec.accelerator.per_node,
          .price = prices_of(record, run.range),
          .on_demand = record.on_demand,
          .nodes = thinned(books.nodes, kMaxPoints, count),
          .busy = thinned(books.busy, kMaxPoints, count),
          .unavailable = bridged(run.replay.unavailable(name)),
          .split = split_of(books.use),
          .nodes_taken = books.nodes_taken,
          .launches_refused = run.replay.launches_refused(name)};
}

// ---- workloads

// No pool could have finished it in time, had it started at once.
bool infeasible(const RunBooks& run, const api::TrainingJob& job, Instant submitted,
                Instant deadline) {
  std::int64_t fastest = 1;
  for (const api::AcceleratorChoice& model : job.spec.accelerator.models)
    fastest = std::max<std::int64_t>(fastest, model.speed_percent);
  Duration start_up = Duration::max();
  for (const ScenePool& pool : run.scene.pools) {
    const bool there = pool.pool.spec.tier == api::Tier::kReserved;
    start_up = std::min(start_up, there ? Duration(0) : pool.provisioning);
  }
  const Duration work = job.spec.duration.value_or(Duration(0)) * 100 / fastest;
  return submitted + start_up + work > deadline;
}

void judge_deadline(const RunBooks& run, const SceneObject& object, WorkloadRow& row) {
  row.deadline = object.job->spec.deadline;
  if (object.deadline_after) row.deadline = row.submitted + *object.deadline_after;
  if (!row.deadline) return;
  if (row.finished && row.phase == "Succeeded" && *row.finished <= *row.deadline)
    row.deadline_outcome = DeadlineOutcome::kMet;
  else if (*row.deadline > run.range.to)
    row.deadline_outcome = DeadlineOutcome::kOpen;
  else if (infeasible(run, *object.job, row.submitted, *row.deadline))
    row.deadline_outcome = DeadlineOutcome::kInfeasible;
  else
    row.deadline_outcome = DeadlineOutcome::kMissed;
}

void add_training(const RunBooks& run, const SceneObject& object, WorkloadRow& row) {
  const TrainingProgress progress = run.trainer.progress_of({.ns = row.ns, .name = row.name});
  const std::int64_t ranks = std::max<std::int64_t>(progress.replicas, 1);
  row.started = progress.first_started;
  row.running = progress.rank_time_run / ranks;
  row.lost = progress.rank_time_lost / ranks;
  if (!object.job->spec.suspend) {
    const Duration life = row.finished.value_or(run.range.to) - row.submitted;
    row.waiting = std::max(life - row.running, Duration(0));
  }
  judge_deadline(run, object, row);
}

void add_charges(const WorkloadBooks& books, WorkloadRow& row) {
  Money on_demand;
  bool known = true;
  for (const auto& [tier, charge] : books.charges) {
    row.accelerator_time += seconds_of(charge.time);
    row.cost += charge.cost;
    on_demand += charge.on_demand;
    known = known && charge.on_demand_known;
  }
  if (!known) return;
  row.on_demand_equivalent = on_demand;
  row.saved = on_demand - row.cost;
}

std::vector<WorkloadRow> rows_of(const RunBooks& run) {
  std::map<Bookkeeper::WorkloadKey, const SceneObject*> objects;
  for (const SceneObject& object : run.scene.objects) {
    const nlohmann::json& metadata = object.object.at("metadata");
    const ObjectKey key{.ns = Namespace(metadata.value("namespace", "default")),
                        .name = ObjectName(metadata.at("name").get<std::string>())};
    if (object.job) objects[{WorkloadKind::kTrainingJob, key}] = &object;
  }
  std::vector<WorkloadRow> rows;
  for (const auto& [key, books] : run.books.workloads()) {
    WorkloadRow row{.kind = key.first,
                    .ns = key.second.ns,
                    .name = key.second.name,
                    .team = books.team,
                    .phase = books.phase,
                    .submitted = books.submitted,
                    .started = books.first_ready,
                    .finished = books.finished,
                    .interruptions = books.interruptions,
                    .attempts = books.attempts,
                    .placements = books.spans,
                    .placements_left_out = books.spans_left_out};
    add_charges(books, row);
    if (const auto object = objects.find(key); object != objects.end()) {
      add_training(run, *object->second, row);
    } else {
      row.running = books.ready;
      row.shortfall = books.shortfall;
      const Duration life = row.finished.value_or(run.range.to) - row.submitted;
      row.waiting = std::max(life - row.running, Duration(0));
    }
    std::ranges::sort(row.placements, {}, [](const PlacementSpan& span) {
      return std::tuple(span.from, span.to, span.pool);
    });
    rows.push_back(std::move(row));
  }
  return rows;
}

// ---- sums

std::vector<TierUse> tiers_of(const std::vector<PoolSeries>& pools) {
  std::vector<TierUse> tiers;
  for (const api::Tier tier : api::kAllTiers) {
    TierUse use{.tier = tier, .split = {}};
    for (const PoolSeries& pool : pools) {
      if (pool.tier == tier) add(use.split, pool.split);
    }
    tiers.push_back(use);
  }
  return tiers;
}

std::vector<TeamUse> teams_of(const Bookkeeper& books) {
  std::map<std::string, std::map<api::Tier, ChargeBooks>> teams;
  for (const auto& [key, workload] : books.workloads()) {
    auto& team = teams[workload.team];
    for (const auto& [tier, charge] : workload.charges) {
      team[tier].time += charge.time;
      team[tier].cost += charge.cost;
      team[tier].on_demand += charge.on_demand;
      team[tier].on_demand_known = team[tier].on_demand_known && charge.on_demand_known;
    }
  }
  std::vector<TeamUse> uses;
  for (auto& [name, charges] : teams) {
    TeamUse use{.team = name,
                .reserved = seconds_of(charges[api::Tier::kReserved].time),
                .spot = seconds_of(charges[api::Tier::kSpot].time),
                .on_demand = seconds_of(charges[api::Tier::kOnDemand].time),
                .cost = {},
                .on_demand_equivalent = Money()};
    for (const auto& [tier, charge] : charges) {
      use.cost += charge.cost;
      if (!charge.on_demand_known)
        use.on_demand_equivalent.reset();
      else if (use.on_demand_equivalent)
        *use.on_demand_equivalent += charge.on_demand;
    }
    uses.push_back(std::move(use));
  }
  return uses;
}

void count_workloads(const std::vector<WorkloadRow>& rows, Instant end, SimulationTotals& totals) {
  for (const WorkloadRow& row : rows) {
    totals.interruptions += row.interruptions;
    if (row.kind != WorkloadKind::kTrainingJob) continue;
    ++totals.training_jobs;
    totals.lost += row.lost;
    totals.finished += row.phase == "Succeeded" ? 1 : 0;
    totals.failed += row.phase == "Failed" ? 1 : 0;
    totals.deadlines += row.deadline && *row.deadline <= end ? 1 : 0;
    totals.deadline_misses += row.deadline_outcome == DeadlineOutcome::kMissed ? 1 : 0;
    totals.deadlines_infeasible += row.deadline_outcome == DeadlineOutcome::kInfeasible ? 1 : 0;
  }
}

SimulationTotals totals_of(const RunBooks& run, const SimulationReport& report) {
  SimulationTotals totals{.cost = run.books.node_cost(), .split = {}};
  for (const PoolSeries& pool : report.pools) {
    add(totals.split, pool.split);
    totals.nodes_taken += pool.nodes_taken;
    totals.launches_refused += pool.launches_refused;
  }
  if (run.books.without_on_demand().empty()) {
    totals.on_demand_equivalent = run.books.on_demand();
    totals.saved = run.books.on_demand() - totals.cost;
  }
  count_workloads(report.workloads, run.range.to, totals);
  return totals;
}

}  // namespace

std::string_view to_string(DeadlineOutcome outcome) {
  switch (outcome) {
    case DeadlineOutcome::kNone: return "none";
    case DeadlineOutcome::kMet: return "met";
    case DeadlineOutcome::kMissed: return "missed";
    case DeadlineOutcome::kInfeasible: return "infeasible";
    case DeadlineOutcome::kOpen: return "open";
  }
  return "none";
}

std::string_view to_string(ShortfallCause cause) {
  switch (cause) {
    case ShortfallCause::kStarting: return "Starting";
    case ShortfallCause::kUncovered: return "Uncovered";
    case ShortfallCause::kZonesTogether: return "ZonesTogether";
    case ShortfallCause::kOther: return "Other";
  }
  return "Other";
}

std::string_view to_string(WorkloadKind kind) {
  return kind == WorkloadKind::kTrainingJob ? "TrainingJob" : "InferencePool";
}

double SimulationSpeed::simulated_seconds_per_second() const {
  if (took < Duration(1)) return 0;
  return static_cast<double>(simulated.count()) / static_cast<double>(took.count());
}

SimulationReport make_report(const RunBooks& run) {
  SimulationReport report{.from = run.range.from, .to = run.range.to};
  for (const auto& [name, books] : run.books.pools())
    report.pools.push_back(series_of(run, name, books));
  std::ranges::sort(report.pools, {},
                    [](const PoolSeries& pool) { return std::pair(pool.tier, pool.pool); });
  report.workloads = rows_of(run);
  report.tiers = tiers_of(report.pools);
  report.teams = teams_of(run.books);
  report.cost_curve = run.books.cost_curve();
  report.totals = totals_of(run, report);
  return report;
}

}  // namespace spillway::sim
