#pragma once
// Credentials of a pod's own identity: nothing secret lies in the cluster. The pod shows a token
// that Kubernetes projects into a file, and gets keys for an hour. Two ways on AWS: web identity
// (IRSA: STS AssumeRoleWithWebIdentity) and the container endpoint (EKS Pod Identity, ECS).
// Sources: AWS STS API reference; AWS SDK reference guide, container credential provider.
//
// Both refresh after about 75 % of the keys' life, with jitter, one request at a time whatever the
// number of callers; a refresh that fails keeps the old keys until they end. Then they fail: they
// never fall through to another identity, such as the node's.

#include <memory>
#include <optional>
#include <string>

#include <spillway/async/timers.h>
#include <spillway/cloud/credentials.h>
#include <spillway/cloud/http.h>

namespace spillway::cloud {

struct WebIdentity {
  std::string role_arn;
  std::string token_file;  // read afresh at each refresh: Kubernetes renews it
  std::string session_name = "spillway";
  Url endpoint;  // regional STS: sts_endpoint()
  Duration lifetime = std::chrono::hours(1);
};
// https://sts.<region>.amazonaws.com
Result<Url> sts_endpoint(const Region& region);
std::unique_ptr<CredentialsProvider> make_web_identity_credentials(const Runtime& runtime,
                                                                   HttpClient& http,
                                                                   WebIdentity identity);

struct ContainerIdentity {
  Url uri;
  std::string token_file;  // read afresh at each refresh; empty = `token`
  Secret token;
};
std::unique_ptr<CredentialsProvider> make_container_credentials(const Runtime& runtime,
                                                                HttpClient& http,
                                                                ContainerIdentity identity);

// What the environment of a pod says it is. Exactly one source is taken, in this order:
// AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN, AWS_CONTAINER_CREDENTIALS_FULL_URI, the keys of
// make_environment_credentials(). A source that is named and fails is an error, not the next one.
struct WorkloadIdentity {
  std::optional<WebIdentity> web;
  std::optional<ContainerIdentity> container;  // neither: keys in the environment
  // What the HTTP client has to be allowed to speak to; nothing for keys in the environment.
  [[nodiscard]] std::optional<std::string> origin() const;
};
// kInvalidArgument: half a source, or a container endpoint that is neither https nor one of the
// addresses that AWS uses (169.254.170.2, 169.254.170.23, fd00:ec2::23, loopback).
Result<WorkloadIdentity> read_workload_identity(const EnvironmentLookup& lookup,
                                                const Region& region);
std::unique_ptr<CredentialsProvider> make_workload_credentials(const Runtime& runtime,
                                                               HttpClient& http,
                                                               WorkloadIdentity identity,
                                                               EnvironmentLookup lookup);

}  // namespace spillway::cloud
