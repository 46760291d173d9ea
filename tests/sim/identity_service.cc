#include "identity_service.h"

#include <string_view>

namespace spillway::sim {
namespace {

// So short that one runs out within every save.
constexpr Duration kSession = std::chrono::seconds(100);
constexpr Duration kAnswerTime = std::chrono::milliseconds(20);
constexpr std::string_view kHost = "sts.us-east-1.amazonaws.com";

}  // namespace

class IdentityService::Client final : public cloud::HttpClient {
 public:
  explicit Client(IdentityService& service) : service_(service), store_(service.store_.connect()) {}

  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration timeout) override {
    if (request.url.host != kHost) co_return co_await store_->send(std::move(request), timeout);
    const auto cut = cut_;
    IdentityService& service = service_;
    const auto timer = service.time_.make();
    co_await timer->wait_until(service.time_.monotonic() + kAnswerTime / 2);
    cloud::HttpResponse response = service.answer(request);
    co_await timer->wait_until(service.time_.monotonic() + kAnswerTime / 2);
    if (*cut) co_return fail(ErrorCode::kCancelled, "the request was cancelled");
    co_return response;
  }
  void shut_down() override {
    *cut_ = true;
    store_->shut_down();
  }

 private:
  IdentityService& service_;
  std::unique_ptr<cloud::HttpClient> store_;
  std::shared_ptr<bool> cut_ = std::make_shared<bool>(false);
};

IdentityService::IdentityService(VirtualTime& time, ObjectStoreServer& store)
    : time_(time), store_(store), token_file_((folder_.path() / "token").string()) {
  rotate();
  store_.set_keys([this](std::string_view key) { return secret_of(key); });
}

std::unique_ptr<cloud::HttpClient> IdentityService::connect() {
  return std::make_unique<Client>(*this);
}

const char* IdentityService::variable(const char* name) const {
  const std::string_view wanted = name;
  if (wanted == "AWS_ROLE_ARN") return "arn:aws:iam::123456789012:role/spillway";
  return wanted == "AWS_WEB_IDENTITY_TOKEN_FILE" ? token_file_.c_str() : nullptr;
}

void IdentityService::rotate() {
  ++rotations_;
  folder_.write("token", token());
}

const Secret* IdentityService::secret_of(std::string_view key) const {
  const auto session = sessions_.find(key);
  const bool valid = session != sessions_.end() && time_.now() < session->second.expires_at;
  return valid ? &session->second.secret : nullptr;
}

cloud::HttpResponse IdentityService::answer(const cloud::HttpRequest& request) {
  const bool known = request.payload().ends_with("WebIdentityToken=" + token());
  if (!known) {
    return {.status = 400,
            .body =
                "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>not the token "
                "of the hour</Message></Error></ErrorResponse>"};
  }
  taken_.insert(token());
  const std::string key = "SESSION" + std::to_string(sessions_.size() + 1);
  const Session session{.secret = Secret("secret of " + key), .expires_at = time_.now() + kSession};
  sessions_.emplace(key, session);
  return {.status = 200,
          .body =
              "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
              "<Credentials><AccessKeyId>" +
              key + "</AccessKeyId><SecretAccessKey>" + session.secret.reveal() +
              "</SecretAccessKey><SessionToken>session</SessionToken><Expiration>" +
              format_instant(session.expires_at) +
              "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
              "</AssumeRoleWithWebIdentityResponse>"};
}

}  // namespace spillway::sim
