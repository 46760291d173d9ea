#include "kubeconfig.h"

#include <filesystem>

#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <spillway/core/text.h>

namespace spillway::kube {
namespace {

// Thrown and caught within this file: yaml-cpp throws as well.
struct BadEntry {
  std::string message;
};

std::string text_at(const YAML::Node& node, const char* key) {
  const YAML::Node found = node[key];
  if (!found || found.IsNull()) return {};
  if (!found.IsScalar()) throw BadEntry{std::string(key) + " has to be a text"};
  return found.as<std::string>();
}

bool flag_at(const YAML::Node& node, const char* key) {
  const YAML::Node found = node[key];
  if (!found || found.IsNull()) return false;
  bool value = false;
  if (!found.IsScalar() || !YAML::convert<bool>::decode(found, value)) {
    throw BadEntry{std::string(key) + " has to be true or false"};
  }
  return value;
}

std::string beside(const std::string& file, const std::string& path) {
  const std::filesystem::path given(path);
  if (path.empty() || given.is_absolute()) return path;
  return (std::filesystem::path(file).parent_path() / given).string();
}

std::string decode_base64(const std::string& text, const char* key) {
  std::string compact;
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') compact += c;
  }
  std::string decoded(compact.size() / 4 * 3, '\0');
  const int length = compact.size() % 4 != 0
                         ? -1
                         : EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                           reinterpret_cast<const unsigned char*>(compact.data()),
                                           static_cast<int>(compact.size()));
  if (length < 0) throw BadEntry{std::string(key) + " has to be base64"};
  const std::size_t padding = compact.ends_with("==") ? 2 : compact.ends_with('=') ? 1 : 0;
  decoded.resize(decoded.size() - padding);
  return decoded;
}

// `key` names a file, `key`-data holds the content and wins.
TextSource material_at(const YAML::Node& node, const std::string& key, const std::string& file) {
  const std::string data_key = key + "-data";
  const std::string data = text_at(node, data_key.c_str());
  if (!data.empty()) return {.text = decode_base64(data, data_key.c_str())};
  return {.path = beside(file, text_at(node, key.c_str()))};
}

KubeconfigCluster read_cluster(const YAML::Node& node, const std::string& file) {
  return {.file = file,
          .server = text_at(node, "server"),
          .ca = material_at(node, "certificate-authority", file),
          .tls_server_name = text_at(node, "tls-server-name"),
          .proxy_url = text_at(node, "proxy-url"),
          .insecure_skip_tls_verify = flag_at(node, "insecure-skip-tls-verify")};
}

ExecPlugin read_exec(const YAML::Node& node, const std::string& file) {
  ExecPlugin plugin{.api_version = text_at(node, "apiVersion"),
                    .command = text_at(node, "command"),
                    .install_hint = text_at(node, "installHint")};
  if (plugin.command.empty()) throw BadEntry{"exec.command has to name the plugin's program"};
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1") {
    throw BadEntry{"exec.apiVersion has to be client.authentication.k8s.io/v1 or v1beta1"};
  }
  if (text_at(node, "interactiveMode") == "Always") {
    throw BadEntry{
        "exec.interactiveMode is Always, but there is no terminal here: use a plugin that can do "
        "without"};
  }
  if (plugin.command.find('/') != std::string::npos) plugin.command = beside(file, plugin.command);
  for (const YAML::Node& argument : node["args"])
    plugin.arguments.push_back(argument.as<std::string>());
  for (const YAML::Node& entry : node["env"]) {
    plugin.environment.emplace_back(text_at(entry, "name"), text_at(entry, "value"));
  }
  return plugin;
}

KubeconfigUser read_user(const YAML::Node& node, const std::string& file) {
  KubeconfigUser user{.file = file};
  user.sources.client_certificate = material_at(node, "client-certificate", file);
  user.sources.client_key = material_at(node, "client-key", file);
  user.sources.token = {.text = text_at(node, "token"),
                        .path = beside(file, text_at(node, "tokenFile"))};
  user.sources.username = text_at(node, "username");
  user.sources.password = Secret(text_at(node, "password"));
  for (const char* key : {"auth-provider", "as", "as-uid", "as-groups", "as-user-extra"}) {
    if (node[key]) user.unsupported = key;
  }
  if (const YAML::Node exec = node["exec"]) {
    user.exec = read_exec(exec, file);
    user.exec_wants_cluster = flag_at(exec, "provideClusterInfo");
  }
  return user;
}

KubeconfigContext read_context(const YAML::Node& node, const std::string& file) {
  return {.file = file,
          .cluster = text_at(node, "cluster"),
          .user = text_at(node, "user"),
          .ns = text_at(node, "namespace")};
}

template <class Entry>
void merge_entries(const YAML::Node& root, const char* list, const char* inner,
                   const std::string& file, std::map<std::string, Entry>& into,
                   Entry (*read)(const YAML::Node&, const std::string&)) {
  const YAML::Node entries = root[list];
  if (!entries || entries.IsNull()) return;
  if (!entries.IsSequence()) throw BadEntry{std::string(list) + " has to be a list"};
  for (const YAML::Node& entry : entries) {
    if (!entry.IsMap())
      throw BadEntry{std::string(list) + " has to be a list of objects with a name"};
    const std::string name = text_at(entry, "name");
    if (into.contains(name)) continue;
    const YAML::Node content = entry[inner];
    if (content && !content.IsNull() && !content.IsMap())
      throw BadEntry{std::string(inner) + " has to be an object"};
    try {
      into.emplace(
          name, read(content && content.IsMap() ? content : YAML::Node(YAML::NodeType::Map), file));
    } catch (const BadEntry& bad) {
      throw BadEntry{std::string(inner) + " '" + name + "': " + bad.message};
    }
  }
}

}  // namespace

Result<void> Kubeconfig::merge(const std::string& text, const std::string& file) {
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return {};  // an empty file is an empty configuration
    if (!root.IsMap())
      throw BadEntry{"it has to be a kubeconfig (an object with clusters, users and contexts)"};
    if (current_context.empty()) current_context = text_at(root, "current-context");
    merge_entries(root, "clusters", "cluster", file, clusters, read_cluster);
    merge_entries(root, "users", "user", file, users, read_user);
    merge_entries(root, "contexts", "context", file, contexts, read_context);
    return {};
  } catch (const BadEntry& bad) {
    return invalid("kubeconfig " + file + ": " + bad.message);
  } catch (const YAML::Exception& broken) {
    return invalid("kubeconfig " + file + " is not readable YAML: " + broken.what());
  }
}

}  // namespace spillway::kube
