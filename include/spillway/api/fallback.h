#pragma once
// When on-demand capacity stands in for the spot share of a service, and what that share is to
// survive.

#include <cstdint>
#include <string_view>

#include <spillway/api/enums.h>

namespace spillway::api {

enum class OnDemandFallback : std::uint8_t {
  kWhileNotReady,     // for every replica of the spot share that does not serve (SkyServe's
                      // dynamic_ondemand_fallback): provisioning and loading are covered as well
  kWhileUnavailable,  // only for replicas that no spot pool can take
  kNever,
};

std::string_view to_string(OnDemandFallback value);
template <>
Result<OnDemandFallback> parse_enum<OnDemandFallback>(std::string_view text);

// What may be lost at once, without a word, of a service's spot capacity with as many replicas
// ready afterwards as were promised.
enum class Survives : std::uint8_t {
  kSpare,     // `overprovision` replicas
  kZoneLoss,  // all that is on spot in any one zone
};

std::string_view to_string(Survives value);
template <>
Result<Survives> parse_enum<Survives>(std::string_view text);

}  // namespace spillway::api
