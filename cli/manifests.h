#pragma once
// The files that a person would apply: YAML with several documents, JSON, lists, whole folders.

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <spillway/core/ids.h>
#include <spillway/core/result.h>

namespace spillway::cli {

inline constexpr std::size_t kMaxManifests = 20'000;

struct Manifest {
  std::string source;  // how errors name it: "jobs.yaml, document 2"
  nlohmann::json object;

  [[nodiscard]] std::string kind() const { return object.value("kind", ""); }
  [[nodiscard]] bool ours() const;  // of the group spillway.dev
};

// Reads every path in turn: a file; a folder with its *.yaml, *.yml and *.json in order of name,
// not those of folders inside it; "-" for standard input, once. Lists are taken apart. Objects of
// our group are checked as the API server would check them, an unknown field included.
// kInvalidArgument: one sentence with file, document and field, and what to write instead.
Result<std::vector<Manifest>> read_manifests(const std::vector<std::string>& paths);

// The same for a text; `source` names it.
Result<std::vector<Manifest>> parse_manifests(const std::string& text, const std::string& source);

// Gives every namespaced object of our group that names none the namespace `ns`, as kubectl does.
// With `strict` (the user named it) an object of another namespace is an error.
Result<void> settle_namespaces(std::vector<Manifest>& manifests, const Namespace& ns, bool strict);

}  // namespace spillway::cli
