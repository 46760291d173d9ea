#pragma once
// ObjectMeta in and out. Internal to api.

#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include <spillway/core/object.h>

#include "problems.h"

namespace spillway::api {

void read_metadata(Problems& problems, const Path& path, const nlohmann::json& metadata,
                   ObjectMeta& out);
nlohmann::json write_metadata(const ObjectMeta& metadata);
bool has_finalizer(const nlohmann::json& metadata, std::string_view name);

}  // namespace spillway::api
