#include "config_stores.h"

#include <set>

namespace spillway::control {
namespace {

Result<cloud::Url> read_endpoint(const Value& value) {
  TRY(text, text_of(value));
  auto url = cloud::parse_url(text);
  if (!url)
    return value.wrong("is " + in_quotes(text) +
                       ": write the address of the store, such as https://s3.example.com");
  return url;
}

Result<void> read_credentials(const Value& value, StoreConfig& store) {
  if (value.absent()) return {};
  if (value.node.IsScalar()) {
    const std::string& word = value.node.Scalar();
    if (word == "workload") return {};
    if (word == "environment") {
      store.credentials = CredentialSource::kEnvironment;
      return {};
    }
  }
  if (!value.node.IsMap())
    return value.wrong("has to be workload, environment or {directory: PATH}");
  TRY(from, Section::open(value, {"directory"}));
  if (!from.has("directory")) return from.missing("directory", "/var/run/secrets/store");
  TRY(folder, text_of(from["directory"]));
  store.credentials = CredentialSource::kDirectory;
  store.credentials_folder = std::move(folder);
  return {};
}

Result<PodAccess> read_pod_access(const Value& value) {
  TRY(section, Section::open(value, {"endpoint", "credentials"}));
  PodAccess access;
  if (section.has("endpoint")) {
    TRY(endpoint, read_endpoint(section["endpoint"]));
    access.endpoint = std::move(endpoint);
  }
  const Value credentials = section["credentials"];
  if (credentials.absent()) return access;
  if (credentials.node.IsMap()) {
    TRY(from, Section::open(credentials, {"secret"}));
    if (!from.has("secret")) return from.missing("secret", "checkpoint-store");
    TRY(secret, text_of(from["secret"]));
    access.secret = std::move(secret);
    return access;
  }
  TRY(word, text_of(credentials));
  if (word != "web-identity" && word != "container" && word != "environment") {
    return credentials.wrong(
        "has to be web-identity, container, environment or {secret: NAME}, a Secret of the "
        "workload's namespace");
  }
  access.credentials = std::move(word);
  return access;
}

Result<storage::S3Config> read_s3(const Value& value, const Section& section) {
  storage::S3Config s3;
  if (!section.has("bucket")) return section.missing("bucket", "my-checkpoints");
  TRY(bucket, text_of(section["bucket"]));
  s3.bucket = storage::BucketName(std::move(bucket));
  TRY(region, text_or(section["region"], "us-east-1"));
  s3.region = Region(std::move(region));
  bool path_style = section.has("endpoint");
  TRY_VOID(read_flag(section["pathStyle"], path_style));
  s3.addressing = path_style ? storage::Addressing::kPath : storage::Addressing::kVirtualHost;
  if (section.has("endpoint")) {
    TRY(endpoint, read_endpoint(section["endpoint"]));
    s3.endpoint = std::move(endpoint);
  } else {
    auto endpoint = storage::aws_endpoint(s3.region);
    if (!endpoint) return section["region"].wrong(endpoint.error().message);
    s3.endpoint = *std::move(endpoint);
  }
  if (const auto fits = storage::check(s3); !fits) return value.wrong(": " + fits.error().message);
  return s3;
}

Result<StoreConfig> read_store(const Value& value) {
  TRY(section, Section::open(value, {"name", "bucket", "region", "endpoint", "pathStyle", "prefix",
                                     "credentials", "caFile", "prune", "pods"}));
  if (!section.has("name")) return section.missing("name", "main");
  StoreConfig store;
  TRY(name, text_of(section["name"]));
  store.name = api::StoreName(std::move(name));
  TRY(s3, read_s3(value, section));
  store.s3 = std::move(s3);
  TRY(prefix, text_or(section["prefix"], ""));
  store.prefix = std::move(prefix);
  TRY_VOID(read_credentials(section["credentials"], store));
  TRY(ca_file, text_or(section["caFile"], ""));
  store.ca_file = std::move(ca_file);
  TRY_VOID(read_flag(section["prune"], store.prune));
  TRY(pods, read_pod_access(section["pods"]));
  store.pods = std::move(pods);
  return store;
}

}  // namespace

Result<std::vector<StoreConfig>> read_stores(const Value& list) {
  std::vector<StoreConfig> stores;
  std::set<api::StoreName> names;
  TRY_VOID(for_each(list, [&](const Value& element) -> Result<void> {
    TRY(store, read_store(element));
    if (!names.insert(store.name).second) {
      return element.wrong("has the name " + in_quotes(store.name.str()) +
                           " of another store: give each its own");
    }
    stores.push_back(std::move(store));
    return {};
  }));
  return stores;
}

Result<AgentConfig> read_agent(const Value& value) {
  TRY(section, Section::open(value, {"image"}));
  AgentConfig agent;
  const Value written = section["image"];
  if (written.node.IsScalar() && written.node.Scalar().empty()) return agent;  // not configured
  TRY(image, text_or(written, ""));
  agent.image = std::move(image);
  return agent;
}

}  // namespace spillway::control
