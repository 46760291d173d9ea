#include "report.h"

#include <algorithm>

#include <fmt/format.h>

#include <spillway/core/text.h>

#include "html.h"
#include "report_parts.h"
#include "report_style.h"
#include "words.h"

namespace spillway::cli {
namespace {

std::string outcome(const sim::SimulationTotals& totals) {
  if (!totals.saved || !totals.on_demand_equivalent || *totals.on_demand_equivalent == Money())
    return "";
  const bool less = *totals.saved >= Money();
  const Money difference = less ? *totals.saved : Money() - *totals.saved;
  const double part = static_cast<double>(difference.micros()) /
                      static_cast<double>(totals.on_demand_equivalent->micros());
  return fmt::format(", {:.0f}\u00a0% {} than on demand", 100 * part, less ? "less" : "more");
}

// "30 days", "36 hours": for a headline.
std::string rounded_length(Duration length) {
  using std::chrono::hours;
  const std::int64_t whole = std::chrono::round<hours>(length).count();
  if (whole < 48) return plural(std::max<std::int64_t>(whole, 1), "hour");
  return plural((whole + 12) / 24, "day");
}

// Small amounts to the cent, large ones to the dollar.
std::string headline_dollars(Money amount) {
  if (amount < Money::dollars(100)) return dollars(amount);
  return "$" + grouped(amount.scaled(1, 1'000'000).micros());
}

std::string deadlines_below(const sim::SimulationTotals& totals) {
  std::string text = "of " + grouped(totals.deadlines);
  if (totals.deadlines_infeasible > 0)
    text += "; " + grouped(totals.deadlines_infeasible) + " could not be met";
  return text;
}

}  // namespace

std::string headline(const sim::SimulationReport& report) {
  return fmt::format("{} of GPU work for {}{}", rounded_length(report.to - report.from),
                     headline_dollars(report.totals.cost), outcome(report.totals));
}

std::string tiles(const sim::SimulationReport& report) {
  const sim::SimulationTotals& totals = report.totals;
  std::string out = "<dl class=\"tiles\">";
  const auto tile = [&](std::string_view label, const std::string& value, const std::string& below,
                        bool bad = false) {
    out += fmt::format("<div><dt>{}</dt><dd{}>{}<small>{}</small></dd></div>", label,
                       bad ? " class=\"bad\"" : "", value, below);
  };
  tile("Cost", dollars(totals.cost),
       dollars(totals.split.idle_cost + totals.split.starting_cost) + " of it idle or starting");
  tile("On demand", dollars(totals.on_demand_equivalent), "the hours that work was charged for");
  const std::string part = totals.saved && totals.on_demand_equivalent
                               ? percent(static_cast<double>(totals.saved->micros()),
                                         static_cast<double>(totals.on_demand_equivalent->micros()))
                               : "";
  tile("Saved", dollars(totals.saved), part.empty() ? "not known" : part + " of on demand",
       totals.saved && *totals.saved < Money());
  tile("Interruptions", grouped(totals.interruptions),
       grouped(totals.nodes_taken) + " nodes taken, " + grouped(totals.launches_refused) +
           " launches refused");
  tile("Work lost", hours(totals.lost) + "\u00a0h", "computed again");
  tile("Deadlines missed", grouped(totals.deadline_misses), deadlines_below(totals),
       totals.deadline_misses > 0);
  return out + "</dl>";
}

std::string notes(const sim::SimulationReport& report) {
  std::string out;
  const auto list = [&](const std::vector<std::string>& sentences, const char* css) {
    for (std::size_t i = 0; i < sentences.size() && i < kMaxNotes; ++i)
      out += fmt::format("<li{}>{}</li>", css, escape_html(sentences[i]));
    if (sentences.size() > kMaxNotes)
      out += fmt::format("<li>{} more</li>", sentences.size() - kMaxNotes);
  };
  list(report.violations, " class=\"bad\"");
  list(report.notes, "");
  if (out.empty()) return "";
  return section("What this page assumes", "", "<ul class=\"plain\">" + out + "</ul>");
}

std::string section(std::string_view title, std::string_view lede, const std::string& body) {
  if (body.empty()) return "";
  return fmt::format("<section><h2>{}</h2>{}{}</section>\n", title,
                     lede.empty() ? "" : fmt::format("<p class=\"lede\">{}</p>", lede), body);
}

std::string report_html(const sim::SimulationReport& report) {
  const TimeAxis time(report.from, report.to);
  const std::string title = headline(report);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\">"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"
      "style-src 'unsafe-inline';script-src 'unsafe-inline'\">";
  out += "<title>Spillway: " + title + "</title><style>" + std::string(kReportStyle) +
         "</style></head>\n<body><main><header>";
  out += fmt::format(
      "<p class=\"kicker\">Spillway simulation</p><h1>{}</h1>"
      "<p class=\"lede\">{} to {} UTC on a recorded market: {} workloads on {} pools, placed by "
      "the "
      "same controllers that run in a cluster. Seed {}.</p>",
      title, minute_text(report.from), minute_text(report.to),
      grouped(static_cast<std::int64_t>(report.workloads.size())),
      grouped(static_cast<std::int64_t>(report.pools.size())), report.seed);
  out += tiles(report) + "</header>\n";
  out += use_figure(report, time);
  out += cost_figure(report, time);
  out += baseline_figure(report);
  out += price_figure(report, time);
  out += placement_figure(report, time);
  out += workload_table(report);
  out += notes(report);
  out += fmt::format(
      "<footer>Made by kubectl spillway simulate {}. Times are UTC, money is US dollars. {} passes "
      "of "
      "the planner, {} writes.</footer></main>\n<script>{}</script></body></html>\n",
      SPILLWAY_VERSION, grouped(static_cast<std::int64_t>(report.passes)),
      grouped(static_cast<std::int64_t>(report.writes)), kReportScript);
  return out;
}

}  // namespace spillway::cli
