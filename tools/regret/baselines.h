#pragma once
// The published policies that Spillway is measured against, without any constant of their own
// ("Can't Be Late", NSDI'24, and its extension to several zones: one instance, any zone with spot
// will do).

#include <memory>

#include "simulator.h"

namespace spillway::regret {

// Which of several available zones is taken.
enum class ZoneRule {
  kFirst,        // the order of the files
  kLongestLife,  // the longest mean of the windows seen so far
};

[[nodiscard]] std::unique_ptr<Policy> make_on_demand();
// Spot whenever there is some, else nothing; on-demand only by the safety net.
[[nodiscard]] std::unique_ptr<Policy> make_greedy(ZoneRule rule);
// On-demand while less is done than the line from start to deadline asks for; with the hysteresis
// of the paper.
[[nodiscard]] std::unique_ptr<Policy> make_uniform_progress(const JobTerms& job, ZoneRule rule);

}  // namespace spillway::regret
