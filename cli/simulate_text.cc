#include "simulate_text.h"

#include <algorithm>

#include <fmt/format.h>

#include <spillway/core/text.h>

#include "by_cost.h"
#include "table.h"
#include "words.h"

namespace spillway::cli {
namespace {

using sim::DeadlineOutcome;
using sim::SimulationReport;
using sim::SimulationTotals;
using sim::WorkloadRow;

void fact(std::string& out, std::string_view label, const std::string& value) {
  out += fmt::format("{:<15}{}\n", label, value);
}

std::string share(std::int64_t part, std::int64_t whole) {
  return percent(static_cast<double>(part), static_cast<double>(whole));
}

std::string money_share(Money part, Money whole) {
  return percent(static_cast<double>(part.micros()), static_cast<double>(whole.micros()));
}

std::string deadlines_text(const SimulationTotals& totals) {
  if (totals.deadlines == 0) return "none stated";
  std::string text = fmt::format("{} of {} missed", totals.deadline_misses, totals.deadlines);
  if (totals.deadlines_infeasible > 0) {
    text +=
        fmt::format(", and {} shorter than the work when submitted", totals.deadlines_infeasible);
  }
  return text;
}

std::string totals_text(const SimulationReport& report) {
  const SimulationTotals& totals = report.totals;
  std::string out =
      fmt::format("Simulated {} to {} UTC ({}), seed {}\n\n", minute_text(report.from),
                  minute_text(report.to), time_span(report.to - report.from), report.seed);
  fact(out, "Cost",
       fmt::format("{}  (used {}, starting {}, idle {})", dollars(totals.cost),
                   dollars(totals.split.used_cost), dollars(totals.split.starting_cost),
                   dollars(totals.split.idle_cost)));
  fact(out, "On demand",
       totals.on_demand_equivalent ? dollars(totals.on_demand_equivalent)
                                   : "not known (see the notes)");
  if (totals.saved && totals.on_demand_equivalent) {
    const std::string part = money_share(*totals.saved, *totals.on_demand_equivalent);
    fact(out, "Saved", dollars(*totals.saved) + (part.empty() ? "" : "  (" + part + ")"));
  }
  const std::string refused = totals.launches_refused == 1 ? " launch" : " launches";
  fact(out, "Interruptions",
       fmt::format("{}  ({} taken and {}{} refused by the market)", grouped(totals.interruptions),
                   plural(totals.nodes_taken, "node"), grouped(totals.launches_refused), refused));
  fact(out, "Lost", hours(totals.lost) + " h of compute, done again");
  fact(out, "Deadlines", deadlines_text(totals));
  fact(out, "Training jobs",
       fmt::format("{}: {} finished, {} failed", grouped(totals.training_jobs),
                   grouped(totals.finished), grouped(totals.failed)));
  return out;
}

std::string tiers_text(const SimulationReport& report) {
  Table table({{"TIER"},
               {"ACCEL HOURS", true},
               {"USED", true},
               {"STARTING", true},
               {"IDLE", true},
               {"COST", true},
               {"IDLE COST", true}});
  for (const sim::TierUse& tier : report.tiers) {
    const sim::NodeTimeSplit& split = tier.split;
    const std::int64_t whole = split.used.value() + split.starting.value() + split.idle.value();
    table.row({std::string(api::to_string(tier.tier)), hours_of_seconds(whole),
               share(split.used.value(), whole), share(split.starting.value(), whole),
               share(split.idle.value(), whole), dollars(split.cost()), dollars(split.idle_cost)});
  }
  return table.text();
}

std::string teams_text(const SimulationReport& report) {
  std::int64_t baseline = 0;
  for (const sim::TeamUse& team : report.teams)
    baseline += team.reserved.value();
  Table table({{"TEAM"},
               {"RESERVED H", true},
               {"OF BASELINE USE", true},
               {"SPOT H", true},
               {"ON-DEMAND H", true},
               {"COST", true},
               {"ON DEMAND", true},
               {"SAVED", true}});
  for (const sim::TeamUse& team : report.teams) {
    const std::string saved =
        team.on_demand_equivalent ? dollars(*team.on_demand_equivalent - team.cost) : "";
    table.row({team.team.empty() ? "(none stated)" : team.team,
               hours_of_seconds(team.reserved.value()), share(team.reserved.value(), baseline),
               hours_of_seconds(team.spot.value()), hours_of_seconds(team.on_demand.value()),
               dollars(team.cost), dollars(team.on_demand_equivalent), saved});
  }
  return table.text();
}

std::string outcome_text(const WorkloadRow& row) {
  if (row.deadline_outcome != DeadlineOutcome::kNone)
    return std::string(sim::to_string(row.deadline_outcome));
  return "";
}

std::string workloads_text(const SimulationReport& report, bool all) {
  std::vector<const WorkloadRow*> rows;
  rows.reserve(report.workloads.size());
  for (const WorkloadRow& row : report.workloads)
    rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), dearer<const WorkloadRow>);
  const std::size_t shown = all ? rows.size() : std::min(rows.size(), kDearestShown);
  Table table({{"NAMESPACE"},
               {"WORKLOAD"},
               {"TEAM"},
               {"PHASE"},
               {"COST", true},
               {"ON DEMAND", true},
               {"SAVED", true},
               {"INTERRUPTED", true},
               {"LOST H", true},
               {"WAITED H", true},
               {"DEADLINE"}});
  for (std::size_t i = 0; i < shown; ++i) {
    const WorkloadRow& row = *rows[i];
    const bool training = row.kind == sim::WorkloadKind::kTrainingJob;
    table.row({row.ns.str(), (training ? "tj/" : "ipool/") + row.name.str(), row.team, row.phase,
               dollars(row.cost), dollars(row.on_demand_equivalent), dollars(row.saved),
               grouped(row.interruptions), hours(row.lost), hours(row.waiting), outcome_text(row)});
  }
  std::string text = table.text();
  if (shown < rows.size()) {
    text += fmt::format("({} more, cheaper than these: --all lists them)\n",
                        grouped(static_cast<std::int64_t>(rows.size() - shown)));
  }
  return text;
}

std::string pools_text(const SimulationReport& report) {
  Table table({{"POOL"},
               {"TIER"},
               {"ZONE"},
               {"INSTANCE"},
               {"ACCEL HOURS", true},
               {"USED", true},
               {"COST", true},
               {"NODES TAKEN", true},
               {"REFUSED", true}});
  for (const sim::PoolSeries& pool : report.pools) {
    const sim::NodeTimeSplit& split = pool.split;
    const std::int64_t whole = split.used.value() + split.starting.value() + split.idle.value();
    table.row({pool.pool.str(), std::string(api::to_string(pool.tier)), pool.zone.str(),
               pool.instance_type.str(), hours_of_seconds(whole), share(split.used.value(), whole),
               dollars(split.cost()), grouped(pool.nodes_taken), grouped(pool.launches_refused)});
  }
  return table.text();
}

std::string titled(std::string_view title, const std::string& body) {
  return body.empty() ? "" : "\n" + std::string(title) + "\n" + body;
}

}  // namespace

std::string simulation_text(const SimulationReport& report, bool all) {
  std::string out = totals_text(report);
  out += titled("BASELINE AND THE OTHER TIERS", tiers_text(report));
  out += titled("TEAMS", teams_text(report));
  out += titled("POOLS", pools_text(report));
  out += titled(all ? "WORKLOADS" : "WORKLOADS, THE DEAREST FIRST", workloads_text(report, all));
  if (!report.notes.empty()) out += "\n";
  for (const std::string& note : report.notes)
    out += "Note: " + printable(note) + "\n";
  for (const std::string& violation : report.violations)
    out += "Defect: " + printable(violation) + "\n";
  return out;
}

std::string speed_text(const sim::SimulationSpeed& speed) {
  return fmt::format("{} simulated in {:.1f} s: {} simulated seconds per second",
                     time_span(speed.simulated), static_cast<double>(speed.took.count()) / 1000,
                     grouped(static_cast<std::int64_t>(speed.simulated_seconds_per_second())));
}

}  // namespace spillway::cli
