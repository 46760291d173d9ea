// The only file of the market server that includes Beast.

#include "http_server.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <charconv>
#include <set>

namespace spillway::market_server {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr std::size_t kMaxConnections = 256;
constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 1 << 20;
constexpr auto kTimeout = std::chrono::seconds(30);

ServerRequest plain(http::request<http::string_body>& message) {
  ServerRequest out{.method = std::string(message.method_string()),
                    .body = std::move(message.body())};
  const std::string target(message.target());
  const std::size_t question = target.find('?');
  out.path = target.substr(0, question);
  if (question != std::string::npos) out.query = target.substr(question + 1);
  for (const auto& field : message) {
    out.headers.push_back(
        {.name = std::string(field.name_string()), .value = std::string(field.value())});
  }
  return out;
}

http::response<http::string_body> message_of(ServerResponse response, unsigned version,
                                             bool keep_alive) {
  http::response<http::string_body> out(static_cast<http::status>(response.status), version);
  out.set(http::field::server, "spillway-market-server");
  out.set(http::field::content_type, response.content_type);
  out.keep_alive(keep_alive);
  out.body() = std::move(response.body);
  out.prepare_payload();
  return out;
}

// What the connections share with the listener; it may go before them.
struct State {
  Handler handler;
  std::set<beast::tcp_stream*> open;
  bool stopping = false;
};

class Registration {
 public:
  Registration(std::shared_ptr<State> state, beast::tcp_stream& stream)
      : state_(std::move(state)), stream_(&stream) {
    state_->open.insert(stream_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { state_->open.erase(stream_); }

 private:
  std::shared_ptr<State> state_;
  beast::tcp_stream* stream_;
};

Task<void> serve(std::shared_ptr<State> state, tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  const Registration registration(state, stream);
  beast::flat_buffer buffer;
  boost::system::error_code error;
  while (!state->stopping) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(kMaxBodyBytes);
    stream.expires_after(kTimeout);
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
    const bool too_long = error == http::error::body_limit || error == http::error::header_limit;
    if (error && !too_long) co_return;  // closed, timed out, or no HTTP: nobody to answer
    auto request = parser.release();
    const bool keep_alive = !too_long && request.keep_alive() && !state->stopping;
    const unsigned version = request.version() == 0 ? 11 : request.version();
    ServerResponse answer{.status = 413, .body = "the request is too long\n"};
    if (!too_long) answer = state->handler(plain(request));
    auto response = message_of(std::move(answer), version, keep_alive);
    stream.expires_after(kTimeout);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    if (error || !keep_alive) break;
  }
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
}

class Listener final : public HttpServer {
 public:
  Listener(asio::io_context& io, Handler handler)
      : acceptor_(io), state_(std::make_shared<State>(State{.handler = std::move(handler)})) {}

  Result<void> open(const tcp::endpoint& endpoint) {
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(ErrorCode::kUnavailable, error.message());
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    return {};
  }

  [[nodiscard]] std::string address() const override {
    const auto endpoint = acceptor_.local_endpoint();
    const std::string host = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" +
           std::to_string(endpoint.port());
  }

  void stop() override {
    state_->stopping = true;
    boost::system::error_code ignored;  // it is closed either way
    acceptor_.close(ignored);
    for (beast::tcp_stream* stream : state_->open)
      stream->cancel();
  }

 private:
  Task<void> accept() {
    boost::system::error_code error;
    while (!state_->stopping) {
      tcp::socket socket(acceptor_.get_executor());
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error == asio::error::operation_aborted || state_->stopping) co_return;
      // Without a free slot the connection closes at once; a failed accept is the peer's affair.
      if (error || state_->open.size() >= kMaxConnections) continue;
      asio::co_spawn(acceptor_.get_executor(), serve(state_, std::move(socket)), asio::detached);
    }
  }

  tcp::acceptor acceptor_;
  std::shared_ptr<State> state_;
};

Result<tcp::endpoint> parse_endpoint(const std::string& text) {
  const auto bad = [&] {
    return invalid("'" + text + "' is no address to listen on: write 127.0.0.1:8080 or [::1]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string_view digits = std::string_view(text).substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error || failed != std::errc() || end != digits.data() + digits.size()) return bad();
  return tcp::endpoint(address, port);
}

}  // namespace

Result<std::unique_ptr<HttpServer>> listen(asio::io_context& io, const std::string& address,
                                           Handler handler) {
  TRY(endpoint, parse_endpoint(address));
  auto listener = std::make_unique<Listener>(io, std::move(handler));
  if (const auto opened = listener->open(endpoint); !opened) {
    return fail(opened.error().in("listening on " + address));
  }
  return std::unique_ptr<HttpServer>(std::move(listener));
}

}  // namespace spillway::market_server
