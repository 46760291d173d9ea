#pragma once
// Worlds for the properties of the planner: random pools and workloads, and the same world some
// time later, when what was decided runs, or starts, or has failed.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include <spillway/plan/programme_library.h>

#include "support/apply_plan.h"
#include "support/plan_builder.h"

namespace spillway::plan::test {

struct Limits {
  int max_pools = 6;
  int max_jobs = 6;
  int max_services = 3;
  bool reserved = true;
  bool deadlines = true;
  bool rate_limits = true;
  bool troubles = true;      // unknown prices, stock-outs, unusable nodes
  bool plenty = false;       // capacity binds nowhere
  bool whole_nodes = false;  // every replica takes a node
  bool distinct_lives = false;
  bool newcomers = true;  // workloads that come later
  bool checkpoints = true;
  bool programme = true;  // jobs with checkpoints and a deadline follow the spot programme
  bool notices = true;    // and lost nodes
};

// Accelerators per replica are 1, 2, 4 or 8 of 8, so that "does it fit" has one answer however
// replicas are packed.
World any_world(const Limits& limits);
void add_any_job(World& world, const std::string& name, const Limits& limits);
void add_any_service(World& world, const std::string& name, const Limits& limits);

// The world after the plan was carried out and `later` passed: pods are bound where they fit, large
// replicas first, on new nodes where the pool may have more; every attempt runs.
void carry_out(World& world, const Plan& plan, Duration later);

// What else may have happened by then: attempts that ended, prices that moved, new workloads, new
// replica counts.
void upset(World& world, const Limits& limits);

// A world with a past.
World lived_in_world(const Limits& limits);

// Accelerators of 8 that a node has left when everything of the snapshot that claims room, bound or
// not, is packed; nullopt for pools on which it does not fit at all. By pool, then per possible
// node.
std::vector<std::optional<std::vector<std::int64_t>>> packed(const Snapshot& snapshot);

// Tables of the spot programme, made once for all properties.
const ProgrammeLibrary& programmes();

// A plan by names, so that plans of permuted snapshots can be compared.
struct NamedPlan {
  std::map<std::string, std::string> workloads;
  std::vector<std::string> stock_outs;
  std::map<std::string, std::string> pools;
  std::optional<Instant> wake_at;
  friend bool operator==(const NamedPlan&, const NamedPlan&) = default;
};
NamedPlan named(const Snapshot& snapshot, const Plan& plan);
std::ostream& operator<<(std::ostream& out, const NamedPlan& plan);

std::string show(const Snapshot& snapshot);

// gtest's assertion on rapidcheck's verdict; its output has the seed and the smallest
// counterexample.
void check(const std::string& property, const std::function<void()>& body);

}  // namespace spillway::plan::test
