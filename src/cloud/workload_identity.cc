#include <spillway/cloud/workload_identity.h>

#include <algorithm>
#include <array>
#include <map>

#include <spillway/cloud/xml.h>
#include <spillway/core/text.h>
#include <nlohmann/json.hpp>

#include "refreshing_credentials.h"

namespace spillway::cloud {
namespace {

constexpr Duration kTimeout = std::chrono::seconds(20);
constexpr std::size_t kMaxAnswerBytes = std::size_t{256} << 10;

// The texts of all elements without children, by name; a name that repeats keeps its first.
Result<std::map<std::string, std::string>> leaves_of(std::string_view xml) {
  std::map<std::string, std::string> leaves;
  XmlReader reader(xml);
  std::string open;
  while (true) {
    TRY(event, reader.next());
    if (event.kind == XmlEvent::Kind::kDone) return leaves;
    if (event.kind == XmlEvent::Kind::kStart) open = std::string(event.name);
    if (event.kind == XmlEvent::Kind::kEnd) open.clear();
    if (event.kind == XmlEvent::Kind::kText && !open.empty()) leaves.emplace(open, event.text);
  }
}

Result<Credentials> complete(std::string id, std::string secret, std::string token,
                             const std::string& expiration) {
  if (id.empty() || secret.empty()) {
    return fail(ErrorCode::kInternal, "the answer with the cloud credentials is incomplete");
  }
  Credentials credentials{.access_key_id = std::move(id),
                          .secret_access_key = Secret(std::move(secret)),
                          .session_token = Secret(std::move(token))};
  TRY(expires_at, parse_instant(expiration));
  credentials.expires_at = expires_at;
  return credentials;
}

class StsSource final : public CredentialsSource {
 public:
  StsSource(HttpClient& http, WebIdentity identity) : http_(http), identity_(std::move(identity)) {}

  Task<Result<Credentials>> fetch() override {
    TRY_CO(token, read_token_file(identity_.token_file));
    HttpRequest request = request_with(token);
    TRY_CO(response, co_await http_.send(std::move(request), kTimeout));
    co_return read(response);
  }

 private:
  // Not signed: the token is the proof.
  [[nodiscard]] HttpRequest request_with(const Secret& token) const {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(identity_.lifetime).count();
    HttpRequest request{.method = "POST",
                        .url = identity_.endpoint,
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                        .max_response_bytes = kMaxAnswerBytes};
    request.body = encode_form({{"Action", "AssumeRoleWithWebIdentity"},
                                {"Version", "2011-06-15"},
                                {"RoleArn", identity_.role_arn},
                                {"RoleSessionName", identity_.session_name},
                                {"DurationSeconds", std::to_string(seconds)},
                                {"WebIdentityToken", token.reveal()}});
    return request;
  }

  [[nodiscard]] Result<Credentials> read(const HttpResponse& response) const {
    auto leaves = leaves_of(response.body);
    if (response.status != 200) {
      Error error = http_status_error(response);
      if (response.status == 400) error.code = ErrorCode::kUnauthorized;
      if (leaves && leaves->contains("Code")) {
        error.message = "STS does not give the role " + identity_.role_arn + ": " +
                        shorten((*leaves)["Code"] + ", " + (*leaves)["Message"], 300);
      }
      return fail(std::move(error));
    }
    if (!leaves) return fail(leaves.error().in("reading the answer of STS"));
    auto& found = *leaves;
    return complete(std::move(found["AccessKeyId"]), std::move(found["SecretAccessKey"]),
                    std::move(found["SessionToken"]), found["Expiration"]);
  }

  HttpClient& http_;
  WebIdentity identity_;
};

class ContainerSource final : public CredentialsSource {
 public:
  ContainerSource(HttpClient& http, ContainerIdentity identity)
      : http_(http), identity_(std::move(identity)) {}

  Task<Result<Credentials>> fetch() override {
    Secret token = identity_.token;
    if (!identity_.token_file.empty()) {
      TRY_CO(read_token, read_token_file(identity_.token_file));
      token = std::move(read_token);
    }
    HttpRequest request{.url = identity_.uri, .max_response_bytes = kMaxAnswerBytes};
    if (!token.empty()) {
      request.headers.push_back({.name = "Authorization", .value = token.reveal()});
    }
    TRY_CO(response, co_await http_.send(std::move(request), kTimeout));
    co_return read(response);
  }

 private:
  static std::string text_of(const nlohmann::json& document, const char* name) {
    const auto found = document.find(name);
    const bool text = found != document.end() && found->is_string();
    return text ? found->get<std::string>() : std::string();
  }

  static Result<Credentials> read(const HttpResponse& response) {
    if (response.status != 200) {
      return fail(http_status_error(response).in("asking the container credentials endpoint"));
    }
    const auto document = nlohmann::json::parse(response.body, nullptr, false);
    if (!document.is_object()) {
      return fail(ErrorCode::kInternal, "the container credentials endpoint answered no JSON");
    }
    return complete(text_of(document, "AccessKeyId"), text_of(document, "SecretAccessKey"),
                    text_of(document, "Token"), text_of(document, "Expiration"));
  }

  HttpClient& http_;
  ContainerIdentity identity_;
};

std::string variable(const EnvironmentLookup& lookup, const char* name) {
  const char* value = lookup(name);
  return value == nullptr ? std::string() : std::string(trim(value));
}

// Plain http carries the token in clear text: only to where AWS puts its agents.
bool allowed_endpoint(const Url& uri) {
  constexpr std::array<std::string_view, 6> kHosts{
      "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "127.0.0.1", "localhost", "[::1]"};
  return uri.scheme == "https" || std::find(kHosts.begin(), kHosts.end(), uri.host) != kHosts.end();
}

Result<WebIdentity> read_web_identity(const EnvironmentLookup& lookup, const Region& region) {
  WebIdentity web{.role_arn = variable(lookup, "AWS_ROLE_ARN"),
                  .token_file = variable(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE")};
  if (web.role_arn.empty() || web.token_file.empty()) {
    return invalid(
        "web identity needs both AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE in the environment");
  }
  const std::string session = variable(lookup, "AWS_ROLE_SESSION_NAME");
  if (!session.empty()) web.session_name = session;
  TRY(endpoint, sts_endpoint(region));
  web.endpoint = std::move(endpoint);
  return web;
}

Result<ContainerIdentity> read_container_identity(const EnvironmentLookup& lookup,
                                                  const std::string& uri_text) {
  TRY(uri, parse_url(uri_text));
  if (!allowed_endpoint(uri)) {
    return invalid(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI has to be https or an address of AWS's agent");
  }
  return ContainerIdentity{.uri = std::move(uri),
                           .token_file = variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
                           .token = Secret(variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN"))};
}

}  // namespace

Result<Url> sts_endpoint(const Region& region) {
  const std::string_view ending =
      region.str().starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
  return parse_url("https://sts." + region.str() + std::string(ending));
}

std::unique_ptr<CredentialsProvider> make_web_identity_credentials(const Runtime& runtime,
                                                                   HttpClient& http,
                                                                   WebIdentity identity) {
  return std::make_unique<RefreshingCredentials>(
      runtime, std::make_unique<StsSource>(http, std::move(identity)));
}

std::unique_ptr<CredentialsProvider> make_container_credentials(const Runtime& runtime,
                                                                HttpClient& http,
                                                                ContainerIdentity identity) {
  return std::make_unique<RefreshingCredentials>(
      runtime, std::make_unique<ContainerSource>(http, std::move(identity)));
}

std::optional<std::string> WorkloadIdentity::origin() const {
  if (web) return web->endpoint.origin();
  if (container) return container->uri.origin();
  return std::nullopt;
}

Result<WorkloadIdentity> read_workload_identity(const EnvironmentLookup& lookup,
                                                const Region& region) {
  WorkloadIdentity identity;
  const bool web = !variable(lookup, "AWS_ROLE_ARN").empty() ||
                   !variable(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE").empty();
  const std::string uri = variable(lookup, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (web) {
    TRY(found, read_web_identity(lookup, region));
    identity.web = std::move(found);
  } else if (!uri.empty()) {
    TRY(found, read_container_identity(lookup, uri));
    identity.container = std::move(found);
  }
  return identity;
}

std::unique_ptr<CredentialsProvider> make_workload_credentials(const Runtime& runtime,
                                                               HttpClient& http,
                                                               WorkloadIdentity identity,
                                                               EnvironmentLookup lookup) {
  if (identity.web) return make_web_identity_credentials(runtime, http, *std::move(identity.web));
  if (identity.container) {
    return make_container_credentials(runtime, http, *std::move(identity.container));
  }
  return make_environment_credentials(std::move(lookup));
}

}  // namespace spillway::cloud
