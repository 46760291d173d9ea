#pragma once
// Whether a service kept its promise: how many replicas ran, how many of them any one zone could
// have taken, and, when fewer ran than are promised, what may excuse it. Pure: told of what
// happens, with the time at which it does.
//
// A zone counts as lost when spot nodes with running replicas are to be taken there, or are taken
// without a word, for as long as a replacement takes from then on: an on-demand node comes, the
// program starts, and a minute for everybody's reaction.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/core/ids.h>
#include <spillway/core/time.h>
#include <spillway/sim/simulation.h>

namespace spillway::sim {

class PromiseBooks {
 public:
  static constexpr Duration kReaction = std::chrono::minutes(1);

  // What is asked for from now on.
  struct Terms {
    std::int64_t wanted = 0;
    std::int64_t floor = 0;      // of them whatever is lost, if that
    bool through_zones = false;  // is promised for all spot in any one zone
    std::int64_t baseline = 0;   // of them on capacity that no market takes away
    Duration replacement{};      // an on-demand node and its program
    bool owed = true;            // false: nothing is, as while it sleeps
    friend bool operator==(const Terms&, const Terms&) = default;
  };
  void expect(const Terms& terms, Instant now);
  // The operator says that there is no capacity for all of it.
  void say_uncovered(bool uncovered, Instant now);
  // Replicas that run, in a zone that may be taken or (nullopt) on capacity that stays.
  void count(const std::optional<Zone>& on_spot, std::int64_t change, Instant now);
  void zone_lost(const Zone& zone, Instant now);
  // Everything up to now is counted.
  void settle(Instant now);

  [[nodiscard]] bool complete() const { return running_ >= terms_.wanted; }
  [[nodiscard]] const Shortfall& shortfall() const { return shortfall_; }

 private:
  void settle_stretch(TimeSpan stretch);
  void count_missing(TimeSpan stretch);
  [[nodiscard]] std::int64_t lost_at(Instant at) const;
  // What would be left after the loss of any one zone.
  [[nodiscard]] std::int64_t left_after_loss() const;
  [[nodiscard]] std::int64_t on_lasting() const;
  [[nodiscard]] ShortfallCause cause_at(Instant at) const;

  Terms terms_{.owed = false};
  std::map<std::string, std::int64_t> zones_;  // running replicas on spot
  std::map<std::string, Instant> lost_until_;  // a zone is without its replacement
  std::int64_t running_ = 0;
  bool uncovered_ = false;
  bool served_ = false;  // as many as asked for, once
  bool begun_ = false;   // as promised, since the terms changed
  Instant counted_until_{};
  std::optional<Instant> missing_until_;
  Shortfall shortfall_;
};

// One sentence for each way in which the promise through the loss of a zone was broken. Only where
// on-demand is never short, and no market takes it away.
std::vector<std::string> broken_promises(const std::string& who, const Shortfall& shortfall);

}  // namespace spillway::sim
