#include <spillway/control/probe_server.h>

#include <charconv>
#include <list>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <spillway/core/log.h>

namespace spillway::control {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr Duration kAcceptPause = std::chrono::milliseconds(100);

ProbeAnswer sentence(int status, std::string text) {
  return {.status = status, .body = std::move(text) + "\n"};
}

ProbeAnswer ready_answer(const std::vector<std::string>& missing) {
  if (missing.empty()) return sentence(200, "ready");
  std::string body = "not ready\n";
  for (const std::string& line : missing)
    body += line + "\n";
  return {.status = 503, .body = std::move(body)};
}

// What a request that could not be read is answered with; 0: nothing, the peer is gone.
int status_of(const beast::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  if (error == http::error::body_limit || error == http::error::unexpected_body) return 413;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == http::make_error_code(http::error::bad_method).category() ? 400 : 0;
}

}  // namespace

ProbeAnswer answer_probe(std::string_view method, std::string_view target,
                         const ProbeSources& sources) {
  const std::string_view path = target.substr(0, target.find('?'));
  const bool known = path == "/healthz" || path == "/readyz" || path == "/metrics";
  if (!known) return sentence(404, "there is /healthz, /readyz and /metrics");
  if (method != "GET") return sentence(405, "only GET is answered here");
  if (path == "/healthz") return sentence(200, "ok");
  if (path == "/readyz") return ready_answer(sources.not_ready());
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = sources.metrics()};
}

Result<ListenAddress> ListenAddress::parse(std::string_view text) {
  const auto wrong = [&] {
    return invalid("'" + std::string(text) +
                   "' is not an address to listen on: write ADDRESS:PORT, such as 0.0.0.0:8080 or "
                   "[::]:8080");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  beast::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (error || address.is_v6() != bracketed) return wrong();
  ListenAddress result{.host = std::string(host)};
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (problem != std::errc() || end != port.data() + port.size()) return wrong();
  return result;
}

std::string ListenAddress::to_string() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

class ProbeServer::Impl {
 public:
  Impl(const Runtime& runtime, ProbeSources sources, ProbeLimits limits)
      : runtime_(runtime),
        acceptor_(runtime.executor),
        sources_(std::move(sources)),
        limits_(limits),
        pause_(runtime.timers) {}

  Result<void> listen(const ListenAddress& wanted) {
    beast::error_code error;
    const tcp::endpoint endpoint(asio::ip::make_address(wanted.host, error), wanted.port);
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return invalid("listening on " + wanted.to_string() + " is not possible (" + error.message() +
                     "): write another address or port");
    }
    address_ = {.host = wanted.host, .port = acceptor_.local_endpoint().port()};
    return {};
  }

  Task<void> accept(TaskGroup& group) {
    while (!stopping_) {
      beast::error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_) break;
      if (error) {  // out of file descriptors: they come back, this server must not go
        log::warning("a connection could not be accepted", {{"error", error.message()}});
        co_await pause_.wait(runtime_.clock.monotonic() + kAcceptPause);
        continue;
      }
      if (streams_.size() >= limits_.max_connections) continue;  // closes it
      const auto at = streams_.emplace(streams_.end(), std::move(socket));
      group.spawn(serve(at));
    }
  }

  void stop() {
    stopping_ = true;
    pause_.notify();
    beast::error_code ignored;
    acceptor_.close(ignored);
    for (beast::tcp_stream& stream : streams_)
      stream.close();
  }

  [[nodiscard]] const ListenAddress& address() const { return address_; }
  [[nodiscard]] std::size_t connections() const { return streams_.size(); }

 private:
  using Streams = std::list<beast::tcp_stream>;

  Task<void> serve(Streams::iterator at) {
    beast::flat_buffer buffer(limits_.max_header_bytes * 2);
    while (!stopping_) {
      const bool goes_on = co_await exchange(*at, buffer);
      if (!goes_on) break;
    }
    beast::error_code ignored;
    if (at->socket().is_open()) at->socket().shutdown(tcp::socket::shutdown_both, ignored);
    streams_.erase(at);
  }

  // One request and its answer; false when the connection is over.
  Task<bool> exchange(beast::tcp_stream& stream, beast::flat_buffer& buffer) {
    http::request_parser<http::empty_body> request;
    request.header_limit(static_cast<std::uint32_t>(limits_.max_header_bytes));
    request.body_limit(0);
    beast::error_code error;
    stream.expires_after(limits_.idle_timeout);
    co_await http::async_read(stream, buffer, request,
                              asio::redirect_error(asio::use_awaitable, error));
    if (stopping_) co_return false;
    const int refusal = error ? status_of(error) : 200;
    if (refusal == 0) co_return false;
    ProbeAnswer answer = sentence(refusal, "this is not a request that is answered here");
    if (!error) answer = answer_for(request.get());
    http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    if (answer.status == 405) response.set(http::field::allow, "GET");
    response.body() = std::move(answer.body);
    response.keep_alive(!error && request.get().keep_alive());
    response.prepare_payload();
    stream.expires_after(limits_.idle_timeout);
    co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
    co_return !error && response.keep_alive();
  }

  [[nodiscard]] ProbeAnswer answer_for(const http::request<http::empty_body>& request) const {
    const auto method = request.method_string();
    const auto target = request.target();
    return answer_probe({method.data(), method.size()}, {target.data(), target.size()}, sources_);
  }

  Runtime runtime_;
  tcp::acceptor acceptor_;
  ProbeSources sources_;
  ProbeLimits limits_;
  Signal pause_;
  ListenAddress address_;
  Streams streams_;
  bool stopping_ = false;
};

ProbeServer::ProbeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProbeServer::~ProbeServer() = default;

Result<std::unique_ptr<ProbeServer>> ProbeServer::listen(const Runtime& runtime,
                                                         const ListenAddress& address,
                                                         ProbeSources sources, ProbeLimits limits) {
  auto impl = std::make_unique<Impl>(runtime, std::move(sources), limits);
  TRY_VOID(impl->listen(address));
  log::info("serving probes and metrics", {{"address", impl->address().to_string()}});
  return std::unique_ptr<ProbeServer>(new ProbeServer(std::move(impl)));
}

const ListenAddress& ProbeServer::address() const {
  return impl_->address();
}
void ProbeServer::start(TaskGroup& group) {
  group.spawn(impl_->accept(group));
}
void ProbeServer::stop() {
  impl_->stop();
}
std::size_t ProbeServer::connections() const {
  return impl_->connections();
}

}  // namespace spillway::control
