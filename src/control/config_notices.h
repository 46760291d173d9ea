#pragma once
// notices: {sqs: {queue: URL, region: us-east-1, credentials: workload | {directory: PATH}}}

#include <optional>

#include <spillway/control/event_queue.h>

#include "config_reader.h"

namespace spillway::control {

Result<std::optional<EventQueueConfig>> read_notices(const Value& value);

}  // namespace spillway::control
