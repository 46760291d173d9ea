#pragma once
// The content of kubeconfig files, merged by kubectl's rule: the first file that names an entry has
// it.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spillway/core/result.h>

#include "exec_credentials.h"
#include "local_credentials.h"

namespace spillway::kube {

struct KubeconfigCluster {
  std::string file;
  std::string server;
  TextSource ca;
  std::string tls_server_name;
  std::string proxy_url;
  bool insecure_skip_tls_verify = false;
};

struct KubeconfigUser {
  std::string file;
  LocalSources sources;
  std::optional<ExecPlugin> exec;
  bool exec_wants_cluster = false;
  std::string unsupported;  // the name of a field that we cannot honour
};

struct KubeconfigContext {
  std::string file;
  std::string cluster;
  std::string user;
  std::string ns;
};

struct Kubeconfig {
  std::string current_context;
  std::map<std::string, KubeconfigCluster> clusters;
  std::map<std::string, KubeconfigUser> users;
  std::map<std::string, KubeconfigContext> contexts;

  // Adds what `text`, the content of `file`, has and this has not.
  Result<void> merge(const std::string& text, const std::string& file);
};

}  // namespace spillway::kube
