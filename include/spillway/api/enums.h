#pragma once
// The closed vocabularies of the resources. The text of each value is what objects carry
// ("OnDemand"); an object with any other text is refused by the schema.

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include <spillway/core/result.h>

namespace spillway::api {

// How capacity is bought.
enum class Tier : std::uint8_t { kReserved, kSpot, kOnDemand };
inline constexpr std::array kAllTiers{Tier::kReserved, Tier::kSpot, Tier::kOnDemand};

// How far the price of a pool can be trusted. Live: observed within the feed's freshness limit.
// Stale: the last observation is older. Fallback: nothing observed, the on-demand price stands in.
// Unknown: no price at all.
enum class PriceQuality : std::uint8_t { kLive, kStale, kFallback, kUnknown };

enum class Availability : std::uint8_t { kAvailable, kConstrained, kStockedOut };

// A summary for people. Programs read the conditions.
enum class TrainingJobPhase : std::uint8_t {
  kPending,    // no placement
  kPlaced,     // decided, its pods are not all created
  kStarting,   // pods exist, not all ranks run
  kRunning,    // all ranks run
  kSaving,     // all ranks run and save: a notice or a decision ends the attempt after it
  kEnding,     // the attempt is being ended: displaced, suspended, or a rank was lost
  kSuspended,  // spec.suspend, nothing runs
  kSucceeded,
  kFailed,
};

enum class ConditionStatus : std::uint8_t { kTrue, kFalse, kUnknown };

// What a CostPolicy does: shows what would happen, or does it.
enum class PolicyMode : std::uint8_t { kAudit, kEnforce };
// What off-hours do to TrainingJobs.
enum class TrainingOffHours : std::uint8_t {
  kSuspend,     // they are saved and suspended
  kHoldStarts,  // an attempt that runs goes on, none begins
  kFinish,      // a job that has begun is left to finish, others wait
  kIgnore,      // nothing
};
// Kinds that are not ours and sleep all the same.
enum class PlainWorkloadKind : std::uint8_t { kDeployment, kStatefulSet, kCronJob };

// Kubernetes' own vocabularies, as pods and nodes carry them.
enum class TaintEffect : std::uint8_t { kNoSchedule, kPreferNoSchedule, kNoExecute };
enum class TolerationOperator : std::uint8_t { kEqual, kExists };
enum class NodeSelectorOperator : std::uint8_t { kIn, kNotIn, kExists, kDoesNotExist, kGt, kLt };
enum class LabelSelectorOperator : std::uint8_t { kIn, kNotIn, kExists, kDoesNotExist };

std::string_view to_string(Tier value);
std::string_view to_string(PriceQuality value);
std::string_view to_string(Availability value);
std::string_view to_string(TrainingJobPhase value);
std::string_view to_string(ConditionStatus value);
std::string_view to_string(PolicyMode value);
std::string_view to_string(TrainingOffHours value);
std::string_view to_string(PlainWorkloadKind value);
std::string_view to_string(LabelSelectorOperator value);
std::string_view to_string(TaintEffect value);
std::string_view to_string(TolerationOperator value);
std::string_view to_string(NodeSelectorOperator value);

// The value with this exact text; the error lists the texts that there are.
template <class Enum>
Result<Enum> parse_enum(std::string_view text);
template <>
Result<Tier> parse_enum<Tier>(std::string_view text);
template <>
Result<PriceQuality> parse_enum<PriceQuality>(std::string_view text);
template <>
Result<Availability> parse_enum<Availability>(std::string_view text);
template <>
Result<TrainingJobPhase> parse_enum<TrainingJobPhase>(std::string_view text);
template <>
Result<ConditionStatus> parse_enum<ConditionStatus>(std::string_view text);
template <>
Result<PolicyMode> parse_enum<PolicyMode>(std::string_view text);
template <>
Result<TrainingOffHours> parse_enum<TrainingOffHours>(std::string_view text);
template <>
Result<PlainWorkloadKind> parse_enum<PlainWorkloadKind>(std::string_view text);
template <>
Result<LabelSelectorOperator> parse_enum<LabelSelectorOperator>(std::string_view text);
template <>
Result<TaintEffect> parse_enum<TaintEffect>(std::string_view text);
template <>
Result<TolerationOperator> parse_enum<TolerationOperator>(std::string_view text);
template <>
Result<NodeSelectorOperator> parse_enum<NodeSelectorOperator>(std::string_view text);

// The tiers that a workload accepts: one byte, without order.
class TierSet {
 public:
  constexpr TierSet() = default;
  constexpr TierSet(std::initializer_list<Tier> tiers) {
    for (Tier tier : tiers)
      insert(tier);
  }
  static constexpr TierSet all() { return {Tier::kReserved, Tier::kSpot, Tier::kOnDemand}; }

  constexpr void insert(Tier tier) { bits_ = static_cast<std::uint8_t>(bits_ | bit(tier)); }
  [[nodiscard]] constexpr bool contains(Tier tier) const { return (bits_ & bit(tier)) != 0; }
  [[nodiscard]] constexpr TierSet with(Tier tier) const {
    TierSet set = *this;
    set.insert(tier);
    return set;
  }
  [[nodiscard]] constexpr TierSet without(Tier tier) const {
    TierSet set = *this;
    set.bits_ = static_cast<std::uint8_t>(set.bits_ & ~bit(tier));
    return set;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::size_t size() const {
    std::size_t count = 0;
    for (Tier tier : kAllTiers)
      count += contains(tier) ? 1U : 0U;
    return count;
  }
  friend constexpr bool operator==(TierSet, TierSet) = default;

 private:
  static constexpr std::uint8_t bit(Tier tier) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(tier));
  }
  std::uint8_t bits_ = 0;
};

}  // namespace spillway::api
