#pragma once
// The object stores that the administrator has configured for checkpoints: a workload
// names one, and never brings an endpoint or an identity of its own. The operator reads with its
// own identity; pods write with theirs.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spillway/api/checkpoint.h>
#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>
#include <spillway/core/object.h>
#include <spillway/storage/object_store.h>
#include <spillway/storage/s3.h>

namespace spillway::control {

enum class CredentialSource {
  kWorkload,     // of the pod: web identity, container credentials, else keys in the environment
  kEnvironment,  // AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
  kDirectory,    // a mounted Secret (cloud/credentials.h)
};

// How the pods of a job reach the store.
struct PodAccess {
  std::optional<cloud::Url> endpoint;  // nullopt: the operator's
  // "web-identity" or "container": the identity of the pod's service account. "environment": what
  // somebody injects into the containers.
  std::string credentials = "web-identity";
  // Instead: a Secret of the workload's own namespace with the keys access-key-id and
  // secret-access-key.
  std::string secret;
  friend bool operator==(const PodAccess& a, const PodAccess& b);
};

struct StoreConfig {
  api::StoreName name;
  storage::S3Config s3;
  std::string prefix;  // of all jobs; "<namespace>/<name>/<uid>/" follows
  CredentialSource credentials = CredentialSource::kWorkload;
  std::string credentials_folder;  // kDirectory
  std::string ca_file;             // PEM; empty: the system's authorities
  std::string authorities;         // what is in ca_file, once it is read; no part of equality
  bool prune = false;              // the operator may remove checkpoints
  PodAccess pods;
  friend bool operator==(const StoreConfig& a, const StoreConfig& b);
};

// What is added to pods in mode Agent.
struct AgentConfig {
  std::string image;  // empty: mode Agent is not offered
  friend bool operator==(const AgentConfig&, const AgentConfig&) = default;
};

// "s3://bucket/prefix/namespace/name/uid/" of a job, and the key below the bucket.
storage::Key job_key(const StoreConfig& store, const ObjectKey& job, const Uid& uid);
std::string uri_of(const StoreConfig& store, const storage::Key& key);

// The stores by name. Control thread only. `http` outlives them; its allowed origins are those of
// origins().
class Stores {
 public:
  Stores(const Runtime& runtime, std::vector<StoreConfig> configs, cloud::HttpClient& http,
         const cloud::EnvironmentLookup& environment);
  ~Stores();
  Stores(const Stores&) = delete;
  Stores& operator=(const Stores&) = delete;

  struct Store {
    StoreConfig config;
    // Null when it cannot be used; `trouble` says what to fix.
    std::unique_ptr<cloud::CredentialsProvider> credentials;
    std::unique_ptr<storage::ObjectStore> objects;
    std::string trouble;
  };
  // nullptr when no store has that name.
  [[nodiscard]] const Store* find(const api::StoreName& name) const;
  [[nodiscard]] std::string names() const;  // "main, archive"; for sentences

  // What the HTTP client of these stores has to be allowed to speak to.
  static std::vector<std::string> origins(const std::vector<StoreConfig>& configs,
                                          const cloud::EnvironmentLookup& environment);

 private:
  std::map<api::StoreName, Store> stores_;
};

}  // namespace spillway::control
