#include "options.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "completion.h"
#include "hours.h"

namespace spillway::cli {
namespace {

// What the scripts of completion.cc, and kubectl's own completion, ask the program.
constexpr const char* kCompleteCommand = "__complete";
constexpr Duration kFarthest = std::chrono::hours(24 * 366);  // of schedule --next

// As written; turned into Options once all flags are known.
struct Texts {
  std::string format = "table";
  std::string from, to;
  std::vector<std::string> target;
  std::vector<std::string> files;
  SimulateOptions simulate;
  std::string shell;
  OverrideOptions asked;
  std::string next = "7d";
  bool all = false;
  bool everywhere = false;  // said, not needed: it is the default
};

Result<Format> parse_format(const std::string& text) {
  if (text == "table") return Format::kTable;
  if (text == "json") return Format::kJson;
  if (text == "yaml") return Format::kYaml;
  return invalid("-o " + text + " is no output format: write table, json or yaml");
}

struct Commands {
  CLI::App* plan = nullptr;
  CLI::App* explain = nullptr;
  CLI::App* simulate = nullptr;
  CLI::App* wake = nullptr;
  CLI::App* sleep = nullptr;
  CLI::App* schedule = nullptr;
  CLI::App* completion = nullptr;
};

void describe_connection(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("-n,--namespace", options.connection.ns,
                 "namespace, if not the context's; with plan: show this one alone");
  app.add_option("--context", options.connection.context,
                 "context of the kubeconfig, if not its current one");
  app.add_option("--kubeconfig", options.connection.kubeconfig,
                 "file, if not $KUBECONFIG or ~/.kube/config");
  app.add_option("-o,--output", texts.format, "table, json or yaml")->capture_default_str();
  app.add_option("--config", options.config,
                 "the operator's configuration file, if its placement is not the default");
}

void describe_simulate(CLI::App& simulate, Texts& texts) {
  simulate
      .add_option("-f,--filename", texts.files, "manifests: files or folders; - is standard input")
      ->required();
  simulate
      .add_option("--market", texts.simulate.market, "folder with recorded prices and availability")
      ->required();
  simulate.add_option("--from", texts.from, "start: 2020-01-05 or RFC 3339, in UTC");
  simulate.add_option("--to", texts.to, "end, not included");
  simulate.add_option("--seed", texts.simulate.seed, "the same seed gives the same history")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  simulate.add_option("--report", texts.simulate.report, "write an HTML page to this file");
  simulate.add_flag("--all", texts.all, "list every workload, not only the dearest");
}

void describe_override(CLI::App& command, Texts& texts) {
  command.add_option(
      "KIND/NAME", texts.asked.target,
      "ipool, tj, deployment, statefulset or cronjob; without it all of -n NAMESPACE");
  command.add_option("--for", texts.asked.span, "for how long: 90m, 2h, 3d")->capture_default_str();
  command.add_flag("--clear", texts.asked.clear, "take back what was asked for");
}

void describe_hours(CLI::App& app, Commands& commands, Texts& texts) {
  commands.wake = app.add_subcommand(
      "wake", "Keeps a workload or a Namespace awake for a while, whatever its hours say.");
  describe_override(*commands.wake, texts);
  commands.sleep = app.add_subcommand(
      "sleep", "Puts a workload or a Namespace to sleep for a while, whatever its hours say.");
  describe_override(*commands.sleep, texts);
  commands.schedule = app.add_subcommand(
      "schedule", "What wakes and sleeps when, in the cluster or from files. Reads only.");
  commands.schedule->add_option("-f,--filename", texts.files,
                                "look at these files alone, not at a cluster");
  commands.schedule->add_option("--next", texts.next, "how far ahead: 12h, 14d")
      ->capture_default_str();
}

Commands describe(CLI::App& app, Options& options, Texts& texts) {
  describe_connection(app, options, texts);
  Commands commands;
  commands.plan = app.add_subcommand(
      "plan", "What would be started, moved and stopped now, and why. Reads only.");
  commands.plan->add_option("-f,--filename", texts.files,
                            "plan as if this file or folder were applied; - is standard input");
  commands.plan->add_flag("--all", texts.all, "list what stays where it is as well");
  commands.explain = app.add_subcommand(
      "explain",
      "Why an object is where it is, what the alternatives cost, and what the plan "
      "would do with it now. Reads only.");
  commands.explain
      ->add_option("KIND/NAME", texts.target,
                   "trainingjob (tj), inferencepool (ipool) or capacitypool (cpool)")
      ->required();
  commands.simulate = app.add_subcommand(
      "simulate", "What manifests would have cost on a recorded market. Needs no cluster.");
  describe_simulate(*commands.simulate, texts);
  describe_hours(app, commands, texts);
  commands.completion = app.add_subcommand(
      "completion", "A script that completes commands in a shell. Needs no cluster.");
  commands.completion->add_option("SHELL", texts.shell, "bash, zsh or fish")->required();
  for (CLI::App* command : {commands.plan, commands.explain, commands.simulate, commands.wake,
                            commands.sleep, commands.schedule, commands.completion})
    command->fallthrough();
  // As everybody types it; it is what they show without -n.
  for (CLI::App* command : {commands.plan, commands.schedule}) {
    command->add_flag("-A,--all-namespaces", texts.everywhere, "all namespaces, as without -n")
        ->excludes(app.get_option("--namespace"));
  }
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("kubectl-spillway ") + SPILLWAY_VERSION);
  return commands;
}

Result<void> interpret(const Commands& commands, Texts texts, Options& options) {
  TRY(format, parse_format(texts.format));
  options.format = format;
  if (commands.plan->parsed()) {
    options.command = PlanOptions{.files = std::move(texts.files), .all = texts.all};
    return {};
  }
  if (commands.explain->parsed()) {
    TRY(target, parse_target(texts.target));
    options.command = ExplainOptions{.target = std::move(target)};
    return {};
  }
  if (commands.wake->parsed() || commands.sleep->parsed()) {
    texts.asked.wake = commands.wake->parsed();
    options.command = std::move(texts.asked);
    return {};
  }
  if (commands.schedule->parsed()) {
    TRY(next, parse_span(texts.next, "--next", kFarthest));
    options.command = ScheduleOptions{.files = std::move(texts.files), .next = next};
    return {};
  }
  if (commands.completion->parsed()) {
    TRY(script, completion_script(texts.shell));
    options.command = CompletionOptions{.script = std::move(script)};
    return {};
  }
  SimulateOptions simulate = std::move(texts.simulate);
  simulate.files = std::move(texts.files);
  simulate.all = texts.all;
  if (!texts.from.empty()) {
    TRY(from, parse_day_or_instant(texts.from, "--from"));
    simulate.from = from;
  }
  if (!texts.to.empty()) {
    TRY(to, parse_day_or_instant(texts.to, "--to"));
    simulate.to = to;
  }
  if (simulate.from && simulate.to && *simulate.from >= *simulate.to) {
    return invalid("--from " + texts.from + " is not before --to " + texts.to +
                   ": write an earlier start or a later end");
  }
  options.command = std::move(simulate);
  return {};
}

// CLI11 ends some sentences with a line break, and its own names for things are not ours.
std::string one_line(std::string text) {
  for (char& c : text)
    c = c == '\n' ? ' ' : c;
  while (text.ends_with(' '))
    text.pop_back();
  return text;
}

// The words behind the program's name, the last first, as CLI11 takes them. kubectl reads a value
// behind a short flag as `-n=dev`, too; CLI11 would make the sign a part of it.
std::vector<std::string> words_of(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    std::string& word = words.emplace_back(argv[i]);
    const bool joined = word.size() > 2 && word[0] == '-' && word[1] != '-' && word[2] == '=';
    if (joined) word.erase(2, 1);
  }
  return words;
}

}  // namespace

Result<Instant> parse_day_or_instant(const std::string& text, const std::string& flag) {
  auto instant = parse_instant(text.find('T') == std::string::npos ? text + "T00:00:00Z" : text);
  if (instant) return instant;
  return invalid(flag + " " + text +
                 " is no time: write a day such as 2020-01-05, or an instant such as "
                 "2020-01-05T08:00:00Z");
}

CommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app(
      "Placement of GPU work on reserved, spot and on-demand capacity: what, why, and what "
      "it would cost.",
      "kubectl spillway");
  Options options;
  Texts texts;
  const Commands commands = describe(app, options, texts);
  if (argc > 1 && argv[1] == std::string_view(kCompleteCommand)) {
    std::cout << complete(app, {argv + 2, argv + argc}).text();
    return {.exit_code = 0};
  }
  try {
    app.parse(words_of(argc, argv));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // --help, --version
      app.exit(error);
      return {.exit_code = 0};
    }
    std::cerr << "error: " << one_line(error.what()) << " (see kubectl spillway --help)\n";
    return {.exit_code = 2};
  }
  if (const auto done = interpret(commands, std::move(texts), options); !done) {
    std::cerr << "error: " << done.error().message << '\n';
    return {.exit_code = 2};
  }
  return {.options = std::move(options)};
}

}  // namespace spillway::cli
