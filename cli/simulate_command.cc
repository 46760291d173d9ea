#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <nlohmann/json.hpp>

#include <spillway/core/text.h>
#include <spillway/sim/simulation.h>

#include "commands.h"
#include "manifests.h"
#include "report.h"
#include "simulate_text.h"

namespace spillway::cli {
namespace {

// Written whole or not at all: a page that is half there would look like a result.
Result<void> write_report(const std::string& path, const std::string& page) {
  const std::string partial = path + ".partial";
  {
    std::ofstream out(partial, std::ios::binary | std::ios::trunc);
    out << page;
    out.close();
    if (!out) {
      return invalid("--report '" + path +
                     "' cannot be written: name a file in a folder that exists and is yours");
    }
  }
  std::error_code error;
  std::filesystem::rename(partial, path, error);
  if (!error) return {};
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  return invalid("--report '" + path + "' cannot be written: " + error.message());
}

Result<sim::SimulationInput> input_of(const Options& options, const SimulateOptions& simulate) {
  TRY(config, load_operator_config(options.config));
  TRY(manifests, read_manifests(simulate.files));
  const std::string ns = options.connection.ns;
  TRY_VOID(settle_namespaces(manifests, Namespace(ns.empty() ? "default" : ns), !ns.empty()));
  sim::SimulationInput input{.market_directory = simulate.market,
                             .from = simulate.from,
                             .to = simulate.to,
                             .seed = simulate.seed,
                             .config = std::move(config)};
  for (Manifest& manifest : manifests)
    input.manifests.push_back(
        {.source = std::move(manifest.source), .object = std::move(manifest.object)});
  return input;
}

}  // namespace

Result<int> run_simulate(const Options& options, const SimulateOptions& simulate) {
  TRY(input, input_of(options, simulate));
  const auto stopwatch = make_system_clock();
  TRY(report, sim::simulate(input, *stopwatch));
  if (!simulate.report.empty()) TRY_VOID(write_report(simulate.report, report_html(report)));
  TRY_VOID(print(options.format == Format::kTable
                     ? simulation_text(report, simulate.all)
                     : document_text(simulation_document(report), options.format)));
  std::cerr << speed_text(report.speed) << '\n';
  if (!simulate.report.empty()) std::cerr << "report: " << simulate.report << '\n';
  if (report.violations.empty()) return kDone;
  return fail(ErrorCode::kInternal,
              "the simulation broke " +
                  plural(static_cast<std::int64_t>(report.violations.size()), "rule") +
                  " of Spillway's own, which is a defect of it and not of the input: " +
                  report.violations.front());
}

}  // namespace spillway::cli
