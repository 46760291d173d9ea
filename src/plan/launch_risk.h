#pragma once
// What it costs a job when a launch on spot is refused. Where an hour of work is worth what the
// dearest capacity that it would take asks (on-demand, if it may use that; else the dearest spot),
// a refused launch costs the launch timeout, and who gave something up for it another start.

#include <optional>

#include "pass.h"
#include "work.h"

namespace spillway::plan {

// Of one job, for one search; the pass has to outlive it.
class LaunchRisk {
 public:
  // `gives_up`: the offering that it runs on and would leave; null while it waits.
  LaunchRisk(Pass& pass, const Job& job, const Work& work, const Offer* gives_up)
      : pass_(pass), job_(job), work_(work), gives_up_(gives_up) {}

  // Expected dollars for launches that are refused before all of the work is done there, at
  // `cost` dollars: each stay begins with one that is served, and refusals come before that by the
  // chance that the pool has now. So pools compare by the next stay. Zero where nothing speaks
  // against the pool.
  [[nodiscard]] double of(const Offer& offer, double cost);

  // Whether it pays to give up what runs for a launch there, by now; if it may later, the plan
  // wakes then.
  [[nodiscard]] bool is_worth_a_try(const Offer& offer);

 private:
  // It could take it at a known price within its limit.
  [[nodiscard]] bool serves(const Offer& offer) const;
  // Dollars, of one replica.
  [[nodiscard]] double worth_of_an_hour();
  [[nodiscard]] double cost_of_start();
  [[nodiscard]] double cost_of_refusal(const Offer& offer);

  Pass& pass_;
  const Job& job_;
  const Work& work_;
  const Offer* gives_up_;
  std::optional<double> worth_;
};

}  // namespace spillway::plan
