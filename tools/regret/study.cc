#include "study.h"

#include <fmt/format.h>
#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include <spillway/plan/programme_library.h>

#include "baselines.h"
#include "optimum.h"
#include "refit_programme.h"
#include "spillway_policy.h"
#include "statistics.h"

namespace spillway::regret {
namespace {

constexpr std::size_t kTableBytes = std::size_t{1}
                                    << 30;  // windows of many zones ask for many tables

using Maker = std::function<std::unique_ptr<Policy>(const Market&)>;

struct NamedMaker {
  std::string name;
  Maker make;
};

// An outage and the tick in which its end is noticed.
Seconds margin_for(const OnDemandOutages& outages, Seconds tick) {
  return outages.per_week > 0 ? outages.length + 2 * tick : 0;
}

std::vector<NamedMaker> all_makers(const StudyRules& rules, const plan::ProgrammeLibrary& library) {
  const JobTerms job = rules.job;
  return {
      {"spillway",
       [job, outages = rules.simulation.outages, &library](const Market& market) {
         return make_spillway(job, market.tick, market.on_demand_price, library,
                              margin_for(outages, market.tick));
       }},
      {"on-demand", [](const Market&) { return make_on_demand(); }},
      {"greedy", [](const Market&) { return make_greedy(ZoneRule::kFirst); }},
      {"uniform-progress",
       [job](const Market&) { return make_uniform_progress(job, ZoneRule::kFirst); }},
      {"uniform-progress-longest-life",
       [job](const Market&) { return make_uniform_progress(job, ZoneRule::kLongestLife); }},
      {"refit-programme",
       [job](const Market& market) {
         return make_refit_programme(job, market.tick, market.on_demand_price);
       }},
  };
}

Result<std::vector<NamedMaker>> makers_of(const std::vector<std::string>& names,
                                          const std::vector<NamedMaker>& all) {
  std::vector<NamedMaker> chosen;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.name == name; });
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
  std::vector<std::string> names;
  const plan::ProgrammeLibrary library;
  for (const NamedMaker& maker : all_makers({}, library))
    names.push_back(maker.name);
  return names;
}

std::vector<std::string> default_policies(bool is_multi_zone) {
  std::vector<std::string> names{"spillway", "on-demand", "greedy", "uniform-progress"};
  if (is_multi_zone) names.emplace_back("uniform-progress-longest-life");
  return names;
}

Result<StudyResult> run_study(const std::vector<Market>& markets, const StudyRules& rules,
                              const std::vector<std::string>& policies) {
  const plan::ProgrammeLibrary library(kTableBytes);
  TRY(makers, makers_of(policies, all_makers(rules, library)));
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
        const std::unique_ptr<Policy> policy = makers[i].make(market);
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
