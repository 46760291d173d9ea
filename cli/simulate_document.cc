#include <nlohmann/json.hpp>

#include "simulate_text.h"

namespace spillway::cli {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t seconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

void put(Json& into, const char* key, const std::optional<Money>& amount) {
  if (amount) into[key] = amount->to_string();
}
void put(Json& into, const char* key, const std::optional<Instant>& at) {
  if (at) into[key] = format_instant(*at);
}

Json split_of(const sim::NodeTimeSplit& split) {
  return {{"usedAcceleratorSeconds", split.used.value()},
          {"startingAcceleratorSeconds", split.starting.value()},
          {"idleAcceleratorSeconds", split.idle.value()},
          {"usedCost", split.used_cost.to_string()},
          {"startingCost", split.starting_cost.to_string()},
          {"idleCost", split.idle_cost.to_string()},
          {"cost", split.cost().to_string()}};
}

Json totals_of(const sim::SimulationTotals& totals) {
  Json document{{"cost", totals.cost.to_string()}};
  put(document, "onDemandEquivalent", totals.on_demand_equivalent);
  put(document, "saved", totals.saved);
  document["nodeTime"] = split_of(totals.split);
  document["interruptions"] = totals.interruptions;
  document["nodesTaken"] = totals.nodes_taken;
  document["launchesRefused"] = totals.launches_refused;
  document["lostSeconds"] = seconds(totals.lost);
  document["trainingJobs"] = totals.training_jobs;
  document["finished"] = totals.finished;
  document["failed"] = totals.failed;
  document["deadlines"] = totals.deadlines;
  document["deadlineMisses"] = totals.deadline_misses;
  document["deadlinesInfeasible"] = totals.deadlines_infeasible;
  return document;
}

Json span_of(const sim::PlacementSpan& span) {
  Json document{{"from", format_instant(span.from)},
                {"to", format_instant(span.to)},
                {"pool", span.pool.str()},
                {"tier", std::string(api::to_string(span.tier))},
                {"replicas", span.replicas}};
  if (span.rate) document["ratePerHour"] = span.rate->to_string();
  document["reason"] = span.reason;
  document["interrupted"] = span.interrupted;
  return document;
}

Json count_of(const sim::ShortfallCount& count) {
  Json spans = Json::array();
  for (const sim::TimeSpan& span : count.spans)
    spans.push_back({{"from", format_instant(span.from)}, {"to", format_instant(span.to)}});
  return {{"times", count.times}, {"seconds", seconds(count.time)}, {"spans", std::move(spans)}};
}

Json workload_of(const sim::WorkloadRow& row) {
  Json document{{"kind", std::string(sim::to_string(row.kind))},
                {"namespace", row.ns.str()},
                {"name", row.name.str()},
                {"team", row.team}};
  if (!row.phase.empty()) document["phase"] = row.phase;
  document["submitted"] = format_instant(row.submitted);
  put(document, "started", row.started);
  put(document, "finished", row.finished);
  document["waitingSeconds"] = seconds(row.waiting);
  document["runningSeconds"] = seconds(row.running);
  document["lostSeconds"] = seconds(row.lost);
  if (row.kind == sim::WorkloadKind::kInferencePool) {
    document["missingReplicaSeconds"] = seconds(row.shortfall.missing);
    document["belowSeconds"] = seconds(row.shortfall.below);
    document["timesBelow"] = row.shortfall.times;
    if (row.shortfall.fewest) document["fewestReplicas"] = *row.shortfall.fewest;
    Json causes = Json::object();
    for (const auto& [cause, count] : row.shortfall.by_cause)
      causes[std::string(sim::to_string(cause))] = count_of(count);
    document["belowPromise"] = std::move(causes);
    if (row.shortfall.through_zones) document["exposed"] = count_of(row.shortfall.exposed);
    document["belowBaseline"] = count_of(row.shortfall.baseline);
    document["uncoveredSeconds"] = seconds(row.shortfall.uncovered);
  }
  document["interruptions"] = row.interruptions;
  document["attempts"] = row.attempts;
  document["acceleratorSeconds"] = row.accelerator_time.value();
  document["cost"] = row.cost.to_string();
  put(document, "onDemandEquivalent", row.on_demand_equivalent);
  put(document, "saved", row.saved);
  put(document, "deadline", row.deadline);
  document["deadlineOutcome"] = std::string(sim::to_string(row.deadline_outcome));
  Json placements = Json::array();
  for (const sim::PlacementSpan& span : row.placements)
    placements.push_back(span_of(span));
  document["placements"] = std::move(placements);
  document["placementsLeftOut"] = row.placements_left_out;
  return document;
}

Json counts_of(const std::vector<sim::CountPoint>& points) {
  Json list = Json::array();
  for (const sim::CountPoint& point : points)
    list.push_back({{"at", format_instant(point.at)}, {"count", point.count}});
  return list;
}

Json pool_of(const sim::PoolSeries& pool) {
  Json document{{"name", pool.pool.str()},
                {"tier", std::string(api::to_string(pool.tier))},
                {"instanceType", pool.instance_type.str()},
                {"zone", pool.zone.str()},
                {"model", pool.model.str()},
                {"acceleratorsPerNode", pool.per_node.value()}};
  if (pool.on_demand) document["onDemandPerNodeHour"] = pool.on_demand->to_string();
  Json prices = Json::array();
  for (const sim::PricePoint& point : pool.price)
    prices.push_back(
        {{"at", format_instant(point.at)}, {"perNodeHour", point.per_node.to_string()}});
  document["price"] = std::move(prices);
  document["nodes"] = counts_of(pool.nodes);
  document["busyAccelerators"] = counts_of(pool.busy);
  Json unavailable = Json::array();
  for (const sim::TimeSpan& span : pool.unavailable)
    unavailable.push_back({{"from", format_instant(span.from)}, {"to", format_instant(span.to)}});
  document["unavailable"] = std::move(unavailable);
  document["nodeTime"] = split_of(pool.split);
  document["nodesTaken"] = pool.nodes_taken;
  document["launchesRefused"] = pool.launches_refused;
  return document;
}

Json team_of(const sim::TeamUse& team) {
  Json document{{"team", team.team},
                {"reservedAcceleratorSeconds", team.reserved.value()},
                {"spotAcceleratorSeconds", team.spot.value()},
                {"onDemandAcceleratorSeconds", team.on_demand.value()},
                {"cost", team.cost.to_string()}};
  put(document, "onDemandEquivalent", team.on_demand_equivalent);
  return document;
}

template <class Values, class Convert>
Json list_of(const Values& values, Convert convert) {
  Json list = Json::array();
  for (const auto& value : values)
    list.push_back(convert(value));
  return list;
}

}  // namespace

Json simulation_document(const sim::SimulationReport& report) {
  Json document{{"kind", "Simulation"},
                {"from", format_instant(report.from)},
                {"to", format_instant(report.to)},
                {"seed", report.seed},
                {"totals", totals_of(report.totals)}};
  document["tiers"] = list_of(report.tiers, [](const sim::TierUse& tier) {
    Json one{{"tier", std::string(api::to_string(tier.tier))}};
    one.update(split_of(tier.split));
    return one;
  });
  document["teams"] = list_of(report.teams, team_of);
  document["workloads"] = list_of(report.workloads, workload_of);
  document["pools"] = list_of(report.pools, pool_of);
  document["costCurve"] = list_of(report.cost_curve, [](const sim::CostPoint& point) {
    Json one{{"at", format_instant(point.at)}, {"cost", point.cost.to_string()}};
    put(one, "onDemandEquivalent", point.on_demand_equivalent);
    return one;
  });
  document["notes"] = report.notes;
  document["violations"] = report.violations;
  document["writes"] = report.writes;
  document["passes"] = report.passes;
  return document;
}

}  // namespace spillway::cli
