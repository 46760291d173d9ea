#pragma once
// Who holds reserved slots, what they are worth to them, and whom a claim may displace.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pass.h"

namespace spillway::plan {

// Values are dollars per accelerator and useful hour; infinite: no alternative.
struct Claim {
  Beneficiary beneficiary;
  std::int64_t priority = 0;
  double value = 0;
  std::int64_t accelerators = 0;  // per replica
  Instant created_at{};
};
Claim claim_of(Pass& pass, std::size_t job);
// Of a job that is placed and has no room there: as if it waited.
Claim claim_of_short(Pass& pass, std::size_t job);
Claim claim_of_service(Pass& pass, std::size_t service);

// One thing that can be displaced: a whole job, or one replica of a service.
struct Incumbent {
  Beneficiary holder;
  std::size_t node = 0;      // of a service's replica
  std::size_t position = 0;  // among the replicas of a service
  std::int64_t priority = 0;
  double value = 0;  // as a claim's
  double value_with_rework =
      0;  // a job's, reckoned over what is left to do, with what it would lose
  bool protected_by_deadline = false;  // it could not start again and still be in time
};

struct Displacement {
  std::size_t pool = 0;
  std::vector<Incumbent> victims;
  std::int64_t slots = 0;  // that there are for the claim afterwards
  double harm = 0;
};

class Incumbents {
 public:
  explicit Incumbents(Pass& pass) : pass_(pass), known_(pass.snapshot.pools.size()) {}

  // Is there anybody on the pool at all whom the claim outranks?
  bool yield_to(const Claim& claim, std::size_t pool);

  // The smallest displacement, lowest rank first, that makes room for `wanted` replicas, or for at
  // least `enough`.
  std::optional<Displacement> find(const Claim& claim, std::size_t pool, const Need& need,
                                   std::int64_t wanted, std::int64_t enough);
  void displace(const Displacement& displacement, const Beneficiary& beneficiary);
  // Somebody got slots on the pool.
  void joined(std::size_t pool, const Beneficiary& holder);

 private:
  struct OnPool {
    std::vector<Incumbent> list;  // lowest rank first
    // Of the lowest priority: what a claim of that priority has to beat.
    double least_value = kInfinite;
    double least_value_with_rework = kInfinite;  // jobs only
    bool has_stuck_job = false;                  // one without any alternative
  };
  const OnPool& on(std::size_t pool);
  const std::vector<Beneficiary>& holders(std::size_t pool);
  void add_job(std::vector<Incumbent>& list, std::size_t index);
  void add_service(std::vector<Incumbent>& list, std::size_t index, std::size_t pool);
  [[nodiscard]] bool outranks(const Claim& claim, const Incumbent& incumbent,
                              std::size_t pool) const;
  [[nodiscard]] double margin() const;
  [[nodiscard]] double value_here(const Claim& claim, std::size_t pool) const;
  void move_out(const Incumbent& incumbent, bool out);

  Pass& pass_;
  std::vector<std::vector<Beneficiary>>
      holders_;  // by pool: whoever has, or had in this round, slots there
  std::vector<std::unique_ptr<OnPool>> known_;  // made when first asked for
};

}  // namespace spillway::plan
