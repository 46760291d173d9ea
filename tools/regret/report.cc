#include "report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "statistics.h"

namespace spillway::regret {
namespace {

using Json = nlohmann::ordered_json;

struct Summary {
  double mean = 0;
  double p50 = 0;
  double p75 = 0;
  double p95 = 0;
  double saving_percent = 0;
  double on_demand_hours = 0;
  double spot_hours = 0;
  double on_demand_work_hours = 0;
  double spot_work_hours = 0;
  double switches = 0;
  double moves = 0;
  double failed_launches = 0;
  std::int64_t missed = 0;
  std::int64_t net_interventions = 0;
};

double hours(Seconds time) {
  return static_cast<double>(time) / 3600.0;
}

Summary summary_of(const PolicyResult& policy, double on_demand_only) {
  Summary sum;
  double cost = 0;
  for (const Outcome& outcome : policy.outcomes) {
    cost += outcome.cost;
    sum.on_demand_hours += hours(outcome.on_demand_time);
    sum.spot_hours += hours(outcome.spot_time);
    sum.on_demand_work_hours += hours(outcome.on_demand_work);
    sum.spot_work_hours += hours(outcome.spot_work);
    sum.switches += static_cast<double>(outcome.switches);
    sum.moves += static_cast<double>(outcome.moves);
    sum.failed_launches += static_cast<double>(outcome.failed_launches);
    sum.missed += outcome.missed ? 1 : 0;
    sum.net_interventions += outcome.net_interventions;
  }
  const auto count = static_cast<double>(policy.outcomes.size());
  sum.saving_percent = 100 * (1 - cost / count / on_demand_only);
  for (double* value : {&sum.on_demand_hours, &sum.spot_hours, &sum.on_demand_work_hours,
                        &sum.spot_work_hours, &sum.switches, &sum.moves, &sum.failed_launches}) {
    *value /= count;
  }
  sum.mean = mean(policy.ratios);
  sum.p50 = quantile(policy.ratios, 0.50);
  sum.p75 = quantile(policy.ratios, 0.75);
  sum.p95 = quantile(policy.ratios, 0.95);
  return sum;
}

double mean_optimum(const StudyResult& result) {
  double sum = 0;
  for (const WindowResult& window : result.windows)
    sum += window.optimum;
  return sum / static_cast<double>(result.windows.size());
}

struct Difference {
  std::string against;
  double mean = 0;
  Interval interval;
};

// Of the ratio, `policy` less each other one, window by window.
std::vector<Difference> differences_of(const StudyResult& result, const PolicyResult& policy,
                                       std::uint64_t seed) {
  std::vector<std::size_t> blocks;
  for (const WindowResult& window : result.windows)
    blocks.push_back(window.block);
  std::vector<Difference> differences;
  for (const PolicyResult& other : result.policies) {
    if (other.name == policy.name) continue;
    std::vector<double> values;
    for (std::size_t i = 0; i < policy.ratios.size(); ++i)
      values.push_back(policy.ratios[i] - other.ratios[i]);
    differences.push_back({.against = other.name,
                           .mean = mean(values),
                           .interval = bootstrap_interval(values, blocks, seed)});
  }
  return differences;
}

Json policy_json(const PolicyResult& policy, double on_demand_only) {
  const Summary sum = summary_of(policy, on_demand_only);
  Json windows = Json::array();
  for (std::size_t i = 0; i < policy.outcomes.size(); ++i) {
    const Outcome& outcome = policy.outcomes[i];
    windows.push_back({{"ratio", policy.ratios[i]},
                       {"cost", outcome.cost},
                       {"missed", outcome.missed},
                       {"switches", outcome.switches},
                       {"moves", outcome.moves},
                       {"failedLaunches", outcome.failed_launches},
                       {"failedOnDemandLaunches", outcome.failed_on_demand},
                       {"netInterventions", outcome.net_interventions},
                       {"onDemandHours", hours(outcome.on_demand_time)},
                       {"spotHours", hours(outcome.spot_time)}});
  }
  return {{"mean", sum.mean},
          {"p50", sum.p50},
          {"p75", sum.p75},
          {"p95", sum.p95},
          {"savingPercent", sum.saving_percent},
          {"misses", sum.missed},
          {"switches", sum.switches},
          {"moves", sum.moves},
          {"netInterventions", sum.net_interventions},
          {"failedLaunches", sum.failed_launches},
          {"onDemandHours", sum.on_demand_hours},
          {"spotHours", sum.spot_hours},
          {"onDemandWorkHours", sum.on_demand_work_hours},
          {"spotWorkHours", sum.spot_work_hours},
          {"windows", std::move(windows)}};
}

}  // namespace

std::string to_table(const StudyResult& result, const Headline& headline) {
  std::string text = headline.description + "\n\n";
  text += fmt::format("{:<30} {:>6} {:>6} {:>6} {:>6} {:>7} {:>6} {:>8} {:>5} {:>7} {:>7} {:>8}\n",
                      "policy", "mean", "p50", "p75", "p95", "saving", "missed", "switches", "net",
                      "od h", "spot h", "failed");
  for (const PolicyResult& policy : result.policies) {
    const Summary sum = summary_of(policy, headline.on_demand_only);
    text += fmt::format(
        "{:<30} {:>6.3f} {:>6.3f} {:>6.3f} {:>6.3f} {:>6.1f}% {:>6} {:>8.1f} {:>5} {:>7.1f} "
        "{:>7.1f} {:>8.1f}\n",
        policy.name, sum.mean, sum.p50, sum.p75, sum.p95, sum.saving_percent, sum.missed,
        sum.switches, sum.net_interventions, sum.on_demand_work_hours, sum.spot_work_hours,
        sum.failed_launches);
  }
  text +=
      fmt::format("{:<30} {:>6.3f} {:>6.3f} {:>6.3f} {:>6.3f} {:>6.1f}%\n", "exact optimum", 1.0,
                  1.0, 1.0, 1.0, 100 * (1 - mean_optimum(result) / headline.on_demand_only));
  text +=
      "\nmean, p50, p75, p95: of cost / exact optimum over windows. saving: against the work on "
      "on-demand. net: times the\n"
      "safety net took over, all windows. od h, spot h: work done there; these, switches and "
      "failed: mean per window.\n";
  const PolicyResult* own = result.find("spillway");
  if (own == nullptr) return text;
  text +=
      "\nspillway less another policy, cost / optimum, window by window (95 % interval, block "
      "bootstrap):\n";
  for (const Difference& one : differences_of(result, *own, headline.seed)) {
    text += fmt::format("  {:<30} {:+.4f}  [{:+.4f}, {:+.4f}]\n", one.against, one.mean,
                        one.interval.low, one.interval.high);
  }
  return text;
}

Json to_json(const StudyResult& result, const Headline& headline) {
  Json windows = Json::array();
  for (const WindowResult& window : result.windows) {
    windows.push_back({{"market", window.market},
                       {"startTick", window.start},
                       {"block", window.block},
                       {"optimum", window.optimum}});
  }
  Json policies = Json::object();
  for (const PolicyResult& policy : result.policies)
    policies[policy.name] = policy_json(policy, headline.on_demand_only);
  Json differences = Json::array();
  for (const PolicyResult& policy : result.policies) {
    for (const Difference& one : differences_of(result, policy, headline.seed)) {
      differences.push_back({{"policy", policy.name},
                             {"against", one.against},
                             {"mean", one.mean},
                             {"low95", one.interval.low},
                             {"high95", one.interval.high}});
    }
  }
  return {{"description", headline.description},
          {"optimum",
           {{"meanCost", mean_optimum(result)},
            {"savingPercent", 100 * (1 - mean_optimum(result) / headline.on_demand_only)}}},
          {"windows", std::move(windows)},
          {"policies", std::move(policies)},
          {"differences", std::move(differences)}};
}

}  // namespace spillway::regret
