#pragma once
// The text of the enum values of services.

#include <spillway/api/inference_pool.h>

#include "enum_names.h"

namespace spillway::api {

template <>
inline constexpr std::array kEnumNames<OnDemandFallback>{
    EnumName{OnDemandFallback::kWhileNotReady, "WhileNotReady"},
    EnumName{OnDemandFallback::kWhileUnavailable, "WhileUnavailable"},
    EnumName{OnDemandFallback::kNever, "Never"}};
template <>
inline constexpr std::array kEnumNames<Survives>{EnumName{Survives::kSpare, "Spare"},
                                                 EnumName{Survives::kZoneLoss, "ZoneLoss"}};
template <>
inline constexpr std::array kEnumNames<PickerFailure>{
    EnumName{PickerFailure::kFailClose, "FailClose"},
    EnumName{PickerFailure::kFailOpen, "FailOpen"}};

}  // namespace spillway::api
