#pragma once
// What the status of each resource should say after a plan. Pure. A status holds facts and rates at
// their last transition and nothing that grows by itself, so an unchanged world writes nothing
// (quiet means quiet).

#include <optional>
#include <string>
#include <vector>

#include <spillway/control/picture.h>
#include <spillway/plan/plan.h>

namespace spillway::control {

// Something worth an Event, told after the status that records it was written.
struct Notable {
  bool warning = false;
  std::string reason;  // CamelCase
  std::string action;
  std::string note;
  friend bool operator==(const Notable&, const Notable&) = default;
};

template <class Status>
struct NextStatus {
  Status status;
  std::vector<Notable> notables;
};

// The cost of a workload moves to `rate` at `at`: what was spent since the last change is added to
// the totals. `on_demand` is what the same replicas cost on demand per hour, at the old rate; zero
// = not known, then as much as was paid.
void accrue(std::optional<api::CostStatus>& cost, HourlyRate rate, HourlyRate on_demand_before,
            Instant at);

// A cost that moves by less than kRateDriftPercent of its rate is no transition: it goes along with
// whatever else is written, and is written for itself at most this often. So what is left out of
// the totals is less than that share of a day. What prices do between is in the status of the
// CapacityPools. Placements, starts, ends and larger changes are recorded at once.
inline constexpr Duration kRateRefresh = std::chrono::hours(24);
inline constexpr std::int64_t kRateDriftPercent = 5;

// Why children could not be written, by the server's own word; empty when all is well.
using Trouble = std::string;

NextStatus<api::TrainingJobStatus> next_status(const Picture& picture,
                                               const plan::TrainingDecision& decision,
                                               const Trouble& trouble, Instant now);
NextStatus<api::InferencePoolStatus> next_status(const Picture& picture,
                                                 const plan::InferenceDecision& decision,
                                                 const Trouble& trouble, Instant now);
// Of a workload that cannot be placed as it is written; `sentence` says what to write instead.
NextStatus<api::TrainingJobStatus> refused_status(const api::TrainingJob& job,
                                                  const std::string& sentence, Instant now);
NextStatus<api::InferencePoolStatus> refused_status(const api::InferencePool& pool,
                                                    const std::string& sentence, Instant now);
// `memory` and `sums` are what the pool should remember now.
NextStatus<api::CapacityPoolStatus> next_status(const Picture& picture, std::size_t pool,
                                                const plan::PoolUse& use,
                                                const market::StockOutMemory& memory,
                                                const market::LifeSums& sums,
                                                std::int32_t interruptions_last_day, Instant now);

}  // namespace spillway::control
