#pragma once
// Runs a program to its end and takes what it prints.

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <spillway/core/result.h>
#include <spillway/core/time.h>

namespace spillway::kube {

struct ChildProcess {
  std::vector<std::string> command;                              // looked up in PATH
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  Duration timeout{};
};

// Blocks the calling thread. Standard output (at most 1 MiB) when the program ends with 0; else an
// error with the end of its standard error. A request to stop, like the timeout, kills the program.
Result<std::string> run(const ChildProcess& child, const std::stop_token& stop);

}  // namespace spillway::kube
