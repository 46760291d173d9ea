#pragma once
// The parts of the configuration file about checkpoints.

#include <vector>

#include <spillway/control/stores.h>

#include "config_reader.h"

namespace spillway::control {

Result<std::vector<StoreConfig>> read_stores(const Value& list);
Result<AgentConfig> read_agent(const Value& value);

}  // namespace spillway::control
