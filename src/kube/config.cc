#include <spillway/kube/config.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <spillway/core/text.h>

#include "kubeconfig.h"

namespace spillway::kube {
namespace {

template <class Entry>
Result<const Entry*> lookup(const std::map<std::string, Entry>& entries, const std::string& name,
                            std::string_view what, const std::string& paths) {
  if (const auto at = entries.find(name); at != entries.end()) return &at->second;
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const auto& [known, entry] : entries)
    names.push_back("'" + known + "'");
  const std::string choice = names.empty() ? "there is none" : "there is " + join(names, ", ");
  return invalid("kubeconfig " + paths + " has no " + std::string(what) + " '" + name +
                 "': " + choice);
}

Result<Kubeconfig> read_all(const std::string& paths) {
  Kubeconfig merged;
  bool found = false;
  for (const std::string_view path : split(paths, ':')) {
    if (path.empty() || !std::filesystem::exists(path)) continue;
    found = true;
    TRY(text, read_file(std::string(path)));
    TRY_VOID(merged.merge(text, std::string(path)));
  }
  if (!found) return invalid("there is no kubeconfig at " + paths);
  return merged;
}

// The value of KUBERNETES_EXEC_INFO.
std::string exec_info(const ExecPlugin& plugin, const KubeconfigCluster& cluster,
                      bool with_cluster) {
  nlohmann::json spec = {{"interactive", false}};
  if (with_cluster) {
    spec["cluster"] = {{"server", cluster.server},
                       {"insecure-skip-tls-verify", cluster.insecure_skip_tls_verify}};
    if (!cluster.tls_server_name.empty())
      spec["cluster"]["tls-server-name"] = cluster.tls_server_name;
    if (const auto ca = cluster.ca.read(); ca && !ca->empty()) {
      std::string encoded;
      constexpr std::string_view kDigits =
          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
      for (std::size_t i = 0; i < ca->size(); i += 3) {
        const auto byte = [&](std::size_t n) {
          return n < ca->size() ? static_cast<unsigned char>((*ca)[n]) : 0U;
        };
        const unsigned group = (byte(i) << 16U) | (byte(i + 1) << 8U) | byte(i + 2);
        encoded += kDigits[(group >> 18U) & 63U];
        encoded += kDigits[(group >> 12U) & 63U];
        encoded += i + 1 < ca->size() ? kDigits[(group >> 6U) & 63U] : '=';
        encoded += i + 2 < ca->size() ? kDigits[group & 63U] : '=';
      }
      spec["cluster"]["certificate-authority-data"] = encoded;
    }
  }
  const nlohmann::json info = {
      {"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", spec}};
  return info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<void> check_entries(const KubeconfigCluster& cluster, const KubeconfigUser& user) {
  if (!cluster.proxy_url.empty()) {
    return invalid(
        "proxy-url is not supported: give the cluster's server an address that is reachable "
        "directly");
  }
  if (cluster.insecure_skip_tls_verify && !cluster.ca.empty()) {
    return invalid(
        "insecure-skip-tls-verify and a certificate-authority exclude each other: keep one of "
        "them");
  }
  if (!user.unsupported.empty()) {
    return invalid("the user's '" + user.unsupported +
                   "' is not supported: use a certificate, a token or an exec plugin");
  }
  if (user.sources.client_certificate.empty() != user.sources.client_key.empty()) {
    return invalid("client-certificate and client-key have to be given together");
  }
  return {};
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

Result<ClusterConfig> load_kubeconfig(const KubeconfigOptions& options, Runtime runtime) {
  TRY(merged, read_all(options.paths));
  const std::string name = options.context.empty() ? merged.current_context : options.context;
  if (name.empty())
    return invalid("kubeconfig " + options.paths + " has no current-context: name a context");
  TRY(context, lookup(merged.contexts, name, "context", options.paths));
  TRY(cluster, lookup(merged.clusters, context->cluster, "cluster", options.paths));
  KubeconfigUser anonymous;
  const KubeconfigUser* user = &anonymous;
  if (!context->user.empty()) {
    TRY(found, lookup(merged.users, context->user, "user", options.paths));
    user = found;
  }
  const std::string where = "context '" + name + "' of " + context->file;
  if (const auto checked = check_entries(*cluster, *user); !checked)
    return fail(checked.error().in(where));
  auto server = ServerAddress::parse(cluster->server);
  if (!server) return fail(server.error().in(where));
  server->tls_server_name = cluster->tls_server_name;
  server->insecure_skip_tls_verify = cluster->insecure_skip_tls_verify;
  LocalSources sources = user->sources;
  sources.ca = cluster->ca;
  ClusterConfig config{.server = *std::move(server),
                       .ns = Namespace(context->ns.empty() ? "default" : context->ns),
                       .description = where};
  if (user->exec) {
    ExecPlugin plugin = *user->exec;
    plugin.info = exec_info(plugin, *cluster, user->exec_wants_cluster);
    config.credentials = std::make_shared<ExecCredentials>(std::move(runtime), std::move(sources),
                                                           std::move(plugin));
    return config;
  }
  auto local = std::make_shared<LocalCredentials>(std::move(runtime), std::move(sources));
  if (const auto readable = local->read_now(); !readable) return fail(readable.error().in(where));
  config.credentials = std::move(local);
  return config;
}

Result<ClusterConfig> load_in_cluster(const std::string& mount, Runtime runtime,
                                      const Environment& environment) {
  const auto host = environment("KUBERNETES_SERVICE_HOST");
  const auto port = environment("KUBERNETES_SERVICE_PORT");
  if (!host || host->empty() || !port || port->empty()) {
    return invalid(
        "this is not a pod (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set): give "
        "a kubeconfig");
  }
  const bool v6 = host->find(':') != std::string::npos;
  TRY(server, ServerAddress::parse("https://" + (v6 ? "[" + *host + "]" : *host) + ":" + *port));
  ClusterConfig config{
      .server = std::move(server), .ns = Namespace("default"), .description = "in-cluster"};
  LocalSources sources{.ca = {.path = mount + "/ca.crt"}, .token = {.path = mount + "/token"}};
  auto local = std::make_shared<LocalCredentials>(std::move(runtime), std::move(sources));
  if (const auto readable = local->read_now(); !readable)
    return fail(readable.error().in("in-cluster configuration"));
  config.credentials = std::move(local);
  if (const auto ns = read_file(mount + "/namespace"); ns && !trim(*ns).empty())
    config.ns = Namespace(trim(*ns));
  return config;
}

Result<ClusterConfig> load_config(const KubeconfigOptions& flags, Runtime runtime,
                                  const Environment& environment) {
  if (!flags.paths.empty()) return load_kubeconfig(flags, std::move(runtime));
  if (const auto paths = environment("KUBECONFIG"); paths && !paths->empty()) {
    return load_kubeconfig({.paths = *paths, .context = flags.context}, std::move(runtime));
  }
  if (environment("KUBERNETES_SERVICE_HOST")) {
    return load_in_cluster(kServiceAccountMount, std::move(runtime), environment);
  }
  const auto home = environment("HOME");
  if (!home)
    return invalid("there is no cluster to talk to: give a kubeconfig, or set KUBECONFIG or HOME");
  return load_kubeconfig({.paths = *home + "/.kube/config", .context = flags.context},
                         std::move(runtime));
}

}  // namespace spillway::kube
