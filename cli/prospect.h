#pragma once
// What the plan would do now, as plain values that tables and JSON are made of.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/control/picture.h>
#include <spillway/plan/plan.h>
#include <spillway/plan/programme_library.h>

namespace spillway::cli {

// A part of a workload in a pool.
struct Seat {
  PoolName pool;
  api::Tier tier = api::Tier::kSpot;
  std::int64_t replicas = 0;
  std::optional<HourlyRate> rate;  // of these replicas; nullopt = the price is not known
  friend bool operator==(const Seat&, const Seat&) = default;
};

struct Choice {
  PoolName pool;
  api::Tier tier = api::Tier::kSpot;
  Zone zone;
  std::optional<HourlyRate> rate;             // of the whole workload
  std::optional<double> usd_per_useful_hour;  // expected; nullopt = it would not be expected to
                                              // finish there, or is not reckoned
  std::optional<plan::Cause> excluded;        // nullopt = eligible, only dearer
};

enum class Change {
  kNone,     // stays as it is
  kStart,    // gets a place
  kMove,     // gets another place
  kRestart,  // starts again in the same place
  kSpread,   // an InferencePool's replicas are shared out anew
  kRelease,  // loses its place
  kWait,     // has no place and gets none
  kFinish,   // is about to be called finished
  kRefused,  // cannot be placed as it is written
  kHeld,     // runs on a pool that does not exist any more, and is left alone
};
std::string_view to_string(Change change);  // "stay", "start", ...

struct Prospect {
  bool training = true;
  ObjectKey key;
  Change change = Change::kNone;
  std::string cause;     // CamelCase, as in conditions
  std::string sentence;  // why
  std::vector<Seat> before, after;
  std::int64_t unplaced = 0;  // replicas that no pool can take now
  std::vector<Choice> alternatives;
  bool from_file = false;

  [[nodiscard]] std::string kind() const { return training ? "TrainingJob" : "InferencePool"; }
  [[nodiscard]] bool quiet() const { return change == Change::kNone || change == Change::kHeld; }
};

struct PoolOutlook {
  PoolName name;
  api::Tier tier = api::Tier::kSpot;
  Zone zone;
  AcceleratorModel model;
  market::Offering offering;
  plan::PoolUse use;
  std::int64_t ready_nodes = 0;
  std::int64_t max_nodes = 0;
};

struct Outlook {
  Instant at{};
  std::vector<Prospect> workloads;  // by kind, namespace, name
  std::vector<PoolOutlook> pools;   // by name
  std::int64_t finished = 0;        // TrainingJobs that are over
  std::optional<Instant> wake_at;   // when the plan would be made again without an event
};

// Builds the picture of `world` and plans on it, as the operator does, prices as recorded. Pure.
class Preview {
 public:
  Preview(const control::World& world, const plan::Config& config, Instant now);
  Preview(const Preview&) = delete;
  Preview& operator=(const Preview&) = delete;

  [[nodiscard]] Outlook outlook() const;
  // What else there would be for a workload if it had no place now: for one that stays, whose
  // decision lists no alternatives. Empty for a workload that is not planned.
  [[nodiscard]] std::vector<Choice> alternatives_now(const Prospect& of) const;

 private:
  plan::ProgrammeLibrary programmes_;  // config_ points to it
  plan::Config config_;
  Instant now_;
  control::Picture picture_;
  std::int64_t finished_;
  plan::Plan plan_;
};

}  // namespace spillway::cli
