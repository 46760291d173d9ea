// spillway-regret: how far placement policies are from the exact optimum on recorded spot markets.

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>

#include "options.h"
#include "report.h"

namespace {

constexpr int kBadInput = 2;

void add_options(CLI::App& app, spillway::regret::Options& options) {
  app.add_option("--availability", options.availability,
                 "Recorded availability, a JSON file per zone: 1 = available")
      ->required();
  app.add_option("--compute-hours", options.compute_hours, "Hours of work")->capture_default_str();
  app.add_option("--deadline-hours", options.deadline_hours,
                 "Hours from submission to the deadline")
      ->capture_default_str();
  app.add_option("--changeover-hours", options.changeover_hours,
                 "Hours that every start of an instance costs")
      ->capture_default_str();
  app.add_option("--on-demand-price", options.on_demand_price, "Dollars per hour")
      ->capture_default_str();
  app.add_option("--spot-price", options.spot_price,
                 "Dollars per hour; with --prices, of a typical hour")
      ->capture_default_str();
  app.add_option("--windows", options.windows, "Windows per market, at random starts")
      ->capture_default_str();
  app.add_option("--history-hours", options.history_hours, "Hours watched before submission")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the random starts")->capture_default_str();
  app.add_flag("--multi-zone", options.multi_zone,
               "The files are zones of one market, not a market each");
  app.add_option(
      "--prices", options.prices,
      "Recorded spot prices: CSV with the columns instance_type, az, timestamp_utc, usd_per_hour");
  app.add_option(
      "--instance-type", options.instance_type,
      "Rows of the price file; default: the type whose mean price is nearest to --spot-price");
  app.add_option("--sees", options.sees,
                 "all: availability is known; launches: learnt from own launches and losses")
      ->capture_default_str();
  app.add_option("--launch-spacing-minutes", options.launch_spacing_minutes,
                 "With --sees launches: no second try of a zone for this long after a failed one")
      ->capture_default_str();
  app.add_option("--on-demand-outages-per-week", options.on_demand_outages_per_week,
                 "Times a week, at random, that no on-demand instance can be launched")
      ->capture_default_str();
  app.add_option("--on-demand-outage-hours", options.on_demand_outage_hours,
                 "How long each of them lasts; Spillway keeps as much slack for it")
      ->capture_default_str();
  app.add_option("--part", options.part,
                 "Where windows lie: all, first or second half of each trace")
      ->capture_default_str();
  app.add_option("--instances", options.instances, "Instances needed at once (a gang)")
      ->capture_default_str();
  app.add_flag("--no-safety-net", options.no_safety_net,
               "Let policies miss deadlines, to count it");
  app.add_option("--policies", options.policies, "Only these policies")->delimiter(',');
}

}  // namespace

int main(int argc, char** argv) {
  namespace regret = spillway::regret;
  CLI::App app{"Measures placement policies against the exact optimum on recorded spot markets"};
  regret::Options options;
  bool as_json = false;
  add_options(app, options);
  app.add_flag("--json", as_json, "Everything, with per-window values, as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kBadInput;
  }
  auto setup = regret::check(options);
  if (setup && options.sees == "all" && app.count("--launch-spacing-minutes") > 0) {
    setup = spillway::invalid(
        "--launch-spacing-minutes bounds failed launches: give --sees launches too, or leave it "
        "out");
  }
  const auto result = setup ? regret::run_study(setup->markets, setup->rules, setup->policies)
                            : spillway::Result<regret::StudyResult>(spillway::fail(setup.error()));
  if (!result) {
    std::cerr << "spillway-regret: " << result.error().message << '\n';
    return kBadInput;
  }
  const double work_hours = static_cast<double>(setup->rules.job.work) / 3600;
  const regret::Headline headline{
      .description = regret::describe(options, *setup),
      .on_demand_only = work_hours * setup->on_demand.approximate_dollars(),
      .seed = options.seed};
  if (as_json) {
    nlohmann::ordered_json document = regret::to_json(*result, headline);
    document["remarks"] = setup->remarks;
    std::cout << document.dump(1) << '\n';
    return 0;
  }
  std::cout << regret::to_table(*result, headline);
  for (const std::string& remark : setup->remarks)
    std::cout << remark << '\n';
  return 0;
}
