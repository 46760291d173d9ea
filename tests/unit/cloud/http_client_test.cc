// The client against a real socket of the loopback.
#include <spillway/cloud/http.h>

#include <gtest/gtest.h>

#include "support/scripted_server.h"

namespace spillway::cloud {
namespace {

using testing::ScriptedServer;

class HttpClientTest : public ::testing::Test {
 protected:
  Result<HttpResponse> send(HttpRequest request, Duration timeout = std::chrono::seconds(20)) {
    client_ = make_http_client(runtime_, {.allowed_origins = {request.url.origin()}});
    return exchange(std::move(request), timeout);
  }
  Result<HttpResponse> exchange(HttpRequest request, Duration timeout) {
    std::optional<Result<HttpResponse>> out;
    asio::co_spawn(io_, client_->send(std::move(request), timeout),
                   [&](const std::exception_ptr& thrown, Result<HttpResponse> result) {
                     ASSERT_FALSE(thrown);
                     out = std::move(result);
                   });
    io_.restart();
    io_.run();
    return std::move(*out);
  }
  static HttpRequest get(const std::string& url) { return {.url = parse_url(url).value()}; }

  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), *clock_, *timers_, *random_};
  std::unique_ptr<HttpClient> client_;
};

TEST_F(HttpClientTest, carries_request_and_answer_unchanged) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello"}});
  HttpRequest request = get(server.url() + "/a%20b?x=%2F&y=1");
  request.method = "POST";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = "a=b";
  const auto response = send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(find_header(response->headers, "x-test"), "yes");
  const std::string head = server.received().at(0);
  SCOPED_TRACE(head);
  EXPECT_TRUE(head.starts_with("POST /a%20b?x=%2F&y=1 HTTP/1.1\r\n"));
  EXPECT_NE(head.find("Host:" + request.url.authority() + "\r\n"), std::string::npos);
  EXPECT_NE(head.find("Content-Type:application/x-www-form-urlencoded\r\n"), std::string::npos);
}

TEST_F(HttpClientTest, returns_a_redirect_instead_of_following_it) {
  ScriptedServer server(
      {{"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n"
        "Content-Length: 0\r\n\r\n"}});
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(server.received().size(), 1U);
}

TEST_F(HttpClientTest, refuses_an_answer_that_is_too_long) {
  const std::string big(100'000, 'x');
  ScriptedServer server(
      {{"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + big},
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n" + big + "\r\n0\r\n\r\n"},
       {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + big}});
  for (int i = 0; i < 3; ++i) {
    HttpRequest request = get(server.url());
    request.max_response_bytes = 1000;
    const auto response = send(request, std::chrono::seconds(5));
    ASSERT_FALSE(response) << i;
    EXPECT_EQ(response.error().code, ErrorCode::kRejected) << i << response.error().message;
  }
}

TEST_F(HttpClientTest, ends_at_its_deadline) {
  ScriptedServer server({{""}});
  const auto response = send(get(server.url()), std::chrono::milliseconds(50));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kTimeout);
}

TEST_F(HttpClientTest, tells_unreachable_from_lost_under_way) {
  std::string url;
  {
    url = ScriptedServer({}).url();
  }
  const auto refused = send(get(url));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << refused.error().message;

  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf"}});
  const auto lost = send(get(server.url()), std::chrono::seconds(5));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kUnknownOutcome) << lost.error().message;
}

TEST_F(HttpClientTest, speaks_only_to_origins_that_were_named) {
  client_ =
      make_http_client(runtime_, {.allowed_origins = {"https://ec2.us-east-1.amazonaws.com:443"}});
  for (const char* url : {"http://169.254.169.254/latest", "http://ec2.us-east-1.amazonaws.com/",
                          "https://ec2.us-east-1.amazonaws.com:8443/", "https://evil.example/"}) {
    const auto response = exchange(get(url), std::chrono::seconds(1));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument) << url;
  }
}

TEST_F(HttpClientTest, lets_go_of_a_request_in_flight_when_it_is_destroyed) {
  ScriptedServer server({{""}});
  {
    asio::io_context io;
    const auto timers = make_system_timers(io.get_executor());
    const Runtime runtime{io.get_executor(), *clock_, *timers, *random_};
    const auto client =
        make_http_client(runtime, {.allowed_origins = {get(server.url()).url.origin()}});
    bool ended = false;
    asio::co_spawn(io, client->send(get(server.url()), std::chrono::milliseconds(20)),
                   [&](const std::exception_ptr&, const Result<HttpResponse>&) { ended = true; });
    io.run();
    EXPECT_TRUE(ended);
  }  // the client goes before the io_context; neither hangs
}

TEST_F(HttpClientTest, shutting_down_ends_what_is_in_flight_and_refuses_the_rest) {
  ScriptedServer server({{""}});
  const HttpRequest request = get(server.url());
  client_ = make_http_client(runtime_, {.allowed_origins = {request.url.origin()}});
  std::optional<ErrorCode> first;
  asio::co_spawn(io_, client_->send(request, std::chrono::seconds(20)),
                 [&](const std::exception_ptr&, const Result<HttpResponse>& result) {
                   ASSERT_FALSE(result);
                   first = result.error().code;
                 });
  while (server.received().empty())
    io_.run_for(std::chrono::milliseconds(1));
  client_->shut_down();
  io_.restart();
  io_.run();
  EXPECT_EQ(first, ErrorCode::kCancelled);
  const auto second = exchange(request, std::chrono::seconds(20));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kCancelled);
}

TEST(HttpStatusError, maps_each_kind_and_takes_retry_after) {
  const auto code = [](int status) { return http_status_error({.status = status}).code; };
  EXPECT_EQ(code(302), ErrorCode::kRejected);
  EXPECT_EQ(code(400), ErrorCode::kRejected);
  EXPECT_EQ(code(401), ErrorCode::kUnauthorized);
  EXPECT_EQ(code(403), ErrorCode::kForbidden);
  EXPECT_EQ(code(404), ErrorCode::kNotFound);
  EXPECT_EQ(code(429), ErrorCode::kThrottled);
  EXPECT_EQ(code(500), ErrorCode::kUnknownOutcome);
  EXPECT_EQ(code(503), ErrorCode::kUnavailable);
  const auto wait = [](const char* text) {
    return http_status_error({.status = 429, .headers = {{"Retry-After", text}}}).retry_after;
  };
  EXPECT_EQ(wait("7"), std::chrono::seconds(7));
  EXPECT_EQ(wait("999999"), std::chrono::hours(1));
  for (const char* bad : {"", "-1", "soon", "99999999999999999999"})
    EXPECT_FALSE(wait(bad)) << bad;
}

}  // namespace
}  // namespace spillway::cloud
