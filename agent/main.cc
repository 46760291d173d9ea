// spillway-agent: brings the checkpoints of a pod to an object store and back, and a node's notices
// to its Node. All it is told, it is told by its environment (README.md).

#include <malloc.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <boost/asio/signal_set.hpp>

#include <spillway/api/agent_protocol.h>
#include <spillway/core/log.h>

#include "node_role.h"
#include "restore.h"
#include "store_access.h"
#include "sync.h"

namespace spillway::agent {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongInput = 2;

constexpr const char* kUsage =
    "usage: spillway-agent restore | sync | node\n"
    "\n"
    "  restore  brings the checkpoint SPILLWAY_RESUME_FROM into SPILLWAY_CHECKPOINT_DIR; with\n"
    "           SPILLWAY_REPLICA the newest of this replica\n"
    "  sync     uploads finished checkpoints of SPILLWAY_CHECKPOINT_DIR, answers save requests\n"
    "  node     marks its own Node when the cloud says that the machine will go\n"
    "\n"
    "Everything else comes from the environment: docs/interruption.md\n";

const char* environment(const char* name) {
  return std::getenv(name);
}

// What every role runs on.
struct Process {
  asio::io_context io{1};
  std::unique_ptr<Clock> clock = make_system_clock();
  std::unique_ptr<Timers> timers = make_system_timers(io.get_executor());
  std::unique_ptr<Random> random = make_entropy_random();
  Runtime runtime{io.get_executor(), *clock, *timers, *random};
};

int refuse(const Error& error) {
  log::error("the agent cannot start", {{"error", error.message}});
  return error.code == ErrorCode::kInvalidArgument ? kWrongInput : kFailed;
}

// Half of the processors for what needs no control thread, so that the program keeps some.
int helper_threads() {
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()) / 2, 1, 4);
}

int run_restore() {
  Process process;
  auto settings = read_restore_settings(environment);
  if (!settings) return refuse(settings.error());
  settings->job.transfer.helper_threads = helper_threads();
  auto access = open_store(process.runtime, settings->store, "", environment);
  if (!access) return refuse(access.error());
  std::optional<Result<Restored>> outcome;
  asio::co_spawn(process.io, restore(process.runtime, *access->store, *settings),
                 [&](const std::exception_ptr& thrown, Result<Restored> result) {
                   if (thrown) std::rethrow_exception(thrown);
                   outcome = std::move(result);
                   access->http->shut_down();
                 });
  process.io.run();
  if (!outcome) return kFailed;
  const Result<Restored>& result = *outcome;
  if (!result) {
    log::error("the checkpoint could not be restored", {{"error", result.error().message}});
    return kFailed;
  }
  const Restored& restored = *result;
  if (!restored.anything) {
    log::info("there is nothing to restore: the job begins at its beginning");
  } else {
    log::info("a checkpoint is restored",
              {{"step", restored.step.value()}, {"bytes", restored.bytes.value()}});
  }
  return 0;
}

std::string listen_address() {
  const char* wanted = environment("SPILLWAY_AGENT_LISTEN");
  return wanted != nullptr ? wanted : "0.0.0.0:" + std::to_string(api::agent::kPort);
}

Task<void> run_to_end(Sync* sync, HttpServer* server, asio::signal_set* signals) {
  co_await sync->run();
  server->stop();
  signals->cancel();
}

int run_sync() {
  Process process;
  auto settings = read_sync_settings(environment);
  if (!settings) return refuse(settings.error());
  settings->job.transfer.helper_threads = helper_threads();
  const auto* by_http = std::get_if<HttpTrigger>(&settings->trigger);
  auto access = open_store(process.runtime, settings->store,
                           by_http != nullptr ? by_http->url.origin() : "", environment);
  if (!access) return refuse(access.error());
  Sync sync(process.runtime, *settings, *access->store, *access->http);
  const auto server = make_http_server(
      process.runtime, [&](const ServerRequest& request) { return sync.answer(request); });
  const auto listening = server->listen(listen_address());
  if (!listening) return refuse(listening.error());
  log::info("the agent is listening", {{"port", static_cast<int>(server->port())}});
  asio::signal_set signals(process.io, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) sync.stop();
  });
  TaskGroup group(process.io.get_executor(), *process.timers);
  server->start(group);
  group.spawn(run_to_end(&sync, server.get(), &signals));
  process.io.run();
  return 0;
}

int run_node() {
  Process process;
  auto settings = read_node_settings(environment);
  if (!settings) return refuse(settings.error());
  asio::signal_set signals(process.io, SIGTERM, SIGINT);
  const auto ran = run_node_role(process.runtime, process.io, signals, *std::move(settings));
  return ran ? 0 : refuse(ran.error());
}

// Chunks of several megabytes come and go: by default each would be fresh pages from the system.
// sync gives them back after an upload.
void keep_chunks() {
  ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  ::mallopt(M_ARENA_MAX, 1);  // chunks cross threads
}

int run(int argc, char** argv) {
  const std::string role = argc == 2 ? argv[1] : "";
  if (role == "--version") {
    std::puts("spillway-agent " SPILLWAY_VERSION);
    return 0;
  }
  if (role == "--help") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  log::configure(log::Format::kJson, log::Level::kInfo);
  keep_chunks();
  if (role == "restore") return run_restore();
  if (role == "sync") return run_sync();
  if (role == "node") return run_node();
  std::fputs(kUsage, stderr);
  return kWrongInput;
}

}  // namespace
}  // namespace spillway::agent

int main(int argc, char** argv) {
  return spillway::agent::run(argc, argv);
}
