#include "options.h"

#include <iostream>

#include <CLI/CLI.hpp>

namespace spillway::program {
namespace {

// As written; turned into Options once all flags are known.
struct Texts {
  std::string ns;
  std::string listen = "0.0.0.0:8080";
  std::string log_format = "json";
  std::string log_level = "info";
  double qps = 0;
  double burst = 0;
  int watch_timeout = 240;
};

Result<void> interpret(const Texts& texts, Options& options) {
  options.ns = Namespace(texts.ns);
  TRY(listen, control::ListenAddress::parse(texts.listen));
  options.listen = std::move(listen);
  TRY(format, log::parse_format(texts.log_format));
  options.log_format = format;
  TRY(level, log::parse_level(texts.log_level));
  options.log_level = level;
  options.limit.per_second = texts.qps;
  options.limit.burst = texts.burst;
  options.watch_timeout = std::chrono::seconds(texts.watch_timeout);
  return {};
}

void describe(CLI::App& app, Options& options, Texts& texts) {
  const auto add = [&](const std::string& flag, auto& value, const std::string& text) {
    std::string variable = "SPILLWAY_" + flag.substr(2);
    for (char& c : variable)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return app.add_option(flag, value, text)->envname(variable);
  };
  add("--config", options.config_file, "configuration file; read again when it changes");
  app.add_flag("--observe", options.observe,
               "plan, show and measure everything, write only status, events and the lease")
      ->envname("SPILLWAY_OBSERVE");
  app.add_flag("--off-switch", options.off_switch,
               "let CostPolicies put Deployments, StatefulSets and CronJobs to sleep")
      ->envname("SPILLWAY_OFF_SWITCH");
  add("--kubeconfig", options.kubeconfig, "how to reach the API server from outside the cluster");
  add("--context", options.context, "context of the kubeconfig, if not its current one");
  add("--namespace", texts.ns, "namespace of the lease, if not the pod's or the context's");
  add("--listen", texts.listen, "ADDRESS:PORT of /healthz, /readyz and /metrics")
      ->capture_default_str();
  add("--log-format", texts.log_format, "text or json, one line a record")->capture_default_str();
  add("--log-level", texts.log_level, "debug, info, warn or error")->capture_default_str();
  app.add_flag("--leader-elect", options.leader_elect,
               "wait for the lease spillway-operator before acting (default true)")
      ->envname("SPILLWAY_LEADER_ELECT");
  add("--identity", options.identity, "name in the lease, if not the host name and a random part");
  add("--kube-api-qps", texts.qps, "requests a second to the API server, leases excepted")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6));
  add("--kube-api-burst", texts.burst, "requests above that after a quiet time")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 1e6));
  add("--watch-timeout", texts.watch_timeout, "seconds after which a watch is renewed")
      ->capture_default_str()
      ->check(CLI::Range(5, 3600));
  app.set_version_flag("--version", std::string("spillway-operator ") + SPILLWAY_VERSION);
}

}  // namespace

CommandLine parse_command_line(int argc, char** argv) {
  CLI::App app(
      "Places training jobs and inference replicas on reserved, spot and on-demand GPU capacity.",
      "spillway-operator");
  Options options;
  Texts texts{.qps = options.limit.per_second, .burst = options.limit.burst};
  describe(app, options, texts);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool wanted = error.get_exit_code() == 0;  // --help, --version
    app.exit(error);
    return {.exit_code = wanted ? 0 : 2};
  }
  if (const auto done = interpret(texts, options); !done) {
    std::cerr << "spillway-operator: " << done.error().message << '\n';
    return {.exit_code = 2};
  }
  return {.options = std::move(options)};
}

}  // namespace spillway::program
