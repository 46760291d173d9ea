#include "study.h"

#include <fmt/format.h>
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "baselines.h"
#include "optimum.h"
#include "statistics.h"

namespace spillway::regret {
namespace {

using Maker = std::function<std::unique_ptr<Policy>()>;

Result<std::vector<std::pair<std::string, Maker>>> makers_of(const std::vector<std::string>& names,
                                                             const StudyRules& rules) {
  const JobTerms job = rules.job;
  const std::vector<std::pair<std::string, Maker>> all{
      {"on-demand", [] { return make_on_demand(); }},
      {"greedy", [] { return make_greedy(ZoneRule::kFirst); }},
      {"uniform-progress", [job] { return make_uniform_progress(job, ZoneRule::kFirst); }},
      {"uniform-progress-longest-life",
       [job] { return make_uniform_progress(job, ZoneRule::kLongestLife); }},
  };
  std::vector<std::pair<std::string, Maker>> chosen;
  for (const std::string& name : names) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    if (found == all.end()) {
      return invalid(fmt::format("'{}' is no policy: take some of {}", name,
                                 fmt::join(known_policies(), ", ")));
    }
    chosen.push_back(*found);
  }
  return chosen;
}

Result<std::vector<Window>> draw_windows(const Market& market, const StudyRules& rules) {
  const std::size_t ticks = market.ticks();
  const auto history = static_cast<std::size_t>(rules.history / market.tick);
  const std::size_t length = ticks_until_deadline(rules.job, market.tick) + 1;
  const std::size_t from = rules.part == Part::kSecondHalf ? std::max(history, ticks / 2) : history;
  const std::size_t end = rules.part == Part::kFirstHalf ? ticks / 2 : ticks;
  if (from + length > end) {
    return invalid(fmt::format(
        "'{}' has {} ticks of {} s, too short for {:.1f} h of history and {:.1f} h to the deadline",
        market.name, ticks, market.tick, static_cast<double>(rules.history) / 3600,
        static_cast<double>(rules.job.deadline) / 3600));
  }
  RandomNumbers random(rules.seed);
  std::vector<Window> windows;
  windows.reserve(rules.windows);
  for (std::size_t i = 0; i < rules.windows; ++i) {
    windows.push_back({.market = &market,
                       .start = from + random.below(end - length - from + 1),
                       .history = history});
  }
  return windows;
}

}  // namespace

const PolicyResult* StudyResult::find(const std::string& name) const {
  const auto found = std::find_if(policies.begin(), policies.end(),
                                  [&](const auto& policy) { return policy.name == name; });
  return found == policies.end() ? nullptr : &*found;
}

std::vector<std::string> known_policies() {
  return {"on-demand", "greedy", "uniform-progress", "uniform-progress-longest-life"};
}

std::vector<std::string> default_policies(bool is_multi_zone) {
  std::vector<std::string> names{"on-demand", "greedy", "uniform-progress"};
  if (is_multi_zone) names.emplace_back("uniform-progress-longest-life");
  return names;
}

Result<StudyResult> run_study(const std::vector<Market>& markets, const StudyRules& rules,
                              const std::vector<std::string>& policies) {
  TRY(makers, makers_of(policies, rules));
  StudyResult result;
  for (const auto& [name, maker] : makers)
    result.policies.push_back({.name = name, .outcomes = {}, .ratios = {}});
  std::size_t first_block = 0;
  for (const Market& market : markets) {
    TRY(windows, draw_windows(market, rules));
    const std::size_t block_length = ticks_until_deadline(rules.job, market.tick);
    for (const Window& window : windows) {
      const auto optimum = optimal_cost(window, rules.job);
      if (!optimum) {
        return invalid(
            "the deadline cannot be met even on on-demand from the start: the whole ticks until it "
            "must hold the "
            "compute hours and one changeover");
      }
      result.windows.push_back({.market = market.name,
                                .start = window.start,
                                .block = first_block + window.start / block_length,
                                .optimum = *optimum});
      for (std::size_t i = 0; i < makers.size(); ++i) {
        const std::unique_ptr<Policy> policy = makers[i].second();
        result.policies[i].outcomes.push_back(
            simulate(window, rules.job, rules.simulation, *policy));
        result.policies[i].ratios.push_back(result.policies[i].outcomes.back().cost / *optimum);
      }
    }
    first_block += market.ticks() / block_length + 1;
  }
  return result;
}

}  // namespace spillway::regret
