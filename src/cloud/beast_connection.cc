#include "beast_connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace spillway::cloud {

class TlsTrust {
 public:
  TlsTrust() : context(asio::ssl::context::tls_client) {}
  asio::ssl::context context;
};

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::uint32_t kMaxHeaderBytes = 64 * 1024;
constexpr std::size_t kReadBytes = 256 * 1024;

using Message = http::request<http::span_body<const char>>;

Message message_of(const HttpRequest& request) {
  Message message;
  message.method_string(request.method);
  message.target(request.url.target());
  message.version(11);
  message.set(http::field::host, request.url.authority());
  for (const HttpHeader& header : request.headers)
    message.insert(header.name, header.value);
  const std::string_view body = request.payload();
  message.body() = beast::span<const char>(body.data(), body.size());
  const bool carries_body = request.method == "PUT" || request.method == "POST";
  if (carries_body || !body.empty()) message.content_length(body.size());
  return message;
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

std::string tls_problem(const SystemError& error, SSL* ssl, const std::string& host) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified == X509_V_OK) return "TLS handshake with " + host + ": " + error.message();
  return "the certificate of " + host +
         " is not accepted: " + X509_verify_cert_error_string(verified);
}

class PlainStream {
 public:
  PlainStream(const asio::any_io_executor& executor, const std::shared_ptr<TlsTrust>&)
      : socket_(executor) {}
  tcp::socket& socket() { return socket_; }
  tcp::socket& stream() { return socket_; }
  Task<Result<void>> shake_hands(std::string) { co_return Result<void>(); }

 private:
  tcp::socket socket_;
};

class TlsStream {
 public:
  TlsStream(const asio::any_io_executor& executor, const std::shared_ptr<TlsTrust>& trust)
      : trust_(trust), stream_(executor, trust->context) {}
  tcp::socket& socket() { return stream_.next_layer(); }
  asio::ssl::stream<tcp::socket>& stream() { return stream_; }

  Task<Result<void>> shake_hands(std::string host) {
    if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
    SystemError not_an_address;
    asio::ip::make_address(host, not_an_address);
    if (not_an_address) {  // the macro SSL_set_tlsext_host_name has an old-style cast
      SSL_ctrl(stream_.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               host.data());
    }
    stream_.set_verify_callback(asio::ssl::host_name_verification(host));
    SystemError error;
    co_await stream_.async_handshake(asio::ssl::stream_base::client,
                                     asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      co_return fail(ErrorCode::kUnavailable, tls_problem(error, stream_.native_handle(), host));
    }
    co_return Result<void>();
  }

 private:
  std::shared_ptr<TlsTrust> trust_;
  asio::ssl::stream<tcp::socket> stream_;
};

template <class Stream>
class ConnectionOver final : public BeastConnection {
 public:
  ConnectionOver(const asio::any_io_executor& executor, const std::shared_ptr<TlsTrust>& trust)
      : resolver_(executor), stream_(executor, trust) {}

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
    co_await asio::async_connect(stream_.socket(), endpoints,
                                 asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return unreached("connecting to " + url.origin(), error);
    SystemError best_effort;
    stream_.socket().set_option(tcp::no_delay(true), best_effort);
    co_return co_await stream_.shake_hands(url.host);
  }

  Task<Outcome> exchange(const HttpRequest& request) override {
    Message message = message_of(request);
    SystemError error;
    co_await http::async_write(stream_.stream(), message,
                               asio::redirect_error(asio::use_awaitable, error));
    // A server may answer, and close, before it has read all: its answer is worth reading.
    const SystemError write_error = error;
    beast::flat_buffer buffer;
    buffer.reserve(kReadBytes);
    http::response_parser<http::string_body> parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(request.max_response_bytes);
    parser.skip(request.method == "HEAD");
    // The head first: Beast 1.74 forgets body_limit where head and body come in one piece.
    error.clear();
    co_await http::async_read_header(stream_.stream(), buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
    const bool known_length = !error && !parser.is_done() && parser.content_length();
    if (known_length) {
      error = co_await read_body(parser, buffer);
    } else if (!error && !parser.is_done()) {
      co_await http::async_read(stream_.stream(), buffer, parser,
                                asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) {
      keep_ = false;
      const bool silent = !parser.got_some() && !closed_ && error != http::error::body_limit;
      co_return tl::unexpected<Failure>(
          Failure{.error = write_error ? lost("sending the request", write_error)
                                       : lost("reading the answer", error),
                  .silent = silent});
    }
    keep_ = parser.keep_alive() && !write_error && buffer.size() == 0;
    co_return response_of(parser.release());
  }

  void close() override {
    closed_ = true;
    resolver_.cancel();
    SystemError ignored;  // a socket that cannot be closed is closed
    stream_.socket().close(ignored);
  }

  bool fit_for_reuse() override {
    if (closed_ || !keep_ || !stream_.socket().is_open()) return false;
    char byte = 0;
    const auto got = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  // Straight to where it stays: the parser would take it through its own buffer, 64 KiB a time.
  Task<SystemError> read_body(http::response_parser<http::string_body>& parser,
                              beast::flat_buffer& buffer) {
    std::string& body = parser.get().body();
    body.resize(static_cast<std::size_t>(*parser.content_length()));
    const std::size_t early =
        asio::buffer_copy(asio::buffer(body), buffer.data());  // came with the head
    buffer.consume(early);
    SystemError error;
    // asio::async_read would ask for 64 KiB a time.
    for (std::size_t have = early; have < body.size() && !error;) {
      have += co_await stream_.stream().async_read_some(
          asio::buffer(body) + have, asio::redirect_error(asio::use_awaitable, error));
    }
    co_return error;
  }

  static tl::unexpected<Error> unreached(const std::string& doing, const SystemError& error) {
    return fail(ErrorCode::kUnavailable, doing + ": " + error.message());
  }

  tcp::resolver resolver_;
  Stream stream_;
  bool closed_ = false;
  bool keep_ = true;
};

int add_certificates(asio::ssl::context& context, const std::string& pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  X509_STORE* const store = SSL_CTX_get_cert_store(context.native_handle());
  int count = 0;
  while (X509* certificate = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)) {
    count += X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
  }
  ERR_clear_error();  // the end of the text is an error to the reader
  return count;
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> make_tls_trust(const std::string& ca_bundle) {
  auto trust = std::make_shared<TlsTrust>();
  asio::ssl::context& context = trust->context;
  SystemError error;
  context.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  if (!error) context.set_verify_mode(asio::ssl::verify_peer, error);
  if (!error) context.set_default_verify_paths(error);
  if (error) return fail(ErrorCode::kInternal, "TLS cannot be set up: " + error.message());
  if (!ca_bundle.empty() && add_certificates(context, ca_bundle) == 0) {
    return invalid("the CA bundle holds no certificate: write PEM blocks, BEGIN CERTIFICATE");
  }
  return trust;
}

std::unique_ptr<BeastConnection> make_beast_connection(const asio::any_io_executor& executor,
                                                       const std::shared_ptr<TlsTrust>& trust,
                                                       bool tls) {
  if (tls) return std::make_unique<ConnectionOver<TlsStream>>(executor, trust);
  return std::make_unique<ConnectionOver<PlainStream>>(executor, trust);
}

}  // namespace spillway::cloud
