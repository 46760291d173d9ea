// spillway-operator: reads flags and configuration, finds the cluster, and lives until it is told
// to end. Exit codes: 0 told to end, 1 an unexpected error or lost leadership, 2 wrong input.

#include <unistd.h>
#include <csignal>
#include <iostream>

#include <array>

#include <spillway/async/timers.h>
#include <spillway/control/config.h>
#include <spillway/core/log.h>
#include <spillway/core/text.h>
#include <spillway/core/time_zone.h>
#include <spillway/kube/config.h>

#include "operator.h"
#include "options.h"

namespace spillway::program {
namespace {

constexpr int kWrongInput = 2;

Result<Configuration> load_configuration(const std::string& path) {
  if (path.empty()) return Configuration{};
  TRY(content, control::read_config_file(path));
  auto values = control::parse_config(content);
  if (!values) return fail(values.error().in(path));
  return Configuration{.values = *std::move(values), .content = std::move(content)};
}

std::string unique_identity(Random& random) {
  std::array<char, 256> name{};
  const bool known = ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0';
  return (known ? std::string(name.data()) : "spillway-operator") + "_" + hex(random.next());
}

Result<int> run(Options options) {
  TRY_VOID(check_time_zones());
  asio::io_context io(1);
  const auto clock = make_system_clock();
  const auto random = make_entropy_random();
  const auto timers = make_system_timers(io.get_executor());
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};

  TRY(configuration, load_configuration(options.config_file));
  TRY(cluster, kube::load_config({.paths = options.kubeconfig, .context = options.context}, runtime,
                                 kube::process_environment()));
  if (options.ns.empty()) options.ns = cluster.ns;
  if (options.identity.empty()) options.identity = unique_identity(*random);

  log::info("spillway-operator starts", {{"version", SPILLWAY_VERSION},
                                         {"cluster", cluster.description},
                                         {"server", cluster.server.to_string()},
                                         {"namespace", options.ns.str()},
                                         {"identity", options.identity},
                                         {"mode", options.observe ? "observe" : "act"}});
  Operator program(io, runtime, std::move(options), std::move(configuration), cluster);
  TRY_VOID(program.listen());
  return program.run();
}

}  // namespace
}  // namespace spillway::program

int main(int argc, char** argv) {
  using namespace spillway;
  std::signal(SIGPIPE, SIG_IGN);  // a peer that closes is an error value, not the end
  program::CommandLine command = program::parse_command_line(argc, argv);
  if (!command.options) return command.exit_code;
  log::configure(command.options->log_format, command.options->log_level);
  const Result<int> code = program::run(*std::move(command.options));
  if (code) return *code;
  std::cerr << "spillway-operator: " << code.error().message << '\n';
  return program::kWrongInput;
}
