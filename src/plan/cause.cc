#include <spillway/plan/plan.h>

#include <spillway/core/check.h>

namespace spillway::plan {

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::kCheapest: return "CheapestOffering";
    case Cause::kReservedBaseline: return "ReservedBaseline";
    case Cause::kDeadline: return "Deadline";
    case Cause::kFallback: return "FallbackToOnDemand";
    case Cause::kSpotUnavailable: return "SpotUnavailable";
    case Cause::kPriceMove: return "PriceMove";
    case Cause::kDisplaced: return "Displaced";
    case Cause::kLaunchTimeout: return "LaunchTimeout";
    case Cause::kReplicaLost: return "ReplicaLost";
    case Cause::kNotice: return "InterruptionNotice";
    case Cause::kProgramFailed: return "ProgramFailed";
    case Cause::kPoolUnusable: return "PoolUnusable";
    case Cause::kSuspended: return "Suspended";
    case Cause::kAsleep: return "Asleep";
    case Cause::kTerminating: return "Terminating";
    case Cause::kEarlierAttemptEnding: return "EarlierAttemptEnding";
    case Cause::kCheckpointUnknown: return "CheckpointUnknown";
    case Cause::kNoProgress: return "NoProgress";
    case Cause::kNoCapacity: return "NoCapacity";
    case Cause::kNoEligiblePool: return "NoEligiblePool";
    case Cause::kRateLimit: return "RateLimit";
    case Cause::kWaitingForSpot: return "WaitingForSpot";
    case Cause::kPriceUnknown: return "PriceUnknown";
    case Cause::kRestartsExhausted: return "RestartsExhausted";
    case Cause::kSucceeded: return "Succeeded";
  }
  SPILLWAY_CHECK(false && "a cause outside its type");
  return {};
}

}  // namespace spillway::plan
