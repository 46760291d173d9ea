// What the figures show, in numbers and words.

#include <algorithm>

#include <fmt/format.h>

#include <spillway/core/text.h>

#include "by_cost.h"
#include "html.h"
#include "report_parts.h"
#include "words.h"

namespace spillway::cli {
namespace {

using sim::WorkloadRow;

constexpr std::size_t kMaxReasonBytes = 400;

std::string stay_text(const sim::PlacementSpan& span) {
  std::string text =
      fmt::format("<b>{}</b> {} to {}, {}", escape_html(span.pool.str()), minute_text(span.from),
                  minute_text(span.to), plural(span.replicas, "replica"));
  if (span.rate) text += ", $" + span.rate->to_string() + "/h";
  if (span.interrupted) text += ", then its capacity was taken away";
  if (!span.reason.empty()) text += "<br>" + escape_html(shorten(span.reason, kMaxReasonBytes));
  return text;
}

std::string stays(const WorkloadRow& row, std::size_t index) {
  std::string out = "<ol>";
  for (std::size_t i = 0; i < row.placements.size(); ++i) {
    out += fmt::format("<li id=\"{}\" class=\"{}\">{}</li>", stay_id(index, i),
                       api::to_string(row.placements[i].tier), stay_text(row.placements[i]));
  }
  if (row.placements_left_out > 0) out += fmt::format("<li>{} more</li>", row.placements_left_out);
  return out + "</ol>";
}

std::string cell(const std::string& text) {
  return "<td>" + text + "</td>";
}
std::string number(const std::string& text, double value) {
  return fmt::format("<td class=\"r\" data-v=\"{}\">{}</td>", coordinate(value), text);
}
std::string money(const std::optional<Money>& amount) {
  if (!amount) return "<td class=\"r\">-</td>";
  return number(dollars(*amount), static_cast<double>(amount->micros()) / 1e6);
}
std::string time(Duration duration) {
  return number(hours(duration), static_cast<double>(duration.count()) / 3'600'000);
}

std::string deadline_cell(const WorkloadRow& row) {
  if (!row.deadline) return cell("");
  const bool missed = row.deadline_outcome == sim::DeadlineOutcome::kMissed;
  return fmt::format("<td{}>{}</td>", missed ? " class=\"bad\"" : "",
                     escape_html(sim::to_string(row.deadline_outcome)));
}

std::string table_row(const WorkloadRow& row, std::size_t index, bool told) {
  const std::string name =
      fmt::format("{} <small>{}</small>", name_text(row.name.str()), name_text(row.ns.str()));
  const bool more = told && !row.placements.empty();
  std::string out = "<tr><td data-v=\"" + name_text(row.name.str()) + "\">";
  out +=
      more ? "<details><summary>" + name + "</summary>" + stays(row, index) + "</details>" : name;
  out += "</td>" + cell(row.kind == sim::WorkloadKind::kTrainingJob ? "training" : "inference");
  out += cell(escape_html(row.team)) + cell(escape_html(row.phase));
  out += money(row.cost) + money(row.on_demand_equivalent) + money(row.saved);
  out += number(grouped(row.interruptions), static_cast<double>(row.interruptions));
  out += time(row.lost) + time(row.waiting) + deadline_cell(row);
  return out + "</tr>\n";
}

std::string heading(const std::vector<std::pair<std::string_view, bool>>& titles) {
  std::string out = "<thead><tr>";
  for (const auto& [title, right] : titles) {
    const bool dearest = title == "Cost";
    out +=
        fmt::format("<th scope=\"col\"{}{}><button type=\"button\">{}</button></th>",
                    right ? " class=\"r\"" : "", dearest ? " aria-sort=\"descending\"" : "", title);
  }
  return out + "</tr></thead>";
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

std::string piece(std::string_view css, double width) {
  return width <= 0 ? ""
                    : fmt::format("<span class=\"{}\" style=\"width:{}%\"></span>", css,
                                  coordinate(width));
}

std::string tier_bar(const sim::TierUse& use) {
  const sim::NodeTimeSplit& split = use.split;
  const std::int64_t whole = split.used.value() + split.starting.value() + split.idle.value();
  if (whole == 0) return "";
  const std::string css = "b-" + std::string(api::to_string(use.tier));
  const double used = share_of(split.used.value(), whole);
  const double starting = share_of(split.starting.value(), whole);
  const double idle = share_of(split.idle.value(), whole);
  return fmt::format(
      "<span>{}</span><div class=\"stack\" role=\"img\" aria-label=\"{}: {:.1f} % used, {:.1f} % "
      "starting, {:.1f} % idle\">{}{}{}</div><span class=\"n\">{:.0f}\u00a0% of {} h, {}</span>",
      tier_word(use.tier), tier_word(use.tier), used, starting, idle, piece(css, used),
      piece(css + " starting", starting), piece(css + " idle", idle), used, hours_of_seconds(whole),
      dollars(split.cost()));
}

std::string team_bar(const sim::TeamUse& team, std::int64_t largest) {
  const std::string name = team.team.empty() ? "(no team stated)" : escape_html(team.team);
  const std::int64_t whole = team.reserved.value() + team.spot.value() + team.on_demand.value();
  if (whole == 0) return "";
  return fmt::format(
      "<span>{}</span><div class=\"stack\" role=\"img\" aria-label=\"{}: {} accelerator hours "
      "reserved, {} spot, "
      "{} on demand\">{}{}{}</div><span class=\"n\">{} h, {}</span>",
      name, name, hours_of_seconds(team.reserved.value()), hours_of_seconds(team.spot.value()),
      hours_of_seconds(team.on_demand.value()),
      piece("b-Reserved", share_of(team.reserved.value(), largest)),
      piece("b-Spot", share_of(team.spot.value(), largest)),
      piece("b-OnDemand", share_of(team.on_demand.value(), largest)), hours_of_seconds(whole),
      dollars(team.cost));
}

}  // namespace

std::vector<const WorkloadRow*> dearest_first(const sim::SimulationReport& report) {
  std::vector<const WorkloadRow*> rows;
  rows.reserve(report.workloads.size());
  for (const WorkloadRow& row : report.workloads)
    rows.push_back(&row);
  std::sort(rows.begin(), rows.end(), dearer<const WorkloadRow>);
  if (rows.size() > kMaxTableRows) rows.resize(kMaxTableRows);
  return rows;
}

std::size_t rows_with_details(const std::vector<const WorkloadRow*>& rows) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    bytes += stays(*rows[i], i).size();
    if (bytes > kMaxDetailBytes) return i;
  }
  return rows.size();
}

std::string baseline_figure(const sim::SimulationReport& report) {
  std::string tiers;
  for (const sim::TierUse& use : report.tiers)
    tiers += tier_bar(use);
  std::vector<const sim::TeamUse*> teams;
  std::int64_t largest = 0;
  for (const sim::TeamUse& team : report.teams) {
    teams.push_back(&team);
    largest = std::max(largest, team.reserved.value() + team.spot.value() + team.on_demand.value());
  }
  std::sort(teams.begin(), teams.end(), dearer<const sim::TeamUse>);
  std::string by_team;
  for (std::size_t i = 0; i < teams.size() && i < kMaxTeams; ++i)
    by_team += team_bar(*teams[i], largest);
  if (teams.size() > kMaxTeams)
    by_team += fmt::format("<span>{} teams more</span><span></span><span></span>",
                           teams.size() - kMaxTeams);
  std::string body;
  if (!tiers.empty()) {
    body +=
        "<p class=\"note\">Accelerator time of nodes by tier: used, starting (paler), idle "
        "(palest).</p>"
        "<div class=\"shares\">" +
        tiers + "</div>";
  }
  if (!by_team.empty()) {
    body +=
        "<p class=\"note\">Accelerator time by team, and where it was had.</p><ul class=\"key\">" +
        tier_key() + "</ul><div class=\"shares\">" + by_team + "</div>";
  }
  return section("Who used the baseline", "", body);
}

std::string workload_table(const sim::SimulationReport& report) {
  const auto rows = dearest_first(report);
  if (rows.empty()) return "";
  const std::size_t told = rows_with_details(rows);
  std::string body = "<div class=\"scroll\"><table class=\"sort\">";
  body += heading({{"Workload", false},
                   {"Kind", false},
                   {"Team", false},
                   {"Phase", false},
                   {"Cost", true},
                   {"On demand", true},
                   {"Saved", true},
                   {"Interrupted", true},
                   {"Lost h", true},
                   {"Waited h", true},
                   {"Deadline", false}});
  body += "<tbody>";
  for (std::size_t i = 0; i < rows.size(); ++i)
    body += table_row(*rows[i], i, i < told);
  body += "</tbody></table></div>";
  if (rows.size() < report.workloads.size() || told < rows.size()) {
    body += fmt::format(
        "<p class=\"note\">{} of {} workloads, the dearest; placements are told for {} of them. "
        "<code>-o json</code> has everything.</p>",
        grouped(static_cast<std::int64_t>(rows.size())),
        grouped(static_cast<std::int64_t>(report.workloads.size())),
        grouped(static_cast<std::int64_t>(told)));
  }
  return section("Workloads", "Open a row for where it stood and why.", body);
}

}  // namespace spillway::cli
