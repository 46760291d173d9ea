#include "beast_connection.h"

#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "wire.h"

namespace spillway::cloud {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;
constexpr std::size_t kReadBytes = 64 * 1024;  // of heads, and of bodies of unknown length
// A body as long as this goes with its head, in one packet where it is small.
constexpr std::size_t kJoinedBytes = 32 * 1024;

using Parser = http::response_parser<http::string_body>;

std::string head_of(const HttpRequest& request) {
  std::string head = request.method + " " + request.url.target() + " HTTP/1.1\r\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", request.url.authority());
  for (const HttpHeader& header : request.headers)
    add(header.name, header.value);
  const std::size_t length = request.payload().size();
  const bool carries_body = request.method == "PUT" || request.method == "POST";
  if (carries_body || length > 0) add("Content-Length", std::to_string(length));
  return head + "\r\n";
}

HttpResponse response_of(http::response<http::string_body>&& answer) {
  HttpResponse response{.status = static_cast<int>(answer.result_int())};
  for (const auto& field : answer) {
    response.headers.push_back(
        {.name = std::string(field.name_string()), .value = std::string(field.value())});
  }
  response.body = std::move(answer.body());
  return response;
}

Error lost(std::string_view doing, const SystemError& error) {
  if (error == http::error::body_limit || error == http::error::header_limit) {
    return {.code = ErrorCode::kRejected, .message = "the answer is longer than allowed"};
  }
  return {.code = ErrorCode::kUnknownOutcome,
          .message = std::string(doing) + ": " + error.message()};
}

class WiredConnection final : public BeastConnection {
 public:
  WiredConnection(const asio::any_io_executor& executor, std::unique_ptr<Wire> wire)
      : resolver_(executor), wire_(std::move(wire)) {}

  Task<Result<void>> connect(Url url) override {
    std::string host = url.host;
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    SystemError error;
    const auto address = asio::ip::make_address(host, error);
    tcp::resolver::results_type endpoints;
    if (!error) {
      endpoints = tcp::resolver::results_type::create(tcp::endpoint(address, url.port), host, "");
    } else {
      error.clear();
      endpoints = co_await resolver_.async_resolve(
          host, std::to_string(url.port), asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) co_return unreached("resolving " + host, error);
    if (closed_) co_return unreached("connecting to " + host, asio::error::operation_aborted);
    tcp::socket& socket = wire_->socket();
    co_await asio::async_connect(socket, endpoints,
                                 asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return unreached("connecting to " + url.origin(), error);
    SystemError best_effort;
    socket.set_option(tcp::no_delay(true), best_effort);
    co_return co_await wire_->shake_hands(url.host);
  }

  Task<Outcome> exchange(const HttpRequest& request) override {
    // A server may answer, and close, before it has read all: its answer is worth reading.
    const SystemError write_error = co_await send(request);
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(request.max_response_bytes);
    parser.skip(request.method == "HEAD");
    beast::flat_buffer buffer;
    // The head first: Beast 1.74 forgets body_limit where head and body come in one piece.
    SystemError error = co_await read_while(
        parser, buffer, [](const Parser& so_far) { return !so_far.is_header_done(); });
    const bool known_length = !error && !parser.is_done() && parser.content_length();
    if (known_length) {
      error = co_await read_body(parser, buffer);
    } else if (!error && !parser.is_done()) {
      parser.eager(true);
      error = co_await read_while(parser, buffer,
                                  [](const Parser& so_far) { return !so_far.is_done(); });
    }
    if (error) {
      keep_ = false;
      const bool silent = !parser.got_some() && !closed_ && error != http::error::body_limit;
      co_return tl::unexpected<Failure>(
          Failure{.error = write_error ? lost("sending the request", write_error)
                                       : lost("reading the answer", error),
                  .silent = silent});
    }
    keep_ = parser.keep_alive() && !write_error && buffer.size() == 0 && wire_->drained();
    co_return response_of(parser.release());
  }

  void close() override {
    closed_ = true;
    resolver_.cancel();
    SystemError ignored;  // a socket that cannot be closed is closed
    wire_->socket().close(ignored);
  }

  bool fit_for_reuse() override {
    tcp::socket& socket = wire_->socket();
    if (closed_ || !keep_ || !socket.is_open()) return false;
    char byte = 0;
    const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  Task<SystemError> send(const HttpRequest& request) {
    const std::string_view body = request.payload();
    std::string head = head_of(request);
    const bool joined = body.size() <= kJoinedBytes;
    if (joined) head += body;
    SystemError error = co_await wire_->write(head);
    if (!error && !joined) error = co_await wire_->write(body);
    co_return error;
  }

  Task<SystemError> read_while(Parser& parser, beast::flat_buffer& buffer,
                               bool (*unfinished)(const Parser&)) {
    while (unfinished(parser)) {
      SystemError error;
      if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), error));
      if (error && error != http::error::need_more) co_return error;
      if (!unfinished(parser)) break;
      if (!error && buffer.size() > 0) continue;
      const auto room = buffer.prepare(kReadBytes);
      const Arrived arrived =
          co_await wire_->read_some(static_cast<char*>(room.data()), room.size());
      buffer.commit(arrived.bytes);
      if (!arrived.error) continue;
      if (arrived.error != asio::error::eof || !parser.got_some()) co_return arrived.error;
      parser.put_eof(error);
      if (error) co_return error;
    }
    co_return SystemError();
  }

  // Straight to where it stays: the parser would take it through its own buffer.
  Task<SystemError> read_body(Parser& parser, beast::flat_buffer& buffer) {
    std::string& body = parser.get().body();
    body.resize(static_cast<std::size_t>(*parser.content_length()));
    const std::size_t early =
        asio::buffer_copy(asio::buffer(body), buffer.data());  // came with the head
    buffer.consume(early);
    for (std::size_t have = early; have < body.size();) {
      const Arrived arrived = co_await wire_->read_some(body.data() + have, body.size() - have);
      if (arrived.error) co_return arrived.error;
      have += arrived.bytes;
    }
    co_return SystemError();
  }

  static tl::unexpected<Error> unreached(const std::string& doing, const SystemError& error) {
    return fail(ErrorCode::kUnavailable, doing + ": " + error.message());
  }

  tcp::resolver resolver_;
  std::unique_ptr<Wire> wire_;
  bool closed_ = false;
  bool keep_ = true;
};

}  // namespace

std::unique_ptr<BeastConnection> make_beast_connection(const asio::any_io_executor& executor,
                                                       const std::shared_ptr<TlsTrust>& trust,
                                                       bool tls) {
  return std::make_unique<WiredConnection>(
      executor, tls ? make_tls_wire(executor, trust) : make_plain_wire(executor));
}

}  // namespace spillway::cloud
