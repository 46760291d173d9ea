#include "byte_stream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace spillway::kube {

class TlsContext {
 public:
  TlsContext() : context(asio::ssl::context::tls_client) {}
  asio::ssl::context context;
  bool verify = true;
};

namespace {

namespace beast = boost::beast;
using asio::ip::tcp;
using ErrorCodeValue = boost::system::error_code;

Duration left(const Runtime& runtime, MonotonicTime deadline) {
  constexpr Duration kLongest = std::chrono::hours(24);
  const MonotonicTime now = runtime.clock.monotonic();
  return std::clamp(deadline - now, Duration(1), kLongest);
}

Error error_of(const ErrorCodeValue& error, std::string_view doing) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (error == beast::error::timeout) code = ErrorCode::kTimeout;
  if (error == asio::error::operation_aborted) code = ErrorCode::kCancelled;
  return {.code = code, .message = std::string(doing) + ": " + error.message()};
}

// A dead peer is noticed within about a minute even while nothing is sent (RFC 9293, 3.8.4).
void set_socket_options(tcp::socket& socket) {
  const auto set = [fd = socket.native_handle()](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value,
                 sizeof value);  // best effort: the deadlines stand without it
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 45'000);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
}

template <class Stream>
class StreamOver final : public ByteStream {
 public:
  StreamOver(Runtime runtime, Stream stream)
      : runtime_(std::move(runtime)), stream_(std::move(stream)) {}

  Task<Result<std::size_t>> read_some(char* data, std::size_t size,
                                      MonotonicTime deadline) override {
    if (closed_) co_return fail(ErrorCode::kCancelled, "the connection was closed");
    lowest().expires_after(left(runtime_, deadline));
    ErrorCodeValue error;
    const std::size_t got = co_await stream_.async_read_some(
        asio::buffer(data, size), asio::redirect_error(asio::use_awaitable, error));
    if (closed_) co_return fail(ErrorCode::kCancelled, "the connection was closed");
    if (error == asio::error::eof) co_return std::size_t{0};
    if (error) co_return fail(error_of(error, "reading from the API server"));
    co_return got;
  }

  Task<std::optional<WriteFailure>> write(std::string_view bytes, MonotonicTime deadline) override {
    if (closed_)
      co_return WriteFailure{
          .error = {.code = ErrorCode::kCancelled, .message = "the connection was closed"}};
    lowest().expires_after(left(runtime_, deadline));
    ErrorCodeValue error;
    const std::size_t sent =
        co_await asio::async_write(stream_, asio::buffer(bytes.data(), bytes.size()),
                                   asio::redirect_error(asio::use_awaitable, error));
    if (!error) co_return std::nullopt;
    co_return WriteFailure{.error = error_of(error, "writing to the API server"), .sent = sent};
  }

  void close() override {
    closed_ = true;
    lowest().close();
  }

  bool fit_for_reuse() override {
    if (closed_ || !lowest().socket().is_open()) return false;
    char byte = 0;
    const auto got = ::recv(lowest().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

 private:
  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  Runtime runtime_;
  Stream stream_;
  bool closed_ = false;
};

// getaddrinfo cannot be cancelled, so the wait for it can end before it does.
struct Resolution {
  explicit Resolution(Timers& timers) : done(timers) {}
  Signal done;
  bool finished = false;
  ErrorCodeValue error;
  tcp::resolver::results_type endpoints;
};

Task<void> resolve_into(std::shared_ptr<Resolution> resolution, asio::any_io_executor executor,
                        std::string host, std::string port) {
  tcp::resolver resolver(executor);
  resolution->endpoints = co_await resolver.async_resolve(
      host, port, asio::redirect_error(asio::use_awaitable, resolution->error));
  resolution->finished = true;
  resolution->done.notify();
}

Task<Result<tcp::resolver::results_type>> resolve(Runtime runtime, ServerAddress server,
                                                  MonotonicTime deadline) {
  ErrorCodeValue not_an_address;
  const auto address = asio::ip::make_address(server.host, not_an_address);
  if (!not_an_address) {
    const tcp::endpoint endpoint(address, static_cast<std::uint16_t>(std::stoul(server.port)));
    co_return tcp::resolver::results_type::create(endpoint, server.host, server.port);
  }
  const auto resolution = std::make_shared<Resolution>(runtime.timers);
  asio::co_spawn(runtime.executor,
                 resolve_into(resolution, runtime.executor, server.host, server.port),
                 asio::detached);
  co_await resolution->done.wait(deadline);
  if (!resolution->finished)
    co_return fail(ErrorCode::kTimeout, "resolving " + server.host + " took too long");
  if (resolution->error)
    co_return fail(ErrorCode::kUnavailable,
                   "resolving " + server.host + ": " + resolution->error.message());
  co_return resolution->endpoints;
}

std::string tls_problem(const ErrorCodeValue& error, SSL* ssl, const ServerAddress& server) {
  const long verified = SSL_get_verify_result(ssl);
  if (verified == X509_V_OK)
    return "TLS handshake with " + server.to_string() + ": " + error.message();
  return "the certificate of " + server.to_string() +
         " is not accepted: " + X509_verify_cert_error_string(verified);
}

Task<Result<std::shared_ptr<ByteStream>>> shake_hands(Dial request, beast::tcp_stream tcp_stream,
                                                      MonotonicTime deadline) {
  const ServerAddress& server = request.server;
  beast::ssl_stream<beast::tcp_stream> stream(std::move(tcp_stream), request.tls->context);
  SSL* const ssl = stream.native_handle();
  const std::string& name = server.tls_server_name.empty() ? server.host : server.tls_server_name;
  ErrorCodeValue not_an_address;
  asio::ip::make_address(name, not_an_address);
  const bool is_name = static_cast<bool>(not_an_address);
  // The macro SSL_set_tlsext_host_name has an old-style cast.
  if (is_name)
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(name.c_str()));
  if (request.tls->verify) stream.set_verify_callback(asio::ssl::host_name_verification(name));
  const MonotonicTime until =
      std::min(deadline, request.runtime.clock.monotonic() + request.handshake_timeout);
  beast::get_lowest_layer(stream).expires_after(left(request.runtime, until));
  ErrorCodeValue error;
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error == beast::error::timeout)
    co_return fail(ErrorCode::kTimeout, "TLS handshake with " + server.to_string() + ": timed out");
  if (error) co_return fail(ErrorCode::kUnavailable, tls_problem(error, ssl, server));
  using Tls = StreamOver<beast::ssl_stream<beast::tcp_stream>>;
  co_return std::make_shared<Tls>(request.runtime, std::move(stream));
}

std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_get_error());
  ERR_clear_error();
  return reason == nullptr ? "unreadable" : reason;
}

Result<void> trust(asio::ssl::context& context, const std::string& pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  X509_STORE* const store = SSL_CTX_get_cert_store(context.native_handle());
  int count = 0;
  while (X509* certificate = PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)) {
    X509_STORE_add_cert(store, certificate);
    X509_free(certificate);
    ++count;
  }
  ERR_clear_error();  // reading always ends with "no start line"
  if (count == 0)
    return invalid("the certificate authority has to hold at least one PEM certificate");
  return {};
}

Result<void> identify(asio::ssl::context& context, const TlsMaterial& material) {
  ErrorCodeValue error;
  context.use_certificate_chain(asio::buffer(material.client_certificate), error);
  if (error) return invalid("the client certificate has to be PEM: " + openssl_reason());
  const std::string& key = material.client_key.reveal();
  context.use_private_key(asio::buffer(key), asio::ssl::context::pem, error);
  if (error)
    return invalid("the client key has to be a PEM key of the client certificate: " +
                   error.message());
  return {};
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls_context(const TlsMaterial& material,
                                                     bool insecure_skip_tls_verify) {
  auto made = std::make_shared<TlsContext>();
  asio::ssl::context& context = made->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.native_handle(), kHttp11, sizeof kHttp11);
  made->verify = !insecure_skip_tls_verify;
  context.set_verify_mode(made->verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  if (made->verify && material.ca.empty()) {
    ErrorCodeValue error;
    context.set_default_verify_paths(error);
    if (error) return invalid("the system's trust store cannot be read: " + error.message());
  }
  if (made->verify && !material.ca.empty()) TRY_VOID(trust(context, material.ca));
  if (!material.client_certificate.empty()) TRY_VOID(identify(context, material));
  return made;
}

Task<Result<std::shared_ptr<ByteStream>>> dial(Dial request, MonotonicTime deadline) {
  const MonotonicTime until =
      std::min(deadline, request.runtime.clock.monotonic() + request.connect_timeout);
  TRY_CO(endpoints, co_await resolve(request.runtime, request.server, until));
  beast::tcp_stream stream(request.runtime.executor);
  stream.expires_after(left(request.runtime, until));
  ErrorCodeValue error;
  co_await stream.async_connect(endpoints, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return fail(error_of(error, "connecting to " + request.server.to_string()));
  set_socket_options(stream.socket());
  if (request.tls == nullptr)
    co_return std::make_shared<StreamOver<beast::tcp_stream>>(request.runtime, std::move(stream));
  co_return co_await shake_hands(std::move(request), std::move(stream), deadline);
}

}  // namespace spillway::kube
