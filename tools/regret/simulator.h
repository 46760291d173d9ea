#pragma once
// Runs a placement policy over a window of recorded time. Per tick, in this order: see the
// availability of the tick; a spot instance whose zone has none is lost; stop when the work is
// done; ask the policy; the safety net; the whole changeover is charged to every switch to a new
// instance; a whole tick is paid. Time is in whole seconds, so that no rounding decides.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "market.h"

namespace spillway::regret {

// Where the job is, or is asked to be.
struct Place {
  enum class Kind { kIdle, kOnDemand, kSpot };
  Kind kind = Kind::kIdle;
  std::size_t zone = 0;  // of kSpot

  static Place idle() { return {}; }
  static Place on_demand() { return {.kind = Kind::kOnDemand, .zone = 0}; }
  static Place spot(std::size_t zone) { return {.kind = Kind::kSpot, .zone = zone}; }
  [[nodiscard]] bool is_spot() const { return kind == Kind::kSpot; }
  friend bool operator==(const Place&, const Place&) = default;
};

// What a policy sees of a zone at a tick.
struct ZoneView {
  std::optional<bool> available;  // nullopt: not known, a launch would tell
  bool may_launch = true;  // false: known to fail, or the bound on failed launches forbids to try
  double price = 0;        // dollars per hour
};

struct TickView {
  std::size_t tick = 0;  // since the start of the job
  Seconds elapsed = 0;   // tick x length of a tick
  Seconds work_left = 0;
  Seconds time_left = 0;            // until the deadline, not rounded
  Seconds changeover_left = 0;      // of the switch that is under way
  Place place;                      // after a loss: idle
  bool on_demand_available = true;  // false: a launch failed in this tick
  std::vector<ZoneView> zones;
};

class Policy {
 public:
  Policy() = default;
  virtual ~Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  // One tick of the time before the job was submitted, oldest first; only where everything is seen.
  virtual void see_history(const std::vector<ZoneView>& /*zones*/) {}
  // Once a tick, before the first decision in it.
  virtual void see(const TickView& /*view*/) {}
  virtual Place decide(const TickView& view) = 0;
  // The launch that was asked for failed; the tick is decided again.
  virtual void see_failed_launch(const TickView& /*view*/, std::size_t /*zone*/) {}
};

enum class Sight {
  kAll,       // the availability of every zone in the tick is known
  kLaunches,  // only what own launches and losses tell
};

// On-demand is stocked out at random times: a launch fails, what runs goes on. Nobody is told
// before a launch fails.
struct OnDemandOutages {
  double per_week = 0;  // mean; 0: never
  Seconds length = 3600;
  std::uint64_t seed = 0;
};

struct SimulationRules {
  Sight sight = Sight::kAll;
  bool safety_net = true;
  Seconds launch_spacing =
      600;  // Sight::kLaunches: after a failed launch a zone is not tried again for this long
  OnDemandOutages outages;
};

struct Outcome {
  double cost = 0;             // dollars
  Seconds on_demand_time = 0;  // paid, changeovers included
  Seconds spot_time = 0;
  Seconds on_demand_work = 0;  // work done there
  Seconds spot_work = 0;
  std::int64_t switches = 0;  // starts of instances
  std::int64_t moves = 0;     // of them from one running instance to another
  std::int64_t failed_launches = 0;
  std::int64_t failed_on_demand = 0;  // ticks in which an on-demand launch failed
  std::int64_t net_interventions =
      0;  // times that the safety net took over from a policy that asked for something else
  bool missed = false;
};

// `policy` is fresh: it has seen nothing yet.
[[nodiscard]] Outcome simulate(const Window& window, const JobTerms& job,
                               const SimulationRules& rules, Policy& policy);

// The net of "Can't Be Late": what may be asked for in place of `request`. Equality is unsafe. A
// move from one spot zone to another is an entry like any other.
[[nodiscard]] Place safety_net(const TickView& view, const JobTerms& job, Seconds tick,
                               Place request);

}  // namespace spillway::regret
