// The two large figures: where the work ran, and what it cost.

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "html.h"
#include "report_parts.h"
#include "report_series.h"
#include "words.h"

namespace spillway::cli {
namespace {

using api::Tier;

constexpr std::array<Tier, 3> kStacked{Tier::kReserved, Tier::kSpot, Tier::kOnDemand};

std::string value_labels(const ValueAxis& axis, std::string_view prefix) {
  std::string out;
  for (const double value : axis.ticks()) {
    const auto whole = static_cast<std::int64_t>(value);
    const std::string text = axis.top() >= 4 ? grouped(whole) : fmt::format("{:.2f}", value);
    out += fmt::format("<span class=\"y\" style=\"top:{}%\">{}{}</span>",
                       coordinate(axis.y(value) / 10), prefix, text);
  }
  return out;
}

std::string grid(const ValueAxis& axis) {
  std::string out;
  for (const double value : axis.ticks()) {
    out += fmt::format("<path class=\"{}\" d=\"M0 {}H1000\"/>", value == 0 ? "base" : "grid",
                       coordinate(axis.y(value)));
  }
  return out;
}

std::string svg(std::string_view label, const std::string& content) {
  return fmt::format(
      "<svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}\">{}</svg>",
      escape_html(label), content);
}

// The area between two lines over the bins, as steps are too fine to see.
std::string band(const Binned& below, const Binned& above, const ValueAxis& axis) {
  constexpr double kWidth = kExtent / static_cast<double>(kBins);
  std::string path = "M0 " + coordinate(axis.y(above[0]));
  const auto x = [&](std::size_t bin) { return (static_cast<double>(bin) + 0.5) * kWidth; };
  for (std::size_t i = 0; i < kBins; ++i)
    path += "L" + coordinate(x(i)) + " " + coordinate(axis.y(above[i]));
  path +=
      "L1000 " + coordinate(axis.y(above[kBins - 1])) + "V" + coordinate(axis.y(below[kBins - 1]));
  for (std::size_t i = kBins; i-- > 0;)
    path += "L" + coordinate(x(i)) + " " + coordinate(axis.y(below[i]));
  return path + "L0 " + coordinate(axis.y(below[0])) + "Z";
}

struct Use {
  std::array<Binned, 3> busy{};  // by kStacked
  Binned owned{};                // reserved accelerators that there were
};

Use use_of(const sim::SimulationReport& report, const TimeAxis& time) {
  Use use;
  for (const sim::PoolSeries& pool : report.pools) {
    for (std::size_t i = 0; i < kStacked.size(); ++i) {
      if (kStacked[i] == pool.tier) add(use.busy[i], binned(pool.busy, time, 1));
    }
    if (pool.tier == Tier::kReserved)
      add(use.owned, binned(pool.nodes, time, static_cast<double>(pool.per_node.value())));
  }
  return use;
}

// Empty when the price on demand was asked for and is not known throughout.
std::string line(const std::vector<sim::CostPoint>& curve, const TimeAxis& time,
                 const ValueAxis& axis, bool on_demand) {
  std::string path;
  for (const sim::CostPoint& point : curve) {
    const std::optional<Money> amount = on_demand ? point.on_demand_equivalent : point.cost;
    if (!amount) return "";
    path += (path.empty() ? "M" : "L") + coordinate(time.x(point.at)) + " " +
            coordinate(axis.y(static_cast<double>(amount->micros()) / 1e6));
  }
  return path;
}

std::string between(const std::vector<sim::CostPoint>& curve, const TimeAxis& time,
                    const ValueAxis& axis) {
  std::string path = line(curve, time, axis, true);
  if (path.empty()) return "";
  for (auto point = curve.rbegin(); point != curve.rend(); ++point) {
    path += "L" + coordinate(time.x(point->at)) + " " +
            coordinate(axis.y(static_cast<double>(point->cost.micros()) / 1e6));
  }
  return path + "Z";
}

std::string end_label(double y, const std::string& text, const std::string& below) {
  return fmt::format("<span class=\"end\" style=\"top:{}%\">{}<small>{}</small></span>",
                     coordinate(y / 10), text, below);
}

}  // namespace

std::string tier_word(Tier tier) {
  switch (tier) {
    case Tier::kReserved: return "reserved";
    case Tier::kSpot: return "spot";
    case Tier::kOnDemand: return "on demand";
  }
  return "";
}

std::string tier_key() {
  std::string out;
  for (const Tier tier : kStacked)
    out += fmt::format("<li><i class=\"b-{}\"></i>{}</li>", api::to_string(tier), tier_word(tier));
  return out;
}

std::string time_labels(const TimeAxis& time) {
  constexpr double kNearEdge = 25;
  const auto css_of = [](const Tick& tick) {
    return tick.minor ? " minor" : tick.at < kNearEdge ? " first" : "";
  };
  std::string out;
  for (const Tick& tick : time.ticks()) {
    out += fmt::format("<span class=\"x{}\" style=\"left:{}%\">{}</span>", css_of(tick),
                       coordinate(tick.at / 10), tick.label);
  }
  return out;
}

std::string use_figure(const sim::SimulationReport& report, const TimeAxis& time) {
  const Use use = use_of(report, time);
  std::array<Binned, 4> stack{};
  double highest = 0;
  for (std::size_t i = 0; i < kStacked.size(); ++i) {
    stack[i + 1] = stack[i];
    add(stack[i + 1], use.busy[i]);
  }
  for (std::size_t bin = 0; bin < kBins; ++bin)
    highest = std::max({highest, stack[3][bin], use.owned[bin]});
  if (highest <= 0) return "";
  const ValueAxis axis(highest);
  std::string content = grid(axis);
  for (std::size_t i = 0; i < kStacked.size(); ++i) {
    content += fmt::format("<path class=\"f-{}\" d=\"{}\"/>", api::to_string(kStacked[i]),
                           band(stack[i], stack[i + 1], axis));
  }
  const double owned = *std::max_element(use.owned.begin(), use.owned.end());
  if (owned > 0)
    content += "<path class=\"owned\" d=\"" + band(use.owned, use.owned, axis) + "\"/>";
  const std::string label = fmt::format(
      "Accelerators in use over time, stacked by tier: at most {:.0f} in all, of {:.0f} reserved. "
      "The "
      "table of pools' tiers below has the sums.",
      highest, owned);
  const std::string key =
      "<ul class=\"key\">" + tier_key() +
      (owned > 0 ? "<li><i class=\"rule\"></i>reserved accelerators there are</li>" : "") + "</ul>";
  return section("Where the work ran",
                 "Accelerators in use. What the reserved baseline cannot hold spills over to spot, "
                 "and to on-demand where spot cannot carry the promise.",
                 "<figure>" + key + "<div class=\"plot tall\">" + svg(label, content) +
                     value_labels(axis, "") + time_labels(time) + "</div></figure>");
}

std::string cost_figure(const sim::SimulationReport& report, const TimeAxis& time) {
  const auto& curve = report.cost_curve;
  if (curve.empty()) return "";
  const sim::CostPoint& last = curve.back();
  const Money largest = std::max(last.cost, last.on_demand_equivalent.value_or(Money()));
  if (largest <= Money()) return "";
  const ValueAxis axis(static_cast<double>(largest.micros()) / 1e6);
  std::string content = grid(axis);
  if (const std::string area = between(curve, time, axis); !area.empty())
    content += "<path class=\"between\" d=\"" + area + "\"/>";
  if (const std::string dear = line(curve, time, axis, true); !dear.empty())
    content += "<path class=\"dear\" d=\"" + dear + "\"/>";
  content += "<path class=\"cost\" d=\"" + line(curve, time, axis, false) + "\"/>";
  const double cost_y = axis.y(static_cast<double>(last.cost.micros()) / 1e6);
  std::string labels = end_label(cost_y, dollars(last.cost), "it cost");
  std::string label = "Cumulated cost: " + dollars(last.cost);
  if (last.on_demand_equivalent) {
    double dear_y = axis.y(static_cast<double>(last.on_demand_equivalent->micros()) / 1e6);
    constexpr double kApart = 170;  // two labels of two lines each
    if (std::abs(dear_y - cost_y) < kApart)
      dear_y = dear_y <= cost_y ? cost_y - kApart : cost_y + kApart;
    labels += end_label(dear_y, dollars(last.on_demand_equivalent), "on demand");
    label += ", on demand " + dollars(last.on_demand_equivalent);
  }
  return section("What it cost",
                 "Cumulated from the start, the idle baseline included, against the hours that "
                 "work was charged for bought on demand.",
                 "<figure><ul class=\"key\"><li><i "
                 "style=\"background:var(--spot);height:3px;vertical-align:4px\"></i>cost</li>"
                 "<li><i class=\"rule\"></i>the same hours on demand</li></ul><div class=\"plot "
                 "mid cost-plot\">" +
                     svg(label, content) + value_labels(axis, "$") + labels + time_labels(time) +
                     "</div></figure>");
}

}  // namespace spillway::cli
