#pragma once
// The command line of kubectl-spillway.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <spillway/core/time.h>

#include "cluster.h"
#include "explain.h"
#include "output.h"

namespace spillway::cli {

struct PlanOptions {
  std::vector<std::string> files;
  bool all = false;  // list what stays as well
};

struct ExplainOptions {
  Target target;
};

struct SimulateOptions {
  std::vector<std::string> files;
  std::string market;
  std::optional<Instant> from, to;
  std::uint64_t seed = 1;
  std::string report;  // HTML file; empty: none
  bool all = false;    // list every workload
};

struct OverrideOptions {
  bool wake = true;                 // else sleep
  std::vector<std::string> target;  // KIND/NAME, NAME, or KIND and NAME; empty: a Namespace
  std::string span = "2h";
  bool clear = false;  // take back what was asked for
};

struct ScheduleOptions {
  std::vector<std::string> files;  // empty: the cluster
  Duration next{};
};

struct CompletionOptions {
  std::string script;
};

struct Options {
  ConnectionFlags connection;
  Format format = Format::kTable;
  std::string config;  // the operator's configuration file; empty: its defaults
  std::variant<PlanOptions, ExplainOptions, SimulateOptions, OverrideOptions, ScheduleOptions,
               CompletionOptions>
      command;
};

// No options when the program is to end at once with `exit_code`: 0 after --help, --version and
// `__complete WORDS` (completion.h), 2
// after a bad flag, which is then explained in one sentence on standard error.
struct CommandLine {
  std::optional<Options> options;
  int exit_code = 0;
};
CommandLine parse_command_line(int argc, const char* const* argv);

// "2020-01-05", midnight UTC, or RFC 3339. `flag` names it in the error.
Result<Instant> parse_day_or_instant(const std::string& text, const std::string& flag);

}  // namespace spillway::cli
