#include "http_server.h"

#include <charconv>
#include <list>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <spillway/core/log.h>

namespace spillway::agent {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

Result<tcp::endpoint> endpoint_of(const std::string& address) {
  const auto wrong = [&] {
    return invalid("'" + address +
                   "' is not an address to listen on: write ADDRESS:PORT, such as 0.0.0.0:8467");
  };
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return wrong();
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  SystemError error;
  const auto ip = asio::ip::make_address(host, error);
  std::uint16_t port = 0;
  const char* end = address.data() + address.size();
  const auto [stop, failed] = std::from_chars(address.data() + colon + 1, end, port);
  if (error || failed != std::errc() || stop != end) return wrong();
  return tcp::endpoint(ip, port);
}

class Server final : public HttpServer {
 public:
  Server(Runtime runtime, Handler handler, ServerLimits limits)
      : runtime_(std::move(runtime)),
        handler_(std::move(handler)),
        limits_(limits),
        acceptor_(runtime_.executor),
        pause_(runtime_.timers) {}

  Result<void> listen(const std::string& address) override {
    TRY(endpoint, endpoint_of(address));
    SystemError error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return {};
    return invalid("listening on " + address + " is not possible: " + error.message());
  }

  [[nodiscard]] std::uint16_t port() const override {
    SystemError error;
    const auto endpoint = acceptor_.local_endpoint(error);
    return error ? std::uint16_t{0} : endpoint.port();
  }

  void start(TaskGroup& group) override { group.spawn(accept(&group)); }

  void stop() override {
    stopping_ = true;
    pause_.notify();
    SystemError ignored;  // what cannot be closed is closed
    acceptor_.close(ignored);
    for (beast::tcp_stream& stream : streams_)
      stream.close();
  }

 private:
  using Streams = std::list<beast::tcp_stream>;

  Task<void> accept(TaskGroup* group) {
    while (!stopping_) {
      SystemError error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_) break;
      if (error) {  // out of file descriptors: they come back
        log::warning("a connection could not be accepted", {{"error", error.message()}});
        co_await pause_.wait(runtime_.clock.monotonic() + kAcceptPause);
        continue;
      }
      if (streams_.size() >= limits_.connections) continue;  // closes it
      const auto at = streams_.emplace(streams_.end(), std::move(socket));
      group->spawn(serve(at));
    }
  }

  Task<void> serve(Streams::iterator at) {
    beast::flat_buffer buffer;
    while (!stopping_) {
      at->expires_after(limits_.idle);
      http::request_parser<http::string_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(limits_.body_bytes);
      SystemError error;
      // The head first: Beast 1.74 forgets body_limit where head and body come in one piece.
      co_await http::async_read_header(*at, buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, error));
      if (!error && !parser.is_done()) {
        co_await http::async_read(*at, buffer, parser,
                                  asio::redirect_error(asio::use_awaitable, error));
      }
      if (error && error != http::error::body_limit) break;
      const bool keep = !error && parser.keep_alive();
      http::response<http::string_body> response =
          error ? response_of({.status = 413, .body = "{\"message\":\"the body is too long\"}\n"})
                : response_of(answer(parser.get()));
      response.keep_alive(keep);
      response.prepare_payload();
      co_await http::async_write(*at, response, asio::redirect_error(asio::use_awaitable, error));
      if (error || !keep) break;
    }
    SystemError ignored;
    if (at->socket().is_open()) at->socket().shutdown(tcp::socket::shutdown_both, ignored);
    streams_.erase(at);
  }

  ServerAnswer answer(const http::request<http::string_body>& message) {
    const std::string target(message.target());
    return handler_({.method = std::string(message.method_string()),
                     .path = target.substr(0, target.find('?')),
                     .authorization = std::string(message[http::field::authorization]),
                     .body = message.body()});
  }

  static http::response<http::string_body> response_of(ServerAnswer answer) {
    http::response<http::string_body> response;
    response.version(11);
    response.result(static_cast<unsigned>(answer.status));
    response.set(http::field::content_type, "application/json");
    response.set(http::field::cache_control, "no-store");
    response.body() = std::move(answer.body);
    return response;
  }

  Runtime runtime_;
  Handler handler_;
  ServerLimits limits_;
  tcp::acceptor acceptor_;
  Signal pause_;
  Streams streams_;
  bool stopping_ = false;
};

}  // namespace

std::unique_ptr<HttpServer> make_http_server(const Runtime& runtime, HttpServer::Handler handler,
                                             ServerLimits limits) {
  return std::make_unique<Server>(runtime, std::move(handler), limits);
}

}  // namespace spillway::agent
