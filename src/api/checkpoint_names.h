#pragma once
// The text of the enum values of checkpoints.

#include <spillway/api/checkpoint.h>

#include "enum_names.h"

namespace spillway::api {

template <>
inline constexpr std::array kEnumNames<CheckpointMode>{EnumName{CheckpointMode::kAgent, "Agent"},
                                                       EnumName{CheckpointMode::kNative, "Native"}};
template <>
inline constexpr std::array kEnumNames<CheckpointFormat>{
    EnumName{CheckpointFormat::kManifest, "Manifest"},
    EnumName{CheckpointFormat::kTorchDistributed, "TorchDistributed"},
    EnumName{CheckpointFormat::kOrbax, "Orbax"},
    EnumName{CheckpointFormat::kDeepSpeed, "DeepSpeed"},
    EnumName{CheckpointFormat::kTransformers, "Transformers"},
    EnumName{CheckpointFormat::kSafetensors, "Safetensors"},
    EnumName{CheckpointFormat::kSuccessFile, "SuccessFile"},
    EnumName{CheckpointFormat::kUnmarked, "Unmarked"}};
template <>
inline constexpr std::array kEnumNames<SaveSignal>{
    EnumName{SaveSignal::kUsr1, "SIGUSR1"}, EnumName{SaveSignal::kUsr2, "SIGUSR2"},
    EnumName{SaveSignal::kHup, "SIGHUP"}, EnumName{SaveSignal::kInt, "SIGINT"}};
template <>
inline constexpr std::array kEnumNames<DeletionPolicy>{EnumName{DeletionPolicy::kRetain, "Retain"},
                                                       EnumName{DeletionPolicy::kDelete, "Delete"}};
template <>
inline constexpr std::array kEnumNames<CheckpointState>{
    EnumName{CheckpointState::kSaving, "Saving"},
    EnumName{CheckpointState::kCommitted, "Committed"},
    EnumName{CheckpointState::kInvalid, "Invalid"}, EnumName{CheckpointState::kUnknown, "Unknown"}};
template <>
inline constexpr std::array kEnumNames<SaveReason>{
    EnumName{SaveReason::kNotice, "Notice"},       EnumName{SaveReason::kPrecaution, "Precaution"},
    EnumName{SaveReason::kDisplaced, "Displaced"}, EnumName{SaveReason::kMoved, "Moved"},
    EnumName{SaveReason::kSuspended, "Suspended"}, EnumName{SaveReason::kDeleted, "Deleted"}};
template <>
inline constexpr std::array kEnumNames<SaveState>{
    EnumName{SaveState::kRequested, "Requested"}, EnumName{SaveState::kVerified, "Verified"},
    EnumName{SaveState::kGivenUp, "GivenUp"}, EnumName{SaveState::kCancelled, "Cancelled"}};

}  // namespace spillway::api
