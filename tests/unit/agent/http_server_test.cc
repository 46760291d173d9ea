// The server on a real socket, asked by the project's own client.
#include "http_server.h"

#include <gtest/gtest.h>

#include <spillway/cloud/beast_http_client.h>

namespace spillway::agent {
namespace {

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    const auto listening = server_->listen("127.0.0.1:0");
    EXPECT_TRUE(listening);
    url_ = cloud::parse_url("http://127.0.0.1:" + std::to_string(server_->port())).value();
    client_ = cloud::make_beast_http_client(runtime_, {.allowed_origins = {url_.origin()}}).value();
    server_->start(group_);
  }
  ~HttpServerTest() override {
    server_->stop();
    client_->shut_down();
    io_.restart();
    io_.run();
    EXPECT_EQ(group_.running(), 0U);
  }
  Result<cloud::HttpResponse> send(cloud::HttpRequest request) {
    std::optional<Result<cloud::HttpResponse>> out;
    asio::co_spawn(io_, client_->send(std::move(request), std::chrono::seconds(20)),
                   [&](const std::exception_ptr& thrown, Result<cloud::HttpResponse> result) {
                     EXPECT_FALSE(thrown);
                     out = std::move(result);
                   });
    io_.restart();
    while (!out && io_.run_one() > 0) {
    }
    return *std::move(out);
  }

  asio::io_context io_;
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), *clock_, *timers_, *random_};
  std::vector<ServerRequest> seen_;
  std::unique_ptr<HttpServer> server_ = make_http_server(runtime_, [this](const auto& request) {
    seen_.push_back(request);
    return ServerAnswer{.status = 202, .body = "{}"};
  });
  cloud::Url url_;
  std::unique_ptr<cloud::HttpClient> client_;
  TaskGroup group_{io_.get_executor(), *timers_};
};

TEST_F(HttpServerTest, answers_one_request_after_another) {
  url_.path = "/v1/save";
  url_.query = "x=1";
  for (int i = 0; i < 3; ++i) {
    const auto response = send({.method = "POST",
                                .url = url_,
                                .headers = {{"Authorization", "Bearer t"}},
                                .body = "body"});
    ASSERT_TRUE(response) << response.error().message;
    EXPECT_EQ(response->status, 202);
    EXPECT_EQ(response->body, "{}");
  }
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_EQ(seen_[0].method, "POST");
  EXPECT_EQ(seen_[0].path, "/v1/save");
  EXPECT_EQ(seen_[0].authorization, "Bearer t");
  EXPECT_EQ(seen_[0].body, "body");
}

TEST_F(HttpServerTest, refuses_a_body_that_is_too_long) {
  const auto response = send({.method = "POST", .url = url_, .body = std::string(20'000, 'x')});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
  EXPECT_TRUE(seen_.empty());
}

TEST(HttpServerAddress, is_checked) {
  asio::io_context io;
  const auto clock = make_system_clock();
  const auto timers = make_system_timers(io.get_executor());
  const auto random = make_random(1);
  const Runtime runtime{io.get_executor(), *clock, *timers, *random};
  for (const char* bad : {"", "x", "127.0.0.1", "127.0.0.1:", "localhost:80", "127.0.0.1:99999"}) {
    const auto server =
        make_http_server(runtime, [](const ServerRequest&) { return ServerAnswer(); });
    EXPECT_FALSE(server->listen(bad)) << bad;
  }
}

}  // namespace
}  // namespace spillway::agent
