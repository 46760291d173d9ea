#pragma once
// Configuration of the connection: a kubeconfig, or what a pod finds in itself.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/kube/credentials.h>

namespace spillway::kube {

struct ClusterConfig {
  ServerAddress server;
  std::shared_ptr<Credentials> credentials;
  Namespace ns;             // of the context or of the pod; "default" when neither says
  std::string description;  // "context 'kind' of ~/.kube/config", "in-cluster"
};

// Reads an environment variable; nothing when it is not set. A seam for tests.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

struct KubeconfigOptions {
  std::string paths;    // as KUBECONFIG has them, colon-separated: the first value wins per entry;
                        // missing files are skipped
  std::string context;  // empty: current-context
};

// kInvalidArgument names the file, the entry and what to write instead. `runtime` has to outlive
// the credentials.
Result<ClusterConfig> load_kubeconfig(const KubeconfigOptions& options, Runtime runtime);

// `mount` holds token, ca.crt and namespace; the token is read again every minute and the last good
// one kept.
Result<ClusterConfig> load_in_cluster(const std::string& mount, Runtime runtime,
                                      const Environment& environment);

// The usual order: the explicit `kubeconfig` (a flag; may be empty), KUBECONFIG, in-cluster,
// ~/.kube/config.
Result<ClusterConfig> load_config(const KubeconfigOptions& flags, Runtime runtime,
                                  const Environment& environment);

inline constexpr const char* kServiceAccountMount = "/var/run/secrets/kubernetes.io/serviceaccount";

}  // namespace spillway::kube
