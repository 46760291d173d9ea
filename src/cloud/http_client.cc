// The only file that includes cpprestsdk: its macro U collides with fmt (hence
// _TURN_OFF_PLATFORM_STRING), it is slow to compile, and it is in maintenance mode. It does its
// work on threads of its own; a result crosses over to the control thread by asio::post and never
// otherwise.

#define _TURN_OFF_PLATFORM_STRING
#include <cpprest/http_client.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <stdexcept>

#include <spillway/async/asio.h>
#include <spillway/cloud/http.h>

namespace spillway::cloud {
namespace {

namespace rest = web::http;

// How many exchanges the library's threads still hold; the destructor waits for zero.
class InFlight {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    --count_;
    idle_.notify_all();
  }
  void wait_until_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;  // guards count_
  std::condition_variable idle_;
  int count_ = 0;
};

// One request. `cancel` and `too_long` are touched by both sides, the rest by the control thread
// only.
struct Exchange {
  pplx::cancellation_token_source cancel;
  std::atomic<bool> too_long = false;
  std::optional<Result<HttpResponse>> result;
  Timer* waiter = nullptr;
};

// Whatever ends send() (an answer, the deadline, the destruction of its coroutine) lets go of the
// request.
class Abandon {
 public:
  explicit Abandon(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  Abandon(const Abandon&) = delete;
  Abandon& operator=(const Abandon&) = delete;
  ~Abandon() {
    exchange_->waiter = nullptr;
    if (!exchange_->result) exchange_->cancel.cancel();
  }

 private:
  std::shared_ptr<Exchange> exchange_;
};

rest::http_request message_of(const HttpRequest& request) {
  rest::http_request message(request.method);
  message.set_request_uri(web::uri(request.url.target()));
  const std::string_view body = request.payload();
  if (!body.empty()) {
    message.set_body(std::vector<unsigned char>(body.begin(), body.end()));
    message.headers().remove("Content-Type");
  }
  for (const HttpHeader& header : request.headers)
    message.headers()[header.name] = header.value;
  // The library would write the port out even where it is the scheme's own, and so break
  // signatures.
  message.headers()["Host"] = request.url.authority();
  return message;
}

HttpResponse head_of(const rest::http_response& response) {
  HttpResponse out{.status = response.status_code()};
  for (const auto& [name, value] : response.headers()) {
    out.headers.push_back({.name = name, .value = value});
  }
  return out;
}

Error error_of(const std::exception_ptr& thrown, const Exchange& exchange) {
  if (exchange.too_long) {
    return {.code = ErrorCode::kRejected, .message = "the answer is longer than allowed"};
  }
  try {
    std::rethrow_exception(thrown);
  } catch (const rest::http_exception& e) {
    if (exchange.cancel.get_token().is_canceled()) {
      return {.code = ErrorCode::kCancelled, .message = "the request was cancelled"};
    }
    const auto& code = e.error_code();
    const bool unreached = code == std::errc::connection_refused ||
                           code == std::errc::host_unreachable ||
                           code == std::errc::network_unreachable ||
                           std::string_view(e.what()).starts_with("Failed to connect") ||
                           std::string_view(e.what()).starts_with("Error resolving address");
    return {.code = unreached ? ErrorCode::kUnavailable : ErrorCode::kUnknownOutcome,
            .message = e.what()};
  } catch (const pplx::task_canceled&) {
    return {.code = ErrorCode::kCancelled, .message = "the request was cancelled"};
  } catch (const std::exception& e) {
    return {.code = ErrorCode::kUnknownOutcome, .message = e.what()};
  }
}

class RestClient final : public HttpClient {
 public:
  RestClient(const Runtime& runtime, HttpClientOptions options)
      : executor_(runtime.executor),
        clock_(runtime.clock),
        timers_(runtime.timers),
        allowed_(std::move(options.allowed_origins)) {}
  RestClient(const RestClient&) = delete;
  RestClient& operator=(const RestClient&) = delete;
  ~RestClient() override {
    shutdown_.cancel();
    in_flight_->wait_until_idle();
  }

  void shut_down() override { shutdown_.cancel(); }

  Task<Result<HttpResponse>> send(HttpRequest request, Duration timeout) override {
    if (shutdown_.get_token().is_canceled()) {
      co_return fail(ErrorCode::kCancelled, "the HTTP client is shut down");
    }
    if (std::find(allowed_.begin(), allowed_.end(), request.url.origin()) == allowed_.end()) {
      co_return invalid("requests to " + request.url.origin() +
                        " are not allowed: name it in the operator's configuration");
    }
    auto exchange = std::make_shared<Exchange>();
    const Abandon abandon(exchange);
    const MonotonicTime deadline = clock_.monotonic() + timeout;
    const std::unique_ptr<Timer> timer = timers_.make();
    exchange->waiter = timer.get();
    start(request, exchange);
    std::optional<Result<HttpResponse>>& result = exchange->result;
    while (true) {
      const Wake wake = co_await timer->wait_until(deadline);
      if (result.has_value()) co_return std::move(result.value());
      if (wake == Wake::kTime) {
        co_return fail(ErrorCode::kTimeout, "no complete answer from " + request.url.origin() +
                                                " within " + format_duration(timeout));
      }
    }
  }

 private:
  rest::client::http_client& client_of(const Url& url) {
    const auto found = clients_.find(url.origin());
    if (found != clients_.end()) return found->second;
    rest::client::http_client_config config;
    config.set_max_redirects(0);                   // the library would follow ten, to anywhere
    config.set_timeout(std::chrono::seconds(60));  // per operation; the whole is bounded by send()
    return clients_
        .emplace(std::piecewise_construct, std::forward_as_tuple(url.origin()),
                 std::forward_as_tuple(web::uri(url.scheme + "://" + url.authority()), config))
        .first->second;
  }

  // From here on until the post, everything may run on the library's threads.
  void start(const HttpRequest& request, const std::shared_ptr<Exchange>& exchange) {
    in_flight_->add();
    const auto finish = [executor = executor_, in_flight = in_flight_,
                         exchange](Result<HttpResponse> result) {
      asio::post(executor, [exchange, result = std::move(result)]() mutable {
        exchange->result = std::move(result);
        if (exchange->waiter != nullptr) exchange->waiter->cancel();
      });
      in_flight->remove();
    };
    const auto stop =
        shutdown_.get_token().register_callback([cancel = exchange->cancel] { cancel.cancel(); });
    try {
      rest::http_request message = message_of(request);
      const std::size_t limit = request.max_response_bytes;
      message.set_progress_handler(
          [exchange, limit](rest::message_direction::direction direction, utility::size64_t bytes) {
            if (direction != rest::message_direction::download || bytes <= limit) return;
            exchange->too_long = true;
            throw std::length_error("the answer is too long");
          });
      client_of(request.url)
          .request(message, exchange->cancel.get_token())
          .then([exchange, limit](const rest::http_response& response) {
            if (response.headers().content_length() > limit) {
              exchange->too_long = true;
              exchange->cancel.cancel();
              throw std::length_error("the answer is too long");
            }
            return response.extract_vector().then(
                [head = head_of(response)](const std::vector<unsigned char>& body) {
                  HttpResponse out = head;
                  out.body.assign(body.begin(), body.end());
                  return out;
                });
          })
          .then([exchange, finish, stop,
                 token = shutdown_.get_token()](const pplx::task<HttpResponse>& done) {
            token.deregister_callback(stop);
            try {
              finish(done.get());
            } catch (...) {  // the library's edge: every exception becomes an Error here
              finish(fail(error_of(std::current_exception(), *exchange)));
            }
          });
    } catch (const std::exception& e) {  // an address or header that the library does not accept
      finish(invalid(e.what()));
    }
  }

  asio::any_io_executor executor_;
  Clock& clock_;
  Timers& timers_;
  std::vector<std::string> allowed_;
  pplx::cancellation_token_source shutdown_;
  std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();
  std::map<std::string, rest::client::http_client> clients_;  // by origin; bounded by allowed_
};

// The library starts 40 threads unless told otherwise before its first use.
void size_thread_pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      crossplat::threadpool::initialize_with_threads(2);
    } catch (const std::exception&) {  // somebody used the library before: its threads stay
    }
  });
}

}  // namespace

std::unique_ptr<HttpClient> make_http_client(const Runtime& runtime, HttpClientOptions options) {
  size_thread_pool();
  return std::make_unique<RestClient>(runtime, std::move(options));
}

}  // namespace spillway::cloud
