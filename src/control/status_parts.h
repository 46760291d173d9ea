#pragma once
// What the statuses of all kinds have in common: conditions, rates, alternatives.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spillway/control/status.h>

namespace spillway::control {

inline constexpr std::size_t kMaxAlternatives = 5;
inline constexpr std::size_t kMaxSentence = 1000;

api::Condition condition(std::string_view type, bool holds, std::int64_t generation,
                         std::string_view reason, const std::string& message, Instant now);

// Adds something worth an Event.
void tell(std::vector<Notable>& notables, bool warning, std::string_view reason,
          std::string_view action, std::string note);

// Of `replicas` on that pool; nullopt while its price is unknown.
std::optional<HourlyRate> rate_on(const Picture& picture, std::size_t pool, std::int64_t replicas,
                                  AcceleratorCount per_replica);
// The same bought on demand; zero = not known.
HourlyRate on_demand_rate(const Picture& picture, std::size_t pool, std::int64_t replicas,
                          AcceleratorCount per_replica);

// A price that moves a little is not worth a write of its own: the books take it over after
// kRateRefresh, or earlier when the status is `written_anyway`.
bool only_drifts(const api::CostStatus& cost, HourlyRate rate, bool written_anyway, Instant now);

std::vector<api::Alternative> alternatives_of(const Picture& picture,
                                              const std::vector<plan::Alternative>& alternatives);

}  // namespace spillway::control
