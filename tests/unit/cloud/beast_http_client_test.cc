// The client against real sockets: a server thread with a script for each connection.
#include <spillway/cloud/beast_http_client.h>

#include <gtest/gtest.h>

#include "support/scripted_server.h"

namespace spillway::cloud {
namespace {

using testing::ScriptedServer;

const std::string kHello = "HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 5\r\n\r\nhello";

class BeastHttpClient : public ::testing::Test {
 protected:
  ~BeastHttpClient() override {
    client_.reset();
    io_.restart();
    io_.run();
  }
  Result<HttpResponse> send(HttpRequest request, Duration timeout = std::chrono::seconds(20)) {
    if (!client_) {
      client_ =
          make_beast_http_client(runtime_, {.allowed_origins = {request.url.origin()}}).value();
    }
    std::optional<Result<HttpResponse>> out;
    asio::co_spawn(io_, client_->send(std::move(request), timeout),
                   [&](const std::exception_ptr& thrown, Result<HttpResponse> result) {
                     EXPECT_FALSE(thrown);
                     out = std::move(result);
                   });
    io_.restart();
    while (!out && io_.run_one() > 0) {
    }
    return *std::move(out);
  }
  static HttpRequest get(const std::string& url, const std::string& method = "GET") {
    return {.method = method, .url = parse_url(url).value()};
  }

  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), *clock_, *timers_, *random_};
  std::unique_ptr<HttpClient> client_;
};

TEST_F(BeastHttpClient, carries_request_and_answer_unchanged) {
  ScriptedServer server({{kHello}});
  HttpRequest request = get(server.url() + "/a%20b?x=%2F&y=1", "PUT");
  request.headers = {{"X-Amz-Date", "now"}};
  request.shared_body = std::make_shared<const std::string>("body");
  const auto response = send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  EXPECT_EQ(find_header(response->headers, "x-test"), "yes");
  const std::string head = server.received().at(0);
  EXPECT_TRUE(head.starts_with("PUT /a%20b?x=%2F&y=1 HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\nbody")) << head;
}

TEST_F(BeastHttpClient, keeps_its_connection) {
  ScriptedServer server({{kHello, kHello, kHello}});
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(send(get(server.url())));
}

TEST_F(BeastHttpClient, sends_again_what_met_a_connection_that_was_closed_meanwhile) {
  ScriptedServer server({{kHello}, {kHello}});
  EXPECT_TRUE(send(get(server.url())));
  EXPECT_TRUE(send(get(server.url(), "PUT")));
  EXPECT_EQ(server.received().size(), 2U);
}

TEST_F(BeastHttpClient, returns_a_redirect_instead_of_following_it) {
  ScriptedServer server(
      {{"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n"
        "Content-Length: 0\r\n\r\n"}});
  EXPECT_EQ(send(get(server.url()))->status, 302);
}

TEST_F(BeastHttpClient, takes_no_longer_answer_than_allowed) {
  ScriptedServer server({{kHello}});
  HttpRequest request = get(server.url());
  request.max_response_bytes = 4;
  const auto response = send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kRejected);
}

TEST_F(BeastHttpClient, takes_an_answer_whose_length_its_end_tells) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall there is"}});
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "all there is");
}

TEST_F(BeastHttpClient, takes_an_answer_in_chunks_and_keeps_the_connection) {
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n again\r\n0\r\n\r\n";
  ScriptedServer server({{chunked, kHello}});
  const auto response = send(get(server.url()));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "hello again");
  EXPECT_TRUE(send(get(server.url())));
}

TEST_F(BeastHttpClient, takes_no_longer_answer_in_chunks_than_allowed) {
  ScriptedServer server(
      {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6\r\n again\r\n0\r\n\r\n"}});
  HttpRequest request = get(server.url());
  request.max_response_bytes = 8;
  const auto response = send(request);
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::kRejected);
}

TEST_F(BeastHttpClient, carries_bodies_of_megabytes_both_ways) {
  const std::string large(std::size_t{3} << 20, 'x');
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(large.size());
  ScriptedServer server({{head + "\r\n\r\n" + large}});
  HttpRequest request = get(server.url(), "PUT");
  request.shared_body = std::make_shared<const std::string>(large);
  const auto response = send(request);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_TRUE(response->body == large);
  EXPECT_TRUE(server.received().at(0).ends_with("\r\n\r\n" + large));
}

TEST_F(BeastHttpClient, takes_a_head_without_its_body) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\n\r\n"}});
  const auto response = send(get(server.url(), "HEAD"));
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(find_header(response->headers, "Content-Length"), "123456789");
}

TEST_F(BeastHttpClient, ends_at_its_deadline) {
  ScriptedServer server({{""}});
  EXPECT_EQ(send(get(server.url()), std::chrono::milliseconds(200)).error().code,
            ErrorCode::kTimeout);
}

TEST_F(BeastHttpClient, tells_an_answer_that_broke_off_from_none_at_all) {
  ScriptedServer server({{"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal"}});
  EXPECT_EQ(send(get(server.url())).error().code, ErrorCode::kUnknownOutcome);
  client_.reset();
  EXPECT_EQ(send(get("http://127.0.0.1:1/")).error().code, ErrorCode::kUnavailable);
}

TEST_F(BeastHttpClient, speaks_to_allowed_origins_only_and_not_after_its_end) {
  ScriptedServer server({});
  client_ =
      make_beast_http_client(runtime_, {.allowed_origins = {"https://example.com:443"}}).value();
  EXPECT_EQ(send(get(server.url())).error().code, ErrorCode::kInvalidArgument);
  client_->shut_down();
  EXPECT_EQ(send(get(server.url())).error().code, ErrorCode::kCancelled);
}

TEST_F(BeastHttpClient, shutting_down_ends_what_is_in_flight) {
  ScriptedServer server({{""}});
  const auto stopper = timers_->make();
  std::optional<Result<HttpResponse>> out;
  client_ = make_beast_http_client(runtime_,
                                   {.allowed_origins = {parse_url(server.url()).value().origin()}})
                .value();
  asio::co_spawn(
      io_, client_->send(get(server.url()), std::chrono::seconds(20)),
      [&](const std::exception_ptr&, Result<HttpResponse> result) { out = std::move(result); });
  while (server.received().empty())
    io_.poll_one();
  client_->shut_down();
  io_.restart();
  io_.run();
  ASSERT_TRUE(out);
  EXPECT_EQ(out->error().code, ErrorCode::kCancelled);
}

TEST_F(BeastHttpClient, wants_certificates_in_a_bundle) {
  const auto client = make_beast_http_client(runtime_, {.ca_bundle = "no certificate"});
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().message.find("BEGIN CERTIFICATE"), std::string::npos);
}

}  // namespace
}  // namespace spillway::cloud
