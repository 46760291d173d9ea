#include <spillway/control/stores.h>

#include <spillway/cloud/workload_identity.h>
#include <spillway/core/text.h>
#include <spillway/storage/layout.h>

namespace spillway::control {
namespace {

std::string text_of(const std::optional<cloud::Url>& url) {
  return url ? url->to_string() : std::string();
}

Result<std::unique_ptr<cloud::CredentialsProvider>> credentials_of(
    const Runtime& runtime, const StoreConfig& config, cloud::HttpClient& http,
    const cloud::EnvironmentLookup& environment) {
  switch (config.credentials) {
    case CredentialSource::kEnvironment: return cloud::make_environment_credentials(environment);
    case CredentialSource::kDirectory:
      return cloud::make_file_credentials(config.credentials_folder);
    case CredentialSource::kWorkload: break;
  }
  TRY(identity, cloud::read_workload_identity(environment, config.s3.region));
  return cloud::make_workload_credentials(runtime, http, std::move(identity), environment);
}

}  // namespace

bool operator==(const PodAccess& a, const PodAccess& b) {
  return text_of(a.endpoint) == text_of(b.endpoint) && a.credentials == b.credentials &&
         a.secret == b.secret;
}

bool operator==(const StoreConfig& a, const StoreConfig& b) {
  return a.name == b.name && a.s3.bucket == b.s3.bucket && a.s3.region == b.s3.region &&
         a.s3.endpoint.to_string() == b.s3.endpoint.to_string() &&
         a.s3.addressing == b.s3.addressing && a.prefix == b.prefix &&
         a.credentials == b.credentials && a.credentials_folder == b.credentials_folder &&
         a.ca_file == b.ca_file && a.prune == b.prune && a.pods == b.pods;
}

storage::Key job_key(const StoreConfig& store, const ObjectKey& job, const Uid& uid) {
  return storage::job_prefix(store.prefix, job, uid);
}

std::string uri_of(const StoreConfig& store, const storage::Key& key) {
  return storage::to_string(storage::S3Uri{.bucket = store.s3.bucket, .key = key});
}

Stores::Stores(const Runtime& runtime, std::vector<StoreConfig> configs, cloud::HttpClient& http,
               const cloud::EnvironmentLookup& environment) {
  for (StoreConfig& config : configs) {
    Store store{.config = std::move(config)};
    auto credentials = credentials_of(runtime, store.config, http, environment);
    if (credentials) {
      store.credentials = *std::move(credentials);
      store.objects = storage::make_s3_store(runtime, http, *store.credentials, store.config.s3);
    } else {
      store.trouble = credentials.error().message;
    }
    const api::StoreName name = store.config.name;
    stores_.emplace(name, std::move(store));
  }
}

Stores::~Stores() = default;

const Stores::Store* Stores::find(const api::StoreName& name) const {
  const auto at = stores_.find(name);
  return at == stores_.end() ? nullptr : &at->second;
}

std::string Stores::names() const {
  std::string names;
  for (const auto& [name, store] : stores_)
    names += (names.empty() ? "" : ", ") + name.str();
  return names;
}

std::vector<std::string> Stores::origins(const std::vector<StoreConfig>& configs,
                                         const cloud::EnvironmentLookup& environment) {
  std::vector<std::string> origins;
  for (const StoreConfig& config : configs) {
    origins.push_back(config.s3.origin());
    if (config.credentials != CredentialSource::kWorkload) continue;
    const auto identity = cloud::read_workload_identity(environment, config.s3.region);
    if (!identity) continue;  // the store says so itself
    if (auto origin = identity->origin()) origins.push_back(*std::move(origin));
  }
  return origins;
}

}  // namespace spillway::control
