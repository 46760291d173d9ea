#include "completion.h"

#include <algorithm>

#include <CLI/CLI.hpp>

namespace spillway::cli {
namespace {

constexpr int kNoSpace = 2;
constexpr int kNoFiles = 4;

// Values that are known, by option. An option that is not here takes anything.
std::vector<std::string> values_of(const std::string& option) {
  if (option == "--output") return {"table", "json", "yaml"};
  if (option == "SHELL") return {"bash", "zsh", "fish"};
  if (option == "--next") return {"1d", "7d", "14d"};
  if (option == "--for") return {"30m", "1h", "2h", "8h"};
  return {};
}

bool takes_files(const std::string& option) {
  for (const char* known : {"--filename", "--market", "--report", "--config", "--kubeconfig"}) {
    if (option == known) return true;
  }
  return false;
}

// "--output" for -o as well; the title of a positional argument.
std::string name_of(const CLI::Option& option) {
  if (!option.get_lnames().empty()) return "--" + option.get_lnames().front();
  if (!option.get_snames().empty()) return "-" + option.get_snames().front();
  return option.get_name(true);
}

// Of the command, or of the program: its flags may stand behind the command too.
const CLI::Option* find_option(const CLI::App& app, const CLI::App& command,
                               const std::string& word) {
  for (const CLI::App* where : {&command, &app}) {
    for (const CLI::Option* option : where->get_options()) {
      if (option->nonpositional() && option->check_name(word)) return option;
    }
  }
  return nullptr;
}

class Completer {
 public:
  Completer(const CLI::App& app, const std::vector<std::string>& words) : app_(app), here_(&app) {
    typed_ = words.empty() ? "" : words.back();
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      pass(words[i]);
  }

  Completion answer() {
    const std::size_t equals = typed_.find('=');
    if (waits_for_ != nullptr) {
      offer_values(name_of(*waits_for_), "");
    } else if (typed_.starts_with("--") && equals != std::string::npos) {
      const CLI::Option* option = find_option(app_, *here_, typed_.substr(0, equals));
      if (option != nullptr) offer_values(name_of(*option), typed_.substr(0, equals + 1));
    } else if (typed_.starts_with("-")) {
      offer_flags();
    } else if (here_ == &app_) {
      offer_commands();
    } else {
      offer_arguments();
    }
    std::ranges::sort(completion_.candidates);
    return std::move(completion_);
  }

 private:
  void pass(const std::string& word) {
    if (waits_for_ != nullptr) {
      waits_for_ = nullptr;
    } else if (word.starts_with("-")) {
      const bool has_value = word.find('=') != std::string::npos;
      const CLI::Option* option = has_value ? nullptr : find_option(app_, *here_, word);
      if (option != nullptr && option->get_expected_max() > 0) waits_for_ = option;
    } else if (here_ == &app_) {
      for (const CLI::App* command : app_.get_subcommands(kAll)) {
        if (command->get_name() == word) here_ = command;
      }
    }
  }

  void offer(const std::string& word) {
    if (word.starts_with(typed_)) completion_.candidates.push_back(word);
  }

  void offer_values(const std::string& option, const std::string& before) {
    for (const std::string& value : values_of(option))
      offer(before + value);
    completion_.files = takes_files(option);
  }

  void offer_flags() {
    for (const CLI::App* where : {here_, &app_}) {
      for (const CLI::Option* option : where->get_options()) {
        const bool known = where == &app_ && here_ != &app_ && option->get_name() == "--version";
        if (!option->nonpositional() || known) continue;
        const std::string name = name_of(*option);
        if (std::ranges::find(completion_.candidates, name) == completion_.candidates.end())
          offer(name);
      }
    }
  }

  void offer_commands() {
    for (const CLI::App* command : app_.get_subcommands(kAll)) {
      if (!command->get_group().empty()) offer(command->get_name());
    }
  }

  void offer_arguments() {
    for (const CLI::Option* option : here_->get_options()) {
      if (!option->get_positional()) continue;
      const std::string name = option->get_name(true);
      offer_values(name, "");
      if (!name.starts_with("KIND/NAME")) continue;
      for (const char* kind : {"tj/", "ipool/", "cpool/"})
        offer(kind);
      completion_.open_end = !completion_.candidates.empty();
    }
  }

  static constexpr std::nullptr_t kAll = nullptr;  // no filter
  const CLI::App& app_;
  const CLI::App* here_;
  const CLI::Option* waits_for_ = nullptr;
  std::string typed_;
  Completion completion_;
};

constexpr const char* kBash = R"(# kubectl-spillway: completion for bash.
#   source <(kubectl-spillway completion bash)
_kubectl_spillway() {
  local answer directive
  mapfile -t answer < <(kubectl-spillway __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [[ ${#answer[@]} -gt 0 ]] || return
  directive=${answer[-1]#:}
  unset 'answer[-1]'
  COMPREPLY=("${answer[@]}")
  (( directive & 2 )) && compopt -o nospace
  (( directive & 4 )) || compopt -o default
}
complete -F _kubectl_spillway kubectl-spillway
)";

constexpr const char* kZsh = R"(#compdef kubectl-spillway
# kubectl-spillway: completion for zsh.
#   source <(kubectl-spillway completion zsh)
_kubectl_spillway() {
  local -a answer options
  answer=("${(@f)$(kubectl-spillway __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  local directive=${answer[-1]#:}
  answer[-1]=()
  (( directive & 2 )) && options=(-S '')
  (( ${#answer} )) && compadd "${options[@]}" -- "${answer[@]}"
  (( directive & 4 )) || _files
}
compdef _kubectl_spillway kubectl-spillway
)";

constexpr const char* kFish = R"(# kubectl-spillway: completion for fish.
#   kubectl-spillway completion fish | source
function __kubectl_spillway_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l answer (kubectl-spillway __complete $words[2..-1] 2>/dev/null)
  test (count $answer) -gt 0; or return
  set -l directive (string sub -s 2 -- $answer[-1])
  test (count $answer) -gt 1; and printf '%s\n' $answer[1..-2]
  test (math "floor($directive / 4) % 2") -eq 1; or __fish_complete_path (commandline -ct)
end
complete -c kubectl-spillway -f -a '(__kubectl_spillway_complete)'
)";

}  // namespace

std::string Completion::text() const {
  std::string lines;
  for (const std::string& candidate : candidates)
    lines += candidate + "\n";
  return lines + ":" + std::to_string((open_end ? kNoSpace : 0) + (files ? 0 : kNoFiles)) + "\n";
}

Completion complete(const CLI::App& app, const std::vector<std::string>& words) {
  return Completer(app, words).answer();
}

Result<std::string> completion_script(const std::string& shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return invalid("there is no completion for " + shell + ": write bash, zsh or fish");
}

}  // namespace spillway::cli
