#pragma once
// What the readers of several kinds share.

#include <span>
#include <string_view>

#include <spillway/kube/types.h>

#include "json_reader.h"

namespace spillway::kube {

// status.conditions of the named types, in the object's order. `with_message` keeps messages (cut
// to 256 bytes).
Conditions read_conditions(const JsonReader& status, std::span<const std::string_view> types,
                           bool with_message);

// Adds one resource list (name -> quantity) to `total`.
enum class Combine { kAdd, kMax };
Resources read_resources(const JsonReader& parent, std::string_view field);
void combine(Resources& total, const Resources& other, Combine how);

inline constexpr std::size_t kMaxKeptMessage = 256;

}  // namespace spillway::kube
