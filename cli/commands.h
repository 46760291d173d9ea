#pragma once
// The commands: read, ask the pure parts, print. Each returns the exit code; an error is one
// sentence for standard error.

#include <string>

#include <spillway/control/config.h>
#include <spillway/core/result.h>

#include "options.h"

namespace spillway::cli {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;      // the cluster could not be asked, or not all of it
inline constexpr int kWrongInput = 2;  // flags, files, configuration

// The exit code that goes with an error.
int exit_code_of(const Error& error);

Result<int> run_plan(const Options& options, const PlanOptions& plan);
Result<int> run_explain(const Options& options, const ExplainOptions& explain);
Result<int> run_override(const Options& options, const OverrideOptions& asked);
Result<int> run_schedule(const Options& options, const ScheduleOptions& schedule);
Result<int> run_simulate(const Options& options, const SimulateOptions& simulate);

// The operator's configuration, or its defaults when no file is named.
Result<control::OperatorConfig> load_operator_config(const std::string& path);

}  // namespace spillway::cli
