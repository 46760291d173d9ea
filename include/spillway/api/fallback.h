#pragma once
// When on-demand capacity stands in for the spot share of a service.

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

}  // namespace spillway::api
