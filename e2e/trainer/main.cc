// spillway-trainer: a small, real, deterministic training program for the end-to-end tests. A gang
// of ranks fits a neural network, saves checkpoints and resumes from them; whatever interrupts it,
// the weights at the end are the same to the last bit.
//
// Exit codes: 0 all steps done, 1 an error (a lost rank above all), 2 wrong input, 143 told to end
// by SIGTERM, after saving.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include <spillway/api/agent_protocol.h>

#include "bucket_shelf.h"
#include "journal.h"
#include "training.h"

namespace spillway::trainer {
namespace {

namespace environment = api::agent::environment;

constexpr int kWrongInput = 2;
constexpr int kToldToEnd = 128 + SIGTERM;

struct Options {
  TrainingConfig training;
  GangConfig gang;
  std::string directory;
  bool native = false;
  int keep = 3;
  HttpTriggerConfig http;
};

std::string variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr ? value : "";
}

template <class Number>
void add_number(CLI::App& app, const char* flag, Number& value, std::string_view from,
                const char* text) {
  auto* option = app.add_option(flag, value, text)->capture_default_str()->take_last();
  if (!from.empty()) option->envname(std::string(from));
}

// Every number has a flag; what an attempt is told by its environment has a variable as well.
int parse(int argc, char** argv, Options& options) {
  CLI::App app{"Fits a small neural network with a gang of ranks, deterministically."};
  std::int64_t total = options.training.total.value();
  std::int64_t attempt = 1;
  std::int64_t resume_step = -1;
  std::int64_t milliseconds = 0;
  std::int64_t rendezvous = options.gang.rendezvous_timeout.count();
  std::int64_t peer = options.gang.peer_timeout.count();
  Place& place = options.training.place;
  add_number(app, "--steps", total, "", "optimizer steps in all");
  add_number(app, "--interval", options.training.interval, "", "steps between two checkpoints");
  add_number(app, "--hidden", options.training.shape.hidden, "", "units of the hidden layer");
  add_number(app, "--batch", options.training.shape.batch, "", "samples of a rank in a step");
  add_number(app, "--step-milliseconds", milliseconds, "", "how long a step takes at least");
  add_number(app, "--journal-every", options.training.journal_every, "", "steps between two lines");
  add_number(app, "--keep", options.keep, "", "checkpoints that stay in the directory");
  add_number(app, "--rendezvous-seconds", rendezvous, "", "how long to wait for all ranks");
  add_number(app, "--peer-seconds", peer, "", "how long a rank may be silent");
  add_number(app, "--rank", place.rank, environment::kRank, "this rank, from 0");
  add_number(app, "--world-size", place.world_size, environment::kWorldSize, "ranks in all");
  add_number(app, "--attempt", attempt, environment::kAttempt, "ranks of another are turned away");
  add_number(app, "--resume-step", resume_step, environment::kResumeStep, "where it has to resume");
  add_number(app, "--master-host", options.gang.host, "MASTER_ADDR", "where rank 0 is");
  add_number(app, "--master-port", options.gang.port, "MASTER_PORT", "its port");
  add_number(app, "--directory", options.directory, environment::kCheckpointDirectory,
             "where checkpoints are kept");
  app.add_flag("--native", options.native, "keep them in the object store of the environment");
  add_number(app, "--http-port", options.http.port, "",
             "where to listen for save requests; 0: not");
  add_number(app, "--http-path", options.http.path, "", "the path of save requests");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongInput;
  }
  options.training.total = Step(total);
  options.training.step_time = std::chrono::milliseconds(milliseconds);
  if (resume_step >= 0) options.training.resume_step = Step(resume_step);
  options.gang.place = place;
  options.gang.attempt = AttemptNumber(attempt);
  options.gang.rendezvous_timeout = std::chrono::seconds(rendezvous);
  options.gang.peer_timeout = std::chrono::seconds(peer);
  options.http.attempt = options.gang.attempt;
  options.http.rank = place.rank;
  options.http.token = variable(environment::kToken);
  return -1;
}

Result<void> check(const Options& options) {
  const Place& place = options.training.place;
  if (place.world_size < 1 || place.rank < 0 || place.rank >= place.world_size)
    return invalid("--rank has to be below --world-size, and both not negative");
  if (options.training.interval < 1 || options.training.journal_every < 1)
    return invalid("--interval and --journal-every have to be 1 or more");
  if (place.world_size > 1 && (options.gang.host.empty() || options.gang.port.empty()))
    return invalid("a gang needs --master-host and --master-port (MASTER_ADDR, MASTER_PORT)");
  if (options.native == !options.directory.empty())
    return invalid("give either --directory (SPILLWAY_CHECKPOINT_DIR) or --native");
  return {};
}

Result<Ending> run(const Options& options) {
  const Place& place = options.training.place;
  std::unique_ptr<Shelf> shelf;
  if (options.native) {
    TRY(settings, bucket_settings(variable));
    TRY(bucket, make_bucket_shelf(settings, place));
    shelf = std::move(bucket);
  } else {
    shelf = make_directory_shelf(options.directory, place, options.keep);
  }
  std::unique_ptr<HttpTrigger> trigger;
  if (options.http.port != 0) {
    TRY(started, HttpTrigger::start(options.http));
    trigger = std::move(started);
  }
  TRY(gang, Gang::join(options.gang, told_to_end));
  return train(options.training, gang, *shelf, trigger.get());
}

}  // namespace
}  // namespace spillway::trainer

int main(int argc, char** argv) {
  using namespace spillway::trainer;
  watch_signals();
  Options options;
  if (const int code = parse(argc, argv, options); code >= 0) return code;
  if (const auto checked = check(options); !checked) {
    std::cerr << "spillway-trainer: " << checked.error().message << '\n';
    return kWrongInput;
  }
  journal("up", {{"attempt", options.gang.attempt.value()}, {"rank", options.gang.place.rank}});
  const auto ending = run(options);
  if (!ending) {
    journal("failed", {{"message", ending.error().message}});
    return ending.error().code == spillway::ErrorCode::kCancelled ? kToldToEnd : EXIT_FAILURE;
  }
  if (*ending == Ending::kFinished) return EXIT_SUCCESS;
  journal("ended", {{"because", "SIGTERM"}});
  return kToldToEnd;
}
