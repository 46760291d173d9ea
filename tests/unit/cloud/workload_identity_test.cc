#include <spillway/cloud/workload_identity.h>

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "support/run_task.h"
#include "support/temporary_folder.h"

namespace spillway::cloud {
namespace {

class ScriptedHttp final : public HttpClient {
 public:
  explicit ScriptedHttp(Timers& timers, const Clock& clock) : timers_(timers), clock_(clock) {}
  Task<Result<HttpResponse>> send(HttpRequest request, Duration) override {
    requests.push_back(std::move(request));
    const auto timer = timers_.make();
    co_await timer->wait_until(clock_.monotonic() + std::chrono::milliseconds(500));
    if (answers.empty()) co_return fail(ErrorCode::kUnavailable, "refused");
    auto answer = answers.front();  // the last one stays
    if (answers.size() > 1) answers.pop_front();
    co_return answer;
  }
  void shut_down() override {}

  std::deque<Result<HttpResponse>> answers;
  std::vector<HttpRequest> requests;

 private:
  Timers& timers_;
  const Clock& clock_;
};

class WorkloadIdentityTest : public ::testing::Test {
 protected:
  WorkloadIdentityTest() {
    folder_.write("token", "first-token\n");
    provider_ =
        make_web_identity_credentials(runtime_, http_,
                                      {.role_arn = "arn:aws:iam::1:role/trainer",
                                       .token_file = (folder_.path() / "token").string(),
                                       .endpoint = sts_endpoint(Region("eu-west-1")).value()});
  }
  HttpResponse keys(const std::string& id, Duration life = std::chrono::hours(1)) {
    return {.status = 200,
            .body =
                "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>"
                "<AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials><AccessKeyId>" +
                id +
                "</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
                "<SessionToken>session</SessionToken><Expiration>" +
                format_instant(time_.now() + life) +
                "</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
                "</AssumeRoleWithWebIdentityResponse>"};
  }
  Result<Credentials> get() { return *testing::run_task(io_, time_, provider_->get()); }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  ScriptedHttp http_{time_, time_};
  testing::TemporaryFolder folder_;
  std::unique_ptr<CredentialsProvider> provider_;
};

TEST_F(WorkloadIdentityTest, asks_regional_sts_with_the_token_of_the_file) {
  http_.answers = {keys("AKID1")};
  const auto credentials = get();
  ASSERT_TRUE(credentials) << credentials.error().message;
  EXPECT_EQ(credentials->access_key_id, "AKID1");
  EXPECT_EQ(credentials->session_token.reveal(), "session");
  ASSERT_EQ(http_.requests.size(), 1U);
  const HttpRequest& request = http_.requests[0];
  EXPECT_EQ(request.url.to_string(), "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_EQ(request.method, "POST");
  EXPECT_FALSE(find_header(request.headers, "Authorization"));
  const auto form = decode_form(request.body).value();
  const std::map<std::string, std::string> fields(form.begin(), form.end());
  EXPECT_EQ(fields.at("Action"), "AssumeRoleWithWebIdentity");
  EXPECT_EQ(fields.at("RoleArn"), "arn:aws:iam::1:role/trainer");
  EXPECT_EQ(fields.at("WebIdentityToken"), "first-token");
  EXPECT_EQ(fields.at("DurationSeconds"), "3600");
}

TEST_F(WorkloadIdentityTest, renews_after_three_quarters_with_the_token_of_then) {
  http_.answers = {keys("AKID1")};
  get();
  time_.run_for(std::chrono::minutes(41));
  get();
  EXPECT_EQ(http_.requests.size(), 1U);
  folder_.write("token", "second-token");
  http_.answers = {keys("AKID2")};
  time_.run_for(std::chrono::minutes(8));
  EXPECT_EQ(get()->access_key_id, "AKID2");
  ASSERT_EQ(http_.requests.size(), 2U);
  EXPECT_NE(http_.requests[1].body.find("second-token"), std::string::npos);
}

TEST_F(WorkloadIdentityTest, asks_once_for_many) {
  http_.answers = {keys("AKID1")};
  int answered = 0;
  for (int i = 0; i < 10; ++i) {
    asio::co_spawn(io_, provider_->get(),
                   [&](const std::exception_ptr&, const Result<Credentials>& credentials) {
                     EXPECT_TRUE(credentials);
                     ++answered;
                   });
  }
  time_.run_for(std::chrono::seconds(2));
  EXPECT_EQ(answered, 10);
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(WorkloadIdentityTest, keeps_the_old_keys_until_they_end_and_then_fails) {
  http_.answers = {keys("AKID1")};
  get();
  http_.answers = {HttpResponse{
      .status = 403,
      .body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>Not authorized</Message>"
              "</Error></ErrorResponse>"}};
  time_.run_for(std::chrono::minutes(50));
  EXPECT_EQ(get()->access_key_id, "AKID1");
  const std::size_t asked = http_.requests.size();
  EXPECT_EQ(get()->access_key_id, "AKID1");  // not at every call
  EXPECT_EQ(http_.requests.size(), asked);
  time_.run_for(std::chrono::minutes(11));
  const auto failed = get();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kForbidden);
  EXPECT_NE(failed.error().message.find("AccessDenied"), std::string::npos)
      << failed.error().message;
}

TEST_F(WorkloadIdentityTest, an_absent_token_and_half_an_answer_are_errors) {
  folder_.write("token", "");
  EXPECT_EQ(get().error().code, ErrorCode::kUnauthorized);
  EXPECT_TRUE(http_.requests.empty());
  folder_.write("token", "t");
  http_.answers = {HttpResponse{.status = 200, .body = "<a><AccessKeyId>x</AccessKeyId></a>"}};
  EXPECT_FALSE(get());
  http_.answers = {HttpResponse{.status = 200, .body = "no xml"}};
  EXPECT_FALSE(get());
}

TEST_F(WorkloadIdentityTest, the_container_endpoint_gets_the_token_of_its_file) {
  provider_ =
      make_container_credentials(runtime_, http_,
                                 {.uri = parse_url("http://169.254.170.23/v1/credentials").value(),
                                  .token_file = (folder_.path() / "token").string()});
  http_.answers = {HttpResponse{
      .status = 200,
      .body = R"({"AccessKeyId":"AKIDC","SecretAccessKey":"s","Token":"t","Expiration":")" +
              format_instant(time_.now() + std::chrono::hours(1)) + "\"}"}};
  EXPECT_EQ(get()->access_key_id, "AKIDC");
  EXPECT_EQ(find_header(http_.requests[0].headers, "Authorization"), "first-token");
}

using Variables = std::map<std::string, std::string>;
Result<WorkloadIdentity> identity_of(const Variables& variables) {
  return read_workload_identity(
      [&](const char* name) -> const char* {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      Region("eu-west-1"));
}

TEST(WorkloadIdentitySources, exactly_one_is_taken) {
  const Variables web{{"AWS_ROLE_ARN", "arn"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}};
  EXPECT_EQ(identity_of(web)->origin(), "https://sts.eu-west-1.amazonaws.com:443");
  Variables both = web;
  both["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://169.254.170.23/x";
  EXPECT_TRUE(identity_of(both)->web);
  EXPECT_FALSE(identity_of(both)->container);
  EXPECT_EQ(identity_of({})->origin(), std::nullopt);
}

TEST(WorkloadIdentitySources, half_a_source_is_an_error_and_not_the_next_one) {
  EXPECT_FALSE(identity_of({{"AWS_ROLE_ARN", "arn"}, {"AWS_ACCESS_KEY_ID", "x"}}));
  EXPECT_FALSE(identity_of({{"AWS_WEB_IDENTITY_TOKEN_FILE", "/t"}}));
  EXPECT_FALSE(identity_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://evil.example/x"}}));
  EXPECT_TRUE(identity_of({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "https://agent.example/x"}}));
}

}  // namespace
}  // namespace spillway::cloud
