#pragma once
// Asking the program to save: by a signal, an HTTP request on localhost, or a file.

#include <string>

#include <spillway/async/timers.h>
#include <spillway/cloud/http.h>

#include "settings.h"

namespace spillway::agent {

// One try. kUnavailable: the program is not there or not ready for it yet; try again.
Task<Result<void>> ask_program(Trigger trigger, std::string request_id, cloud::HttpClient& http);

// Sends the signal to every process of the pod that has a handler for it, but not to this one:
// processes without one would die of it. The pod shares its process namespace. `proc` is "/proc".
Result<int> signal_programs(const SignalTrigger& trigger, const std::string& proc);

}  // namespace spillway::agent
