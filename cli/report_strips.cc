// Figures of many rows over one time axis: prices by pool, placements by workload.

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "html.h"
#include "report_parts.h"
#include "report_series.h"
#include "words.h"

namespace spillway::cli {
namespace {

std::string strip(std::string_view css, const std::string& name, const std::string& plot,
                  const std::string& what) {
  return fmt::format(
      "<div class=\"strip {}\"><div class=\"name\">{}</div><div class=\"plotcell\">{}</div>"
      "<div class=\"what\">{}</div></div>",
      css, name, plot, what);
}

std::string svg(std::string_view label, const std::string& content) {
  return fmt::format(
      "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}\">{}</svg>",
      escape_html(label), content);
}

std::string scale(const TimeAxis& time) {
  return "<div class=\"scale\"><div>" + time_labels(time) + "</div></div>";
}

std::string rect(std::string_view attributes, double from, double to, double top, double height) {
  // A stay of an hour in a month still has to be seen.
  constexpr double kThinnest = 1.2;
  return fmt::format("<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", attributes,
                     coordinate(from), coordinate(top), coordinate(std::max(to - from, kThinnest)),
                     coordinate(height));
}

struct PriceRange {
  double lowest = std::numeric_limits<double>::infinity();
  double highest = 0;
};

double per_accelerator(const sim::PoolSeries& pool) {
  return static_cast<double>(std::max<std::int64_t>(1, pool.per_node.value()));
}

PriceRange range_of(const sim::PoolSeries& pool) {
  PriceRange range;
  for (const sim::PricePoint& point : pool.price) {
    const double usd = point.per_node.approximate_dollars() / per_accelerator(pool);
    range.lowest = std::min(range.lowest, usd);
    range.highest = std::max(range.highest, usd);
  }
  return range;
}

// Times without capacity; what lies closer together than a pixel is one.
std::string gaps(const std::vector<sim::TimeSpan>& spans, const TimeAxis& time) {
  std::string out;
  for (std::size_t i = 0; i < spans.size();) {
    const double from = time.x(spans[i].from);
    double to = time.x(spans[i].to);
    for (++i; i < spans.size() && time.x(spans[i].from) - to < 1; ++i)
      to = std::max(to, time.x(spans[i].to));
    out += rect("class=\"none\"", from, to, 0, kExtent);
  }
  return out;
}

std::string price_strip(const sim::PoolSeries& pool, const TimeAxis& time) {
  const double per = per_accelerator(pool);
  const PriceRange range = range_of(pool);
  const double on_demand = pool.on_demand ? pool.on_demand->approximate_dollars() / per : 0;
  const ValueAxis axis(std::max(range.highest, on_demand) * 1.02);
  std::string content = "<path class=\"grid\" d=\"M0 1000H1000\"/>";
  content += gaps(pool.unavailable, time);
  if (on_demand > 0)
    content += "<path class=\"limit\" d=\"M0 " + coordinate(axis.y(on_demand)) + "H1000\"/>";
  content += fmt::format("<path class=\"s-{}\" d=\"{}\"/>", api::to_string(pool.tier),
                         price_path(pool.price, time, axis, per));
  const std::string span = range.highest == range.lowest
                               ? fmt::format("${:.2f}", range.lowest)
                               : fmt::format("${:.2f}\u2013{:.2f}", range.lowest, range.highest);
  const std::string label =
      fmt::format("Price of {} per accelerator-hour: {}{}", pool.pool.str(), span,
                  on_demand > 0 ? fmt::format(", on demand ${:.2f}", on_demand) : "");
  const std::string name =
      fmt::format("{} <small>{} {} {}</small>", escape_html(pool.pool.str()), tier_word(pool.tier),
                  escape_html(pool.model.str()), escape_html(pool.zone.str()));
  return strip("price", name, svg(label, content),
               "<b>" + span + "</b><br>" + grouped(pool.nodes_taken) + " taken");
}

// "spot-a · Jan 5 08:00 to Jan 6 09:00" is told by the table; here only where and how long.
std::string bar_content(const sim::WorkloadRow& row, std::size_t index, std::size_t& spans_left,
                        bool told, const TimeAxis& time) {
  const Instant end = row.finished.value_or(time.to());
  std::string content = rect("class=\"wait\"", time.x(row.submitted), time.x(end), 440, 120);
  std::int32_t most = 1;
  for (const sim::PlacementSpan& span : row.placements)
    most = std::max(most, span.replicas);
  for (std::size_t i = 0; i < row.placements.size() && spans_left > 0; ++i, --spans_left) {
    const sim::PlacementSpan& span = row.placements[i];
    // Replicas of a service in several pools at once share the height of the bar.
    const bool service = row.kind == sim::WorkloadKind::kInferencePool;
    const double height = service ? 1000.0 * span.replicas / most : 1000;
    std::string attributes = fmt::format("class=\"f-{}\"", api::to_string(span.tier));
    if (told) attributes += " data-p=\"" + stay_id(index, i) + "\"";
    content += rect(attributes, time.x(span.from), time.x(span.to), 1000 - height, height);
    if (span.interrupted)
      content += "<path class=\"cut\" d=\"M" + coordinate(time.x(span.to)) + " -60V1060\"/>";
  }
  if (row.deadline && *row.deadline >= time.from() && *row.deadline <= time.to())
    content += "<path class=\"due\" d=\"M" + coordinate(time.x(*row.deadline)) + " -120V1120\"/>";
  return content;
}

}  // namespace

std::string stay_id(std::size_t row, std::size_t span) {
  return fmt::format("p{}-{}", row, span);
}

std::string price_figure(const sim::SimulationReport& report, const TimeAxis& time) {
  std::string strips;
  std::size_t shown = 0;
  std::size_t moving = 0;
  for (const sim::PoolSeries& pool : report.pools) {
    // A line that never moves says nothing that the table of pools does not.
    if (pool.price.size() < 2 && pool.tier != api::Tier::kSpot) continue;
    if (pool.price.empty()) continue;
    ++moving;
    if (shown == kMaxPriceStrips) continue;
    strips += price_strip(pool, time);
    ++shown;
  }
  if (strips.empty()) return "";
  if (shown < moving)
    strips += fmt::format("<p class=\"note\">{} more pools are not drawn.</p>", moving - shown);
  return section("Prices",
                 "Dollars per accelerator-hour, each pool on its own scale from zero. The dotted "
                 "line is the price on demand; in grey times the market had no capacity.",
                 "<figure class=\"strips\">" + strips + scale(time) + "</figure>");
}

std::string placement_figure(const sim::SimulationReport& report, const TimeAxis& time) {
  const auto rows = dearest_first(report);
  if (rows.empty()) return "";
  const std::size_t told = rows_with_details(rows);
  const std::size_t shown = std::min(rows.size(), kMaxBars);
  // Dearest first decides who is shown; by time of arrival the picture is easier to read.
  std::vector<std::size_t> order(shown);
  for (std::size_t i = 0; i < shown; ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (rows[a]->kind != rows[b]->kind) return rows[a]->kind > rows[b]->kind;
    return std::pair(rows[a]->submitted, a) < std::pair(rows[b]->submitted, b);
  });
  std::size_t spans_left = kMaxBarSpans;
  std::string strips;
  for (const std::size_t index : order) {
    const sim::WorkloadRow& row = *rows[index];
    const std::string label = fmt::format(
        "{} {}/{}: {} stays, {} interruptions, {}", sim::to_string(row.kind), row.ns.str(),
        row.name.str(), row.placements.size(), row.interruptions, dollars(row.cost));
    const std::string name =
        fmt::format("{} <small>{}</small>", name_text(row.name.str()), name_text(row.ns.str()));
    strips +=
        strip("bar", name, svg(label, bar_content(row, index, spans_left, index < told, time)),
              "<b>" + dollars(row.cost) + "</b>");
  }
  if (shown < rows.size()) {
    strips +=
        fmt::format("<p class=\"note\">The {} dearest of {} workloads; the table has more.</p>",
                    shown, grouped(static_cast<std::int64_t>(rows.size())));
  }
  const std::string key =
      "<ul class=\"key\">" + tier_key() +
      "<li><i style=\"background:var(--wait);height:3px;vertical-align:4px\"></i>waiting</li>"
      "<li><i style=\"background:var(--bad);width:2px\"></i>capacity taken away</li>"
      "<li><i style=\"background:var(--ink);width:2px\"></i>deadline</li></ul>";
  return section("Placements",
                 "Where each workload stood. A bar says why when it is pointed at; the table below "
                 "says it in words.",
                 "<figure class=\"strips\">" + key + strips + scale(time) + "</figure>");
}

}  // namespace spillway::cli
