#pragma once
// "What would it have cost?": manifests as a user applies them, on a recorded market, with the real
// controllers on virtual time. One call, one plain value back; the program that asks prints it.
//
//   const Result<SimulationReport> report = simulate(input, *make_system_clock());
//   if (!report) ... report.error().message is one sentence that says what to write instead
//
// The same input gives the same report, byte for byte, except for SimulationSpeed. One thread; a
// call blocks until the end. Nothing is written and nothing outside the market directory is read.
//
// What is modelled: the API server, Kubernetes' own controllers, a node autoscaler, prices and
// availability as recorded, nodes taken after a notice, object stores, and programs that save and
// resume (spec.checkpoint; one without begins again from the start). What a program does
// is told by its manifest: a TrainingJob computes for spec.duration at the speed of its
// accelerator, unless the annotation simulate.spillway.dev/run-seconds of its pod template says how
// long. SimulationReport::notes names every assumption that was made for want of a word in the
// input.
//
// Annotations of objects, read by the simulation alone:
//   simulate.spillway.dev/...
//     submit-after: 36h      of a workload: applied so long after the start (Go duration)
//     submit-at: 2020-01-06T08:00:00Z  ... at this instant
//     delete-after: 12h      ... deleted so long after it was applied
//     deadline-after: 60h    of a TrainingJob: spec.deadline, counted from there
//     provisioning: 3m       of a CapacityPool: what a new node takes (default 90s)
//     idle-removal: 5m       ... an empty node goes after this (default 10m)
//     notice: 30s            ... what a node that is taken is told before (default: what the
//                            provider promises: aws 2m, gcp and azure 30s, others nothing)
// and of pod templates start-seconds, run-seconds, stop-seconds and exit-code (sim/kubelets.h).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/api/enums.h>
#include <spillway/control/config.h>
#include <spillway/core/clock.h>
#include <spillway/core/ids.h>
#include <spillway/core/money.h>
#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::sim {

// One object of a file. `source` is how errors name it: "jobs.yaml, document 2".
struct Manifest {
  std::string source;
  nlohmann::json object;
};

struct SimulationInput {
  // In the order in which they are applied at the start, pools before workloads whatever the order.
  // Kinds that are no part of the simulation are left out and noted. At most 20,000.
  std::vector<Manifest> manifests;
  // Prices and availability; the layout is in docs/cli.md and recorded_market.h.
  std::string market_directory;
  // Half open. Without them: as long as the market has prices and availability for every pool.
  // At most 366 days.
  std::optional<Instant> from;
  std::optional<Instant> to;
  std::uint64_t seed = 1;
  // SimulationReport::fingerprint is made, which takes a fifth more time.
  bool fingerprint = false;
  // Of its market only poll interval and freshness of the feeds that pools name are used: what they
  // say comes from the market directory.
  control::OperatorConfig config;
};

// Accelerators times time, in seconds: 8 GPUs for an hour are 28,800.
using AcceleratorSeconds = StrongInt<struct AcceleratorSecondsTag>;

// Where the time of nodes, or their cost, went. used + starting + idle is what the nodes cost, to
// the micro-dollar. `starting` is a node's life until the first pod that needs accelerators is
// bound; a workload is charged from its pod's binding to its pod's end.
struct NodeTimeSplit {
  AcceleratorSeconds used;
  AcceleratorSeconds starting;
  AcceleratorSeconds idle;
  Money used_cost;
  Money starting_cost;
  Money idle_cost;
  [[nodiscard]] Money cost() const { return used_cost + starting_cost + idle_cost; }
  friend bool operator==(const NodeTimeSplit&, const NodeTimeSplit&) = default;
};

struct TierUse {
  api::Tier tier = api::Tier::kReserved;
  NodeTimeSplit split;
  friend bool operator==(const TierUse&, const TierUse&) = default;
};

// What a team's workloads were charged for. `team` is spec.attribution.team; "" = none said.
struct TeamUse {
  std::string team;
  AcceleratorSeconds reserved;  // of the baseline
  AcceleratorSeconds spot;
  AcceleratorSeconds on_demand;
  Money cost;
  std::optional<Money> on_demand_equivalent;
  friend bool operator==(const TeamUse&, const TeamUse&) = default;
};

struct SimulationTotals {
  // Of all nodes, the idle baseline included.
  Money cost;
  // The hours that workloads were charged for, bought on demand. nullopt when some pool's price on
  // demand is known to nobody; notes say which.
  std::optional<Money> on_demand_equivalent;
  std::optional<Money> saved;  // on_demand_equivalent - cost; negative when the baseline idles
  NodeTimeSplit split;
  std::int64_t interruptions = 0;     // attempts and replicas whose node was taken, or was to be
  std::int64_t nodes_taken = 0;       // by the market
  std::int64_t launches_refused = 0;  // by the market
  Duration lost{};                    // compute time done again, summed over jobs
  std::int64_t training_jobs = 0;
  std::int64_t finished = 0;  // succeeded
  std::int64_t failed = 0;
  std::int64_t deadlines = 0;             // of jobs that state one that falls into the range
  std::int64_t deadline_misses = 0;       // of those that could have been met
  std::int64_t deadlines_infeasible = 0;  // shorter than duration and start-up when applied
  friend bool operator==(const SimulationTotals&, const SimulationTotals&) = default;
};

enum class DeadlineOutcome : std::uint8_t {
  kNone,  // no deadline
  kMet,
  kMissed,
  kInfeasible,  // missed, and shorter than duration and start-up when the job was applied
  kOpen,        // not finished, and the deadline is after the end of the range
};
std::string_view to_string(DeadlineOutcome outcome);

// A stay of a workload's replicas in one pool, from the first pod bound to the last pod's end.
struct PlacementSpan {
  Instant from{};
  Instant to{};
  PoolName pool;
  api::Tier tier = api::Tier::kSpot;
  std::int32_t replicas = 0;       // at most, in the span
  std::optional<HourlyRate> rate;  // of the whole placement when it was decided
  std::string reason;              // the planner's sentence
  bool interrupted = false;        // a node of it was taken, or was to be
  friend bool operator==(const PlacementSpan&, const PlacementSpan&) = default;
};
inline constexpr std::size_t kMaxSpansPerWorkload = 200;

enum class WorkloadKind : std::uint8_t { kTrainingJob, kInferencePool };
std::string_view to_string(WorkloadKind kind);  // "TrainingJob"

// Why fewer replicas ran than are promised (docs/inference.md; without a promise through the loss
// of a zone: than were asked for). A zone counts as lost for as long as its replacement takes: an
// on-demand node, the start of the program, and a minute for everybody's reaction.
enum class ShortfallCause : std::uint8_t {
  kStarting,       // it had not been as promised yet, since it was made or changed
  kUncovered,      // the operator had said that there is no capacity for all of it
  kZonesTogether,  // two zones or more were lost
  kOther,          // one at most: where a zone may go, a broken promise
};
std::string_view to_string(ShortfallCause cause);  // "ZonesTogether"

struct TimeSpan {
  Instant from{};
  Instant to{};
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};
inline constexpr std::size_t kMaxSpansBelow = 50;
struct ShortfallCount {
  std::int64_t times = 0;
  Duration time{};              // all together
  std::vector<TimeSpan> spans;  // the first kMaxSpansBelow of them
  Instant last_until{};         // the end of the last one
  friend bool operator==(const ShortfallCount&, const ShortfallCount&) = default;
};

// Of an InferencePool, once as many replicas had run as were asked for: when fewer did.
struct Shortfall {
  std::int64_t times = 0;
  Duration below{};                    // how long, all times together
  Duration missing{};                  // replicas that were not there x time
  std::optional<std::int64_t> fewest;  // that ever ran; nullopt: never fewer than asked for
  // Fewer than promised: than asked for, or, with survives: ZoneLoss, than minAvailable says.
  std::map<ShortfallCause, ShortfallCount> by_cause;
  // survives: ZoneLoss, and on-demand may stand in at once: fallback: WhileNotReady, no maxRate.
  bool through_zones = false;
  // Of such a service: no zone was lost, and to lose one would have been too much.
  ShortfallCount exposed;
  ShortfallCount baseline;  // fewer than the baseline ran on reserved capacity and on-demand
  // How long the operator said that there is no capacity for all of it. No time below a baseline,
  // and none exposed, is counted then.
  Duration uncovered{};
  friend bool operator==(const Shortfall&, const Shortfall&) = default;
};

struct WorkloadRow {
  WorkloadKind kind = WorkloadKind::kTrainingJob;
  Namespace ns;
  ObjectName name;
  std::string team;
  std::string phase;  // of a TrainingJob at the end; "" for an InferencePool
  Instant submitted{};
  std::optional<Instant> started;  // when all of its replicas ran for the first time
  std::optional<Instant> finished;
  Duration waiting{};   // wanted to run and did not, until `finished` or the end
  Duration running{};   // all replicas ran
  Duration lost{};      // of `running`: done again after an interruption
  Shortfall shortfall;  // of an InferencePool
  std::int64_t interruptions = 0;
  std::int64_t attempts = 0;
  AcceleratorSeconds accelerator_time;  // charged
  Money cost;
  std::optional<Money> on_demand_equivalent;
  std::optional<Money> saved;
  std::optional<Instant> deadline;
  DeadlineOutcome deadline_outcome = DeadlineOutcome::kNone;
  std::vector<PlacementSpan> placements;  // by time, at most kMaxSpansPerWorkload
  std::int64_t placements_left_out = 0;
  friend bool operator==(const WorkloadRow&, const WorkloadRow&) = default;
};

struct PricePoint {
  Instant at{};
  HourlyRate per_node;
  friend bool operator==(const PricePoint&, const PricePoint&) = default;
};
struct CountPoint {
  Instant at{};
  std::int32_t count = 0;
  friend bool operator==(const CountPoint&, const CountPoint&) = default;
};

// Values hold from their point to the next one. Series have at most kMaxPoints points: of what lies
// too close together the extremes are kept.
inline constexpr std::size_t kMaxPoints = 1000;
struct PoolSeries {
  PoolName pool;
  api::Tier tier = api::Tier::kSpot;
  InstanceType instance_type;
  Zone zone;
  AcceleratorModel model;
  AcceleratorCount per_node{1};
  std::vector<PricePoint> price;
  std::optional<HourlyRate> on_demand;  // per node; nullopt = known to nobody
  std::vector<CountPoint> nodes;        // that there were
  std::vector<CountPoint> busy;         // accelerators bound to pods
  std::vector<TimeSpan> unavailable;    // the recorded market had none; at most kMaxPoints, the
                                        // shortest gaps between them are bridged
  NodeTimeSplit split;
  std::int64_t nodes_taken = 0;
  std::int64_t launches_refused = 0;
  friend bool operator==(const PoolSeries&, const PoolSeries&) = default;
};

// Both from the start to `at`.
struct CostPoint {
  Instant at{};
  Money cost;
  std::optional<Money> on_demand_equivalent;
  friend bool operator==(const CostPoint&, const CostPoint&) = default;
};

// The only part that differs from run to run.
struct SimulationSpeed {
  Duration simulated{};
  Duration took{};
  // Seconds simulated in one second; 0 when it took less than a millisecond.
  [[nodiscard]] double simulated_seconds_per_second() const;
};

struct SimulationReport {
  Instant from{};
  Instant to{};
  std::uint64_t seed = 0;
  SimulationTotals totals;
  std::vector<TierUse> tiers;          // Reserved, Spot, OnDemand: all three
  std::vector<TeamUse> teams;          // by name
  std::vector<WorkloadRow> workloads;  // by kind, namespace, name
  std::vector<PoolSeries> pools;       // by tier, name
  std::vector<CostPoint> cost_curve;   // at most kMaxPoints, first at `from`, last at `to`
  // Sentences: what was assumed, what is not modelled, what the market did not say.
  std::vector<std::string> notes;
  // Broken invariants (never two attempts, never above max, ...). Not empty = a defect of
  // Spillway, not of the input.
  std::vector<std::string> violations;
  std::uint64_t writes = 0;  // of the operator, Events left out
  std::uint64_t passes = 0;  // of the planner
  // Of every change of every object in its order: runs with the same one had the same history.
  std::optional<std::uint64_t> fingerprint;
  SimulationSpeed speed;
};

// Errors are kInvalidArgument, one sentence each: an empty or backward range; a manifest with an
// error (source, object, field); a market file with an error (file, line or element); a pool whose
// price nobody recorded (pool, and which row of which kind of file is missing). `stopwatch` is read
// for SimulationSpeed alone.
Result<SimulationReport> simulate(const SimulationInput& input, const Clock& stopwatch);

}  // namespace spillway::sim
