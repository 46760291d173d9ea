#include <spillway/control/probe_server.h>

#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <future>
#include <string>
#include <thread>
#include <vector>

namespace spillway::control {
namespace {

using tcp = asio::ip::tcp;

TEST(ListenAddress, reads_both_families) {
  EXPECT_EQ(ListenAddress::parse("0.0.0.0:8080")->to_string(), "0.0.0.0:8080");
  EXPECT_EQ(ListenAddress::parse("[::1]:0")->to_string(), "[::1]:0");
  EXPECT_EQ(ListenAddress::parse("[::1]:0")->host, "::1");
}

TEST(ListenAddress, refuses_what_cannot_be_bound_with_an_example) {
  for (const std::string text : {"", "8080", ":8080", "localhost:8080", "1.2.3.4:", "1.2.3.4:99999",
                                 "::1:80", "[1.2.3.4]:80"}) {
    const auto address = ListenAddress::parse(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().message,
              "'" + text +
                  "' is not an address to listen on: write ADDRESS:PORT, such as "
                  "0.0.0.0:8080 or [::]:8080");
  }
}

// A server on a thread of its own, asked over a real socket.
class Serving : public ::testing::Test {
 protected:
  template <class Body>
  auto on_loop(Body body) {
    std::packaged_task<decltype(body())()> task(std::move(body));
    auto result = task.get_future();
    asio::post(io_, std::move(task));
    return result.get();
  }

  void serve(ProbeLimits limits = {}) {
    ProbeSources sources{.not_ready = [this] { return missing_; },
                         .metrics = [] { return std::string("up 1\n"); }};
    auto server = ProbeServer::listen({io_.get_executor(), *clock_, *timers_, *random_},
                                      {.host = "127.0.0.1"}, std::move(sources), limits);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    server_->start(tasks_);
    thread_ = std::thread([this] { io_.run(); });
  }
  void TearDown() override {
    if (!thread_.joinable()) return;
    on_loop([this] {
      server_->stop();
      return 0;
    });
    work_.reset();
    thread_.join();  // run() returns only when no connection is left
    EXPECT_EQ(server_->connections(), 0U);
  }

  tcp::socket connect() {
    tcp::socket socket(client_io_);
    socket.connect({asio::ip::make_address("127.0.0.1"), server_->address().port});
    return socket;
  }
  // All that comes until the server closes.
  static std::string rest(tcp::socket& socket) {
    std::string text;
    boost::system::error_code error;
    asio::read(socket, asio::dynamic_buffer(text), error);
    return text;
  }
  std::string ask(const std::string& request) {
    tcp::socket socket = connect();
    boost::system::error_code error;
    asio::write(socket, asio::buffer(request), error);
    return rest(socket);
  }
  std::string get(const std::string& path) {
    return ask("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  }

  asio::io_context io_, client_io_;
  // A test may stop the server itself: the loop must still be there for TearDown.
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<Clock> clock_ = make_system_clock();
  std::unique_ptr<Timers> timers_ = make_system_timers(io_.get_executor());
  std::unique_ptr<Random> random_ = make_random(1);
  TaskGroup tasks_{io_.get_executor(), *timers_};
  std::vector<std::string> missing_;
  std::unique_ptr<ProbeServer> server_;
  std::thread thread_;
};

bool starts(const std::string& answer, const std::string& line) {
  return answer.rfind(line + "\r\n", 0) == 0;
}
bool ends(const std::string& answer, const std::string& body) {
  return answer.size() >= body.size() + 4 &&
         answer.substr(answer.size() - body.size() - 4) == "\r\n\r\n" + body;
}

TEST_F(Serving, health_is_answered_while_the_loop_turns) {
  serve();
  EXPECT_NE(server_->address().port, 0);
  const std::string answer = get("/healthz");
  EXPECT_TRUE(starts(answer, "HTTP/1.1 200 OK")) << answer;
  EXPECT_TRUE(ends(answer, "ok\n")) << answer;
}

TEST_F(Serving, readiness_says_what_is_missing) {
  serve();
  EXPECT_TRUE(starts(get("/readyz"), "HTTP/1.1 200 OK"));
  on_loop([this] {
    missing_ = {"pods: connection refused", "nodes: connection refused"};
    return 0;
  });
  const std::string answer = get("/readyz?verbose");
  EXPECT_TRUE(starts(answer, "HTTP/1.1 503 Service Unavailable")) << answer;
  EXPECT_TRUE(ends(answer, "not ready\npods: connection refused\nnodes: connection refused\n"))
      << answer;
}

TEST_F(Serving, metrics_have_the_type_of_the_text_format) {
  serve();
  const std::string answer = get("/metrics");
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos)
      << answer;
  EXPECT_TRUE(ends(answer, "up 1\n")) << answer;
}

TEST_F(Serving, other_paths_and_methods_are_refused) {
  serve();
  EXPECT_TRUE(starts(get("/"), "HTTP/1.1 404 Not Found"));
  EXPECT_TRUE(starts(get("/healthz/x"), "HTTP/1.1 404 Not Found"));
  const std::string answer = ask("POST /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(starts(answer, "HTTP/1.1 405 Method Not Allowed")) << answer;
  EXPECT_NE(answer.find("Allow: GET\r\n"), std::string::npos) << answer;
}

TEST_F(Serving, bodies_long_headers_and_nonsense_are_refused) {
  serve();
  EXPECT_TRUE(starts(ask("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
                     "HTTP/1.1 413 Payload Too Large"));
  EXPECT_TRUE(starts(ask("GET /healthz HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"),
                     "HTTP/1.1 431 Request Header Fields Too Large"));
  EXPECT_TRUE(starts(ask("\x16\x03\x01 nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request"));
}

TEST_F(Serving, a_connection_is_kept_for_the_next_request) {
  serve();
  tcp::socket socket = connect();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    asio::write(socket, asio::buffer(request));
    std::string text;
    asio::read_until(socket, asio::dynamic_buffer(text), "ok\n");
    EXPECT_TRUE(starts(text, "HTTP/1.1 200 OK")) << text;
  }
  EXPECT_EQ(on_loop([this] { return server_->connections(); }), 1U);
}

TEST_F(Serving, idle_connections_are_closed) {
  serve({.idle_timeout = std::chrono::milliseconds(50)});
  tcp::socket socket = connect();
  EXPECT_EQ(rest(socket), "");  // returns because the server closes
}

TEST_F(Serving, connections_above_the_limit_are_closed_at_once) {
  serve({.max_connections = 2});
  tcp::socket first = connect();
  tcp::socket second = connect();
  tcp::socket third = connect();
  EXPECT_EQ(rest(third), "");
  asio::write(first,
              asio::buffer(std::string("GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n")));
  EXPECT_TRUE(starts(rest(first), "HTTP/1.1 200 OK"));
}

TEST_F(Serving, stopping_closes_open_connections) {
  serve();
  tcp::socket socket = connect();
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  asio::write(socket, asio::buffer(request));
  std::string text;
  asio::read_until(socket, asio::dynamic_buffer(text), "ok\n");
  on_loop([this] {
    server_->stop();
    return 0;
  });
  EXPECT_EQ(rest(socket), "");
}

TEST_F(Serving, a_port_that_is_taken_is_named) {
  serve();
  const auto second = ProbeServer::listen({io_.get_executor(), *clock_, *timers_, *random_},
                                          server_->address(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "listening on " + server_->address().to_string() +
                " is not possible (Address already in use): write another address or port");
}

}  // namespace
}  // namespace spillway::control
