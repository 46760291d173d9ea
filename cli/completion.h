#pragma once
// Completion of command lines that are being typed. The scripts of all shells ask the program
// itself, so that a new flag or command is completed without a change to any of them:
//
//   kubectl-spillway __complete explain tj     prints candidates, then ":" and a directive
//
// The answer has the form in which kubectl asks its plugins (kubectl_complete-spillway on the
// PATH).

#include <string>
#include <vector>

#include <spillway/core/result.h>

namespace CLI {
class App;
}

namespace spillway::cli {

struct Completion {
  std::vector<std::string> candidates;  // whole words that begin with what is typed
  bool files = false;                   // names of files may stand here as well
  bool open_end = false;                // what follows is typed on: no space behind it

  // One candidate a line, last ":<directive>": 2 no space behind it, 4 no names of files.
  [[nodiscard]] std::string text() const;
};

// `words` follow the program's name; the last one is being typed and may be "".
Completion complete(const CLI::App& app, const std::vector<std::string>& words);

// bash, zsh or fish; kInvalidArgument otherwise.
Result<std::string> completion_script(const std::string& shell);

}  // namespace spillway::cli
