#include "store_access.h"

#include <spillway/cloud/beast_http_client.h>
#include <spillway/cloud/workload_identity.h>

namespace spillway::agent {
namespace {

// What the store's settings name, and nothing that the environment may hold besides.
Result<cloud::WorkloadIdentity> identity_of(const StoreSettings& settings,
                                            const cloud::EnvironmentLookup& lookup) {
  TRY(identity, cloud::read_workload_identity(lookup, settings.s3.region));
  if (settings.credentials == "web-identity" && !identity.web) {
    return invalid(
        "the store wants web identity: AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE are not set; "
        "annotate the pod's service account with its role");
  }
  if (settings.credentials == "container" && !identity.container) {
    return invalid(
        "the store wants container credentials: AWS_CONTAINER_CREDENTIALS_FULL_URI is "
        "not set; associate the pod's service account with a role");
  }
  return identity;
}

}  // namespace

Result<StoreAccess> open_store(const Runtime& runtime, const StoreSettings& settings,
                               const std::string& also, const cloud::EnvironmentLookup& lookup) {
  StoreAccess access;
  cloud::BeastHttpOptions options{.allowed_origins = {settings.s3.origin()},
                                  .ca_bundle = settings.ca_bundle};
  if (!also.empty()) options.allowed_origins.push_back(also);
  std::optional<cloud::WorkloadIdentity> identity;
  if (settings.credentials == "web-identity" || settings.credentials == "container") {
    TRY(found, identity_of(settings, lookup));
    if (const auto origin = found.origin()) options.allowed_origins.push_back(*origin);
    identity = std::move(found);
  } else if (settings.credentials != "environment" && !settings.credentials.starts_with('/')) {
    return invalid("'" + settings.credentials +
                   "' names no credentials: write environment, "
                   "web-identity, container or the path of a folder");
  }
  TRY(http, cloud::make_beast_http_client(runtime, std::move(options)));
  access.http = std::move(http);
  if (identity) {
    access.credentials =
        cloud::make_workload_credentials(runtime, *access.http, *std::move(identity), lookup);
  } else if (settings.credentials == "environment") {
    access.credentials = cloud::make_environment_credentials(lookup);
  } else {
    access.credentials = cloud::make_file_credentials(settings.credentials);
  }
  access.store = storage::make_s3_store(runtime, *access.http, *access.credentials, settings.s3);
  return access;
}

}  // namespace spillway::agent
