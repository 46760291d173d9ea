#pragma once
// Training on bought capacity: which pool a waiting job gets, when it waits for spot, and when a
// running one moves.

#include <optional>
#include <span>

#include <spillway/plan/spot_policy.h>

#include "pass.h"

namespace spillway::plan {

// Remembered, as the work is.
const DeadlineRule& deadline_of(const Pass& pass, const Job& job);

// Remembered: it changes only when the job itself does.
const Work& work_of(const Pass& pass, const Job& job);

// Work that the attempt in force has done up to now, all attempts together.
Hours work_done(const Pass& pass, const Job& job);

// Expected cost (of one replica) of finishing where the job is. Nullopt: the price is not known.
std::optional<double> cost_of_staying(const Pass& pass, const Job& job, const Work& work);

// How long the job holds out for spot: on-demand is taken at once, or only when it costs no more
// than `spot_bar`, the best that any spot pool could offer if it had room.
struct Patience {
  bool on_demand_at_once = true;
  double spot_bar = 0;
};
Patience patience_of(const Pass& pass, const Job& job, const Work& work,
                     const DeadlineRule& deadline);

// The rate limit excludes the offering: judged by the upper end of its price, an unknown price is
// never below a limit.
std::optional<Cause> over_limit(const Pass& pass, const Demand& demand, const Offer& offer);

// There is room for all of it, and the pool is not stocked out.
bool has_room(Pass& pass, const Job& job, const Offer& offer);

// The bought offers of its kind from the first on that has room for one replica.
std::span<const Offer> open_offers(Pass& pass, const Job& job);

// Some bought pool has room for all of it. Remembered for its kind: in a busy cluster thousands
// wait for the same.
bool has_room_anywhere(Pass& pass, const Job& job);

// Why the job cannot go there now; nullopt when it can.
std::optional<Cause> excluded(Pass& pass, const Job& job, const Work& work, const Offer& offer,
                              const DeadlineRule& deadline, const Patience& patience);

// The best spot or on-demand offering that has room and costs less than `limit`: one that keeps the
// deadline before one that does not (of those, one that is not taken away), then the lowest
// expected cost with the risk of refused launches (launch_risk.h), and among near-equal ones the
// longer life, the zone and pool where we have least, the preferred model, the name. `only_lasting`
// leaves out spot. With `gives_up`, the offering that it runs on and would leave, also what is not
// worth a try yet.
struct Search {
  Patience patience;
  double limit = kInfinite;
  bool only_lasting = false;
  const Offer* gives_up = nullptr;
};
std::optional<Choice> best_bought(Pass& pass, const Job& job, const Work& work,
                                  const DeadlineRule& deadline, const Search& search);

// True when the deadline wants the job off the spot pool it is on.
bool must_leave_spot(const Pass& pass, const Job& job, const Work& work,
                     const DeadlineRule& deadline);

// A placement that is younger than this is left alone, unless deadline or displacement force it.
Instant settled_at(const Pass& pass, const Job& job);

// Since when the job has been waiting for spot.
Instant waiting_since(const Pass& pass, const Job& job);

// One job's turn.
bool wants_turn(Pass& pass, const Job& job);
void settle(Pass& pass, Job& job);

}  // namespace spillway::plan
