#include "options.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "prices.h"
#include "trace.h"

namespace spillway::regret {
namespace {

constexpr double kMostHours = 24.0 * 365;
constexpr double kMostOutagesPerWeek = 1000;
constexpr std::int64_t kMostWindows = 100'000;

Result<Seconds> seconds_of(double hours, double least, std::string_view flag) {
  if (!std::isfinite(hours) || hours < least || hours > kMostHours) {
    return invalid(fmt::format("{} is {}: write hours, {} to {}", flag, hours, least, kMostHours));
  }
  return static_cast<Seconds>(std::llround(hours * 3600));
}

Result<HourlyRate> rate_of(const std::string& text, std::string_view flag) {
  const auto rate = HourlyRate::parse(text);
  if (!rate || *rate <= HourlyRate()) {
    return invalid(
        fmt::format("{} is '{}': write dollars per hour above zero, like 3.06", flag, text));
  }
  return *rate;
}

Result<OnDemandOutages> outages_of(const Options& options) {
  const double per_week = options.on_demand_outages_per_week;
  if (!std::isfinite(per_week) || per_week < 0 || per_week > kMostOutagesPerWeek) {
    return invalid(fmt::format("--on-demand-outages-per-week is {}: write 0 to {}", per_week,
                               kMostOutagesPerWeek));
  }
  TRY(length, seconds_of(options.on_demand_outage_hours, 1.0 / 3600, "--on-demand-outage-hours"));
  return OnDemandOutages{.per_week = per_week, .length = length, .seed = options.seed};
}

Result<StudyRules> rules_of(const Options& options) {
  StudyRules rules;
  TRY(work, seconds_of(options.compute_hours, 1.0 / 3600, "--compute-hours"));
  TRY(deadline, seconds_of(options.deadline_hours, 1.0 / 3600, "--deadline-hours"));
  TRY(changeover, seconds_of(options.changeover_hours, 0, "--changeover-hours"));
  TRY(history, seconds_of(options.history_hours, 0, "--history-hours"));
  if (deadline < work + changeover) {
    return invalid(fmt::format(
        "--deadline-hours {} is not feasible: at least --compute-hours plus --changeover-hours",
        options.deadline_hours));
  }
  if (options.windows < 1 || options.windows > kMostWindows) {
    return invalid(fmt::format("--windows is {}: write 1 to {}", options.windows, kMostWindows));
  }
  rules.job = {.work = work, .deadline = deadline, .changeover = changeover};
  rules.history = history;
  rules.windows = static_cast<std::size_t>(options.windows);
  rules.seed = options.seed;
  rules.simulation.safety_net = !options.no_safety_net;
  if (options.sees != "all" && options.sees != "launches") {
    return invalid(fmt::format("--sees is '{}': write all or launches", options.sees));
  }
  rules.simulation.sight = options.sees == "all" ? Sight::kAll : Sight::kLaunches;
  TRY(spacing, seconds_of(options.launch_spacing_minutes / 60, 0, "--launch-spacing-minutes"));
  rules.simulation.launch_spacing = spacing;
  TRY(outages, outages_of(options));
  rules.simulation.outages = outages;
  if (options.part == "first") rules.part = Part::kFirstHalf;
  if (options.part == "second") rules.part = Part::kSecondHalf;
  if (options.part != "all" && options.part != "first" && options.part != "second") {
    return invalid(fmt::format("--part is '{}': write all, first or second", options.part));
  }
  return rules;
}

Result<std::vector<ZoneSeries>> zones_of(const Options& options, const std::vector<Trace>& traces,
                                         HourlyRate spot, std::vector<std::string>& remarks) {
  std::optional<PriceFile> file;
  InstanceType type(options.instance_type);
  if (!options.prices.empty()) {
    TRY(read, PriceFile::read(options.prices));
    if (type.empty()) type = read.type_near(spot);
    file = std::move(read);
    remarks.push_back(
        fmt::format("Spot prices of {} from '{}', first price laid on the first tick: availability "
                    "and price were "
                    "not recorded together.",
                    type.str(), std::filesystem::path(options.prices).filename().string()));
  }
  std::vector<ZoneSeries> zones;
  for (const Trace& trace : traces) {
    ZoneSeries zone{.name = trace.name, .available = trace.available, .price = {}};
    if (file) {
      TRY(prices, file->dollars_per_tick(type, trace.zone, trace.tick, trace.available.size()));
      zone.price = std::move(prices);
    } else {
      zone.price.assign(trace.available.size(), spot.approximate_dollars());
    }
    zones.push_back(std::move(zone));
  }
  return zones;
}

Result<std::vector<Market>> markets_of(const Options& options, const std::vector<Trace>& traces,
                                       std::vector<ZoneSeries> zones, HourlyRate on_demand) {
  std::vector<Market> markets;
  if (!options.multi_zone) {
    for (std::size_t i = 0; i < traces.size(); ++i) {
      markets.push_back({.name = traces[i].name,
                         .tick = traces[i].tick,
                         .on_demand_price = on_demand.approximate_dollars(),
                         .zones = {std::move(zones[i])}});
    }
    return markets;
  }
  if (traces.size() < 2) return invalid("--multi-zone needs at least two files of --availability");
  std::size_t ticks = traces.front().available.size();
  for (const Trace& trace : traces) {
    if (trace.tick != traces.front().tick) {
      return invalid(
          fmt::format("--multi-zone needs one sampling step: '{}' has {} s, '{}' has {} s",
                      traces.front().name, traces.front().tick, trace.name, trace.tick));
    }
    ticks = std::min(ticks, trace.available.size());
  }
  for (ZoneSeries& zone : zones) {
    zone.available.resize(ticks);
    zone.price.resize(ticks);
  }
  markets.push_back({.name = fmt::format("{} zones", zones.size()),
                     .tick = traces.front().tick,
                     .on_demand_price = on_demand.approximate_dollars(),
                     .zones = std::move(zones)});
  return markets;
}

Result<void> check_combinations(const Options& options) {
  if (options.availability.empty()) return invalid("name at least one file with --availability");
  if (!options.instance_type.empty() && options.prices.empty()) {
    return invalid(
        "--instance-type chooses rows of a price file: give --prices too, or leave it out");
  }
  if (options.instances < 1)
    return invalid(fmt::format("--instances is {}: write 1 or more", options.instances));
  return {};
}

}  // namespace

Result<Setup> check(const Options& options) {
  Setup setup;
  TRY_VOID(check_combinations(options));
  TRY(rules, rules_of(options));
  setup.rules = rules;
  TRY(on_demand, rate_of(options.on_demand_price, "--on-demand-price"));
  TRY(spot, rate_of(options.spot_price, "--spot-price"));
  setup.on_demand = on_demand;
  std::vector<Trace> traces;
  for (const std::string& path : options.availability) {
    TRY(trace, read_trace(path, options.instances));
    if (!options.multi_zone && !trace.has_transition()) {
      setup.remarks.push_back(
          fmt::format("'{}' is left out: its availability never changes.", trace.name));
      continue;
    }
    if (trace.most_at_once > static_cast<double>(options.instances)) {
      setup.remarks.push_back(
          fmt::format("'{}' counts up to {:.0f} instances; {} needed at once here (--instances).",
                      trace.name, trace.most_at_once,
                      options.instances == 1 ? std::string("one is")
                                             : fmt::format("{} are", options.instances)));
    }
    traces.push_back(std::move(trace));
  }
  if (traces.empty())
    return invalid("no file is left: in none of them does availability ever change");
  TRY(zones, zones_of(options, traces, spot, setup.remarks));
  TRY(markets, markets_of(options, traces, std::move(zones), on_demand));
  setup.markets = std::move(markets);
  setup.policies =
      options.policies.empty() ? default_policies(options.multi_zone) : options.policies;
  return setup;
}

std::string describe(const Options& options, const Setup& setup) {
  return fmt::format(
      "{} h of work, {} h to the deadline, changeover {} h, on-demand ${}/h, {}, {} windows per "
      "market, "
      "{} market{}, {} h of history, sees {}, seed {}{}{}",
      options.compute_hours, options.deadline_hours, options.changeover_hours,
      setup.on_demand.to_string(),
      options.prices.empty() ? "spot $" + options.spot_price + "/h"
                             : std::string("recorded spot prices"),
      options.windows, setup.markets.size(), setup.markets.size() == 1 ? "" : "s",
      options.history_hours, options.sees, options.seed,
      options.no_safety_net ? ", safety net off" : "",
      options.on_demand_outages_per_week > 0
          ? fmt::format(", on-demand out {} times a week for {} h",
                        options.on_demand_outages_per_week, options.on_demand_outage_hours)
          : std::string());
}

}  // namespace spillway::regret
