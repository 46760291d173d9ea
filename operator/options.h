#pragma once
// The flags of spillway-operator. Each has an environment variable SPILLWAY_<FLAG> behind it; the
// flag wins. docs/operations.md has the table.

#include <chrono>
#include <optional>
#include <string>

#include <spillway/control/probe_server.h>
#include <spillway/core/ids.h>
#include <spillway/core/log.h>
#include <spillway/kube/rate_limiter.h>

namespace spillway::program {

struct Options {
  std::string config_file;  // empty: no feeds, default placement
  bool observe = false;
  bool off_switch = false;          // plain workloads sleep by CostPolicies
  std::string kubeconfig, context;  // empty: the usual order (kube/config.h)
  Namespace ns;                     // of the lease; empty: the context's or the pod's
  control::ListenAddress listen;
  log::Format log_format = log::Format::kJson;
  log::Level log_level = log::Level::kInfo;
  bool leader_elect = true;
  std::string identity;  // empty: host name and a random part
  kube::RateLimit limit;
  std::chrono::seconds watch_timeout{240};
};

// What the command line asks for; no options when the process is to end at once with `exit_code`
// (--help, --version, or a bad flag, which is then explained on standard error).
struct CommandLine {
  std::optional<Options> options;
  int exit_code = 0;
};
CommandLine parse_command_line(int argc, char** argv);

}  // namespace spillway::program
