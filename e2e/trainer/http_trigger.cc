#include <poll.h>

#include <nlohmann/json.hpp>
#include <thread>

#include <spillway/api/agent_protocol.h>
#include <spillway/async/asio.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "journal.h"
#include "requests.h"

namespace spillway::trainer {
namespace {

namespace http = boost::beast::http;
namespace agent = api::agent;
using asio::ip::tcp;
using nlohmann::json;

constexpr std::size_t kMaxBody = 64 << 10U;
constexpr int kLookMilliseconds = 200;  // between two looks at whether to end
constexpr timeval kPeerTimeout{.tv_sec = 5, .tv_usec = 0};

class Server final : public HttpTrigger {
 public:
  explicit Server(HttpTriggerConfig config) : config_(std::move(config)), acceptor_(io_) {}

  Result<void> listen() {
    boost::system::error_code error;
    const tcp::endpoint here(tcp::v4(), config_.port);
    acceptor_.open(here.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(here, error);
    if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
    if (error)
      return fail(ErrorCode::kUnavailable,
                  "listening on port " + std::to_string(config_.port) + ": " + error.message());
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
    return {};
  }

  bool take_save_request() override {
    const std::scoped_lock lock(mutex_);
    if (!asked_) return false;
    asked_ = false;
    request_["state"] = agent::request_state::kSaving;
    return true;
  }

  void saved(Step step, std::int64_t bytes) override {
    const std::scoped_lock lock(mutex_);
    saved_ = {{"step", step.value()}, {"bytes", bytes}};
    if (!asked_ && request_.is_object()) request_["state"] = agent::request_state::kSaved;
  }

 private:
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd ready{.fd = acceptor_.native_handle(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, kLookMilliseconds) <= 0) continue;
      boost::system::error_code error;
      tcp::socket socket = acceptor_.accept(error);
      if (!error) answer(socket);
    }
  }

  // One request a connection: who asks is the operator, and seldom.
  void answer(tcp::socket& socket) {
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
      ::setsockopt(socket.native_handle(), SOL_SOCKET, option, &kPeerTimeout, sizeof kPeerTimeout);
    boost::system::error_code error;
    boost::beast::flat_buffer buffer;
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    http::read(socket, buffer, parser, error);
    if (error) return;  // it hung up, was too slow or spoke no HTTP: there is nobody to answer
    const http::request<http::string_body>& request = parser.get();

    http::response<http::string_body> response;
    response.version(request.version());
    response.keep_alive(false);
    response.set(http::field::content_type, "application/json");
    response.result(handle(request));
    response.body() = status().dump();
    response.prepare_payload();
    http::write(socket, response, error);
    socket.shutdown(tcp::socket::shutdown_both, error);
  }

  http::status handle(const http::request<http::string_body>& request) {
    const auto authorization = request[http::field::authorization];
    if (!config_.token.empty() && authorization != "Bearer " + config_.token)
      return http::status::unauthorized;
    if (request.target() != config_.path) return http::status::not_found;
    if (request.method() == http::verb::get) return http::status::ok;
    if (request.method() != http::verb::post) return http::status::method_not_allowed;

    const json body = json::parse(request.body(), nullptr, false);
    if (!body.is_object()) return http::status::bad_request;
    if (body.value("attempt", config_.attempt.value()) != config_.attempt.value())
      return http::status::conflict;
    note(body.value("id", std::string()));
    return http::status::accepted;
  }

  void note(const std::string& id) {
    const std::scoped_lock lock(mutex_);
    if (request_.is_object() && request_["id"] == id) return;  // the same one, sent again
    request_ = {{"id", id}, {"state", agent::request_state::kReceived}};
    asked_ = true;
    journal("save_requested", {{"by", "http"}, {"id", id}});
  }

  json status() {
    const std::scoped_lock lock(mutex_);
    json told = {{"attempt", config_.attempt.value()}, {"rank", config_.rank}};
    if (request_.is_object()) told["request"] = request_;
    if (saved_.is_object()) told["saved"] = saved_;
    return told;
  }

  HttpTriggerConfig config_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::mutex mutex_;  // guards what follows
  bool asked_ = false;
  json request_;
  json saved_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace

Result<std::unique_ptr<HttpTrigger>> HttpTrigger::start(HttpTriggerConfig config) {
  auto server = std::make_unique<Server>(std::move(config));
  TRY_VOID(server->listen());
  return server;
}

}  // namespace spillway::trainer
