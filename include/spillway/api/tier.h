#pragma once

#include <string_view>

namespace spillway::api {

// How capacity is bought. The order is the order of preference at equal cost.
enum class Tier { kReserved, kSpot, kOnDemand };

std::string_view to_string(Tier tier);  // "Reserved", "Spot", "OnDemand"

// A small set of tiers; the default is empty.
class TierSet {
 public:
  constexpr TierSet() = default;
  static constexpr TierSet all() { return TierSet(0b111); }
  [[nodiscard]] constexpr bool contains(Tier tier) const { return (bits_ & bit(tier)) != 0; }
  [[nodiscard]] constexpr TierSet with(Tier tier) const { return TierSet(bits_ | bit(tier)); }
  [[nodiscard]] constexpr TierSet without(Tier tier) const { return TierSet(bits_ & ~bit(tier)); }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  friend constexpr bool operator==(TierSet, TierSet) = default;

 private:
  constexpr explicit TierSet(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(Tier tier) { return 1U << static_cast<unsigned>(tier); }
  unsigned bits_ = 0;
};

}  // namespace spillway::api
