#include "manifests.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include <spillway/api/codec.h>
#include <spillway/core/text.h>
#include <spillway/core/yaml.h>

namespace spillway::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxWordInSentence = 60;

std::string in_quotes(std::string_view text) {
  return "'" + shorten(text, kMaxWordInSentence) + "'";
}

// A path is said in full: it is what the reader has to mend.
std::string whole(const std::string& path) {
  return "'" + path + "'";
}

// A text field, or a sentence that says what to write.
Result<std::string> word(const Json& object, const char* field, const std::string& path,
                         std::string_view example) {
  const auto at = object.find(field);
  if (at == object.end() || at->is_null())
    return invalid(path + ": it is missing: write one, such as " + std::string(example));
  if (!at->is_string() || at->get_ref<const std::string&>().empty())
    return invalid(path + ": it has to be a text, such as " + std::string(example));
  return at->get<std::string>();
}

template <class Kind>
Result<void> check_as(const Json& object) {
  TRY(read, api::read<Kind>(object, api::UnknownFields::kRefuse));
  return api::validate(read);
}

Result<void> check_ours(const Json& object, const std::string& kind) {
  const std::string version = object.value("apiVersion", "");
  if (version != api::kApiVersion) {
    return invalid("apiVersion: " + in_quotes(version) + " is not served: write " +
                   std::string(api::kApiVersion));
  }
  if (kind == api::kResource<api::TrainingJob>.kind) return check_as<api::TrainingJob>(object);
  if (kind == api::kResource<api::InferencePool>.kind) return check_as<api::InferencePool>(object);
  if (kind == api::kResource<api::CapacityPool>.kind) return check_as<api::CapacityPool>(object);
  if (kind == api::kResource<api::CostPolicy>.kind) return check_as<api::CostPolicy>(object);
  return invalid("kind: " + in_quotes(kind) + " is not a kind of " + std::string(api::kGroup) +
                 ": write TrainingJob, InferencePool, CapacityPool or CostPolicy");
}

Result<void> check(const Json& object) {
  if (!object.is_object())
    return invalid("this is not an object: write apiVersion, kind, metadata and spec");
  TRY(version, word(object, "apiVersion", "apiVersion", api::kApiVersion));
  TRY(kind, word(object, "kind", "kind", "TrainingJob"));
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object())
    return invalid("metadata: it is missing: write a mapping with a name");
  if (metadata->contains("generateName") && !metadata->contains("name"))
    return invalid("metadata.name: a generated name is not known beforehand: write a name");
  TRY_VOID(word(*metadata, "name", "metadata.name", "llama-70b"));
  const bool ours =
      version == api::kApiVersion || version.starts_with(std::string(api::kGroup) + "/");
  return ours ? check_ours(object, kind) : Result<void>();
}

// "TrainingJob team-a/llama", as far as it is known.
std::string title(const Json& object) {
  if (!object.is_object()) return "";
  const auto text = [](const Json& in, const char* key) {
    const auto at = in.find(key);
    return at != in.end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  const std::string kind = text(object, "kind");
  const auto metadata = object.find("metadata");
  if (kind.empty() || metadata == object.end() || !metadata->is_object()) return kind;
  const std::string name = text(*metadata, "name");
  if (name.empty()) return kind;
  const std::string ns = text(*metadata, "namespace");
  return kind + " " + (ns.empty() ? name : ns + "/" + name);
}

bool is_list(const Json& object) {
  const auto kind = object.find("kind");
  return object.is_object() && object.contains("items") && object["items"].is_array() &&
         kind != object.end() && kind->is_string() &&
         kind->get_ref<const std::string&>().ends_with("List");
}

Result<void> add(std::vector<Manifest>& manifests, Json object, const std::string& source) {
  if (is_list(object)) {
    std::size_t number = 0;
    for (Json& item : object["items"])
      TRY_VOID(add(manifests, std::move(item), source + ", item " + std::to_string(++number)));
    return {};
  }
  if (manifests.size() == kMaxManifests) {
    return invalid(source + ": more than " + std::to_string(kMaxManifests) +
                   " objects: write fewer");
  }
  if (const auto checked = check(object); !checked) {
    const std::string name = title(object);
    return fail(checked.error().in(name.empty() ? source : source + ", " + name));
  }
  manifests.push_back({.source = source, .object = std::move(object)});
  return {};
}

Result<std::string> read_text(std::istream& in, const std::string& source) {
  std::string text(kMaxYamlBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return invalid(source + ": it cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxYamlBytes) {
    return invalid(source + ": it is larger than " + std::to_string(kMaxYamlBytes >> 20) +
                   " MiB: write several files");
  }
  return text;
}

Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json")
      files.push_back(entry.path().string());
  }
  if (error) return invalid("the folder " + whole(path) + " cannot be read: " + error.message());
  if (files.empty()) {
    return invalid("the folder " + whole(path) +
                   " has no *.yaml, *.yml or *.json: name a folder with manifests");
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::string> content_of(const std::string& file) {
  if (file == "-") return read_text(std::cin, "standard input");
  std::error_code error;
  if (!fs::exists(file, error)) {
    return invalid("there is no file or folder " + whole(file) +
                   ": write the path of manifests, or - for standard input");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return invalid("the file " + whole(file) + " cannot be opened");
  return read_text(in, file);
}

}  // namespace

bool Manifest::ours() const {
  const std::string version = object.value("apiVersion", "");
  return version == api::kApiVersion;
}

Result<std::vector<Manifest>> parse_manifests(const std::string& text, const std::string& source) {
  auto documents = parse_yaml(text);
  if (!documents) return fail(documents.error().in(source));
  std::vector<Manifest> manifests;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    const bool only = documents->size() == 1;
    const std::string name = only ? source : source + ", document " + std::to_string(i + 1);
    TRY_VOID(add(manifests, std::move((*documents)[i].value), name));
  }
  return manifests;
}

Result<std::vector<Manifest>> read_manifests(const std::vector<std::string>& paths) {
  if (std::count(paths.begin(), paths.end(), "-") > 1)
    return invalid("-f - is given twice: standard input can be read once");
  std::vector<Manifest> manifests;
  for (const std::string& path : paths) {
    TRY(files, files_of(path));
    for (const std::string& file : files) {
      TRY(text, content_of(file));
      const std::string name = file == "-" ? "standard input" : file;
      TRY(more, parse_manifests(text, name));
      if (more.empty() && file == path)
        return invalid(name + ": it holds no object: write at least one");
      std::move(more.begin(), more.end(), std::back_inserter(manifests));
      if (manifests.size() > kMaxManifests) {
        return invalid(name + ": more than " + std::to_string(kMaxManifests) +
                       " objects with those before: write fewer");
      }
    }
  }
  if (manifests.empty()) return invalid("the files hold no object: write at least one");
  return manifests;
}

Result<void> settle_namespaces(std::vector<Manifest>& manifests, const Namespace& ns, bool strict) {
  std::set<std::string> seen;
  for (Manifest& manifest : manifests) {
    if (!manifest.ours()) continue;
    Json& metadata = manifest.object["metadata"];
    const std::string name = metadata.value("name", "");
    std::string key = manifest.kind() + " " + name;
    const bool is_namespaced = manifest.kind() != api::kResource<api::CapacityPool>.kind &&
                               manifest.kind() != api::kResource<api::CostPolicy>.kind;
    if (is_namespaced) {
      const std::string stated = metadata.value("namespace", "");
      if (strict && !stated.empty() && stated != ns.str()) {
        return invalid(manifest.source + ", " + key + ": metadata.namespace: " + in_quotes(stated) +
                       " is not the namespace of the command line, " + in_quotes(ns.str()) +
                       ": leave one of them out");
      }
      if (stated.empty()) metadata["namespace"] = ns.str();
      key = manifest.kind() + " " + metadata.value("namespace", "") + "/" + name;
    }
    if (!seen.insert(key).second) {
      return invalid(manifest.source + ": " + key + " is written twice: keep one");
    }
  }
  return {};
}

}  // namespace spillway::cli
