#pragma once
// Credentials from an exec plugin (client.authentication.k8s.io/v1 and v1beta1), as cloud
// providers' kubeconfigs have them.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "local_credentials.h"

namespace spillway::kube {

struct ExecPlugin {
  std::string api_version;
  std::string command;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;  // added to ours
  std::string info;                                              // value of KUBERNETES_EXEC_INFO
  std::string install_hint;  // what to tell a user who lacks the command
  Duration timeout = std::chrono::seconds(60);
};

// What a plugin printed.
struct ExecAnswer {
  Secret token;
  std::string client_certificate;
  Secret client_key;
  std::optional<Instant> expires_at;  // none: until the server refuses it
};
Result<ExecAnswer> parse_exec_answer(const std::string& output, const std::string& api_version);

// Runs the plugin on a thread of its own when there is no valid answer; everybody who asks
// meanwhile waits for the same run.
class ExecCredentials final : public Credentials {
 public:
  ExecCredentials(Runtime runtime, LocalSources sources, ExecPlugin plugin);
  ~ExecCredentials() override;

  Task<Result<Access>> current() override;
  void rejected() override;

 private:
  struct Run;
  void start();
  void finish(Result<std::string> output);
  [[nodiscard]] bool valid() const;

  Runtime runtime_;
  LocalCredentials local_;  // the certificate authority, and a client certificate of the kubeconfig
  ExecPlugin plugin_;
  std::optional<ExecAnswer> answer_;
  std::shared_ptr<const TlsMaterial> local_tls_;  // from which tls_ was made
  std::shared_ptr<const TlsMaterial> tls_;
  std::shared_ptr<Run> run_;
  std::shared_ptr<ExecCredentials*>
      self_;  // empty target once destroyed: a late answer finds nobody
  std::jthread thread_;
};

}  // namespace spillway::kube
