// kubectl-spillway: what Spillway would do, why, and what it would cost. Exit codes: 0 done, 1 the
// cluster could not be asked, 2 wrong input.

#include <csignal>
#include <exception>
#include <iostream>

#include <spillway/core/log.h>

#include "commands.h"

namespace spillway::cli {
namespace {

Result<int> run(const Options& options) {
  if (const auto* plan = std::get_if<PlanOptions>(&options.command))
    return run_plan(options, *plan);
  if (const auto* explain = std::get_if<ExplainOptions>(&options.command))
    return run_explain(options, *explain);
  if (const auto* asked = std::get_if<OverrideOptions>(&options.command))
    return run_override(options, *asked);
  if (const auto* schedule = std::get_if<ScheduleOptions>(&options.command))
    return run_schedule(options, *schedule);
  if (const auto* completion = std::get_if<CompletionOptions>(&options.command)) {
    TRY_VOID(print(completion->script));
    return kDone;
  }
  return run_simulate(options, std::get<SimulateOptions>(options.command));
}

}  // namespace
}  // namespace spillway::cli

int main(int argc, char** argv) {
  using namespace spillway;
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes (head) is an error value, not the end
  const cli::CommandLine command = cli::parse_command_line(argc, argv);
  if (!command.options) return command.exit_code;
  log::configure(log::Format::kText, log::Level::kError);
  try {
    const Result<int> code = cli::run(*command.options);
    if (code) return *code;
    std::cerr << "error: " << code.error().message << '\n';
    return cli::exit_code_of(code.error());
  } catch (const std::exception& error) {
    std::cerr << "error: unexpected: " << error.what() << '\n';
    return cli::kFailed;
  }
}
