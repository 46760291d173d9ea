#include <spillway/cloud/beast_http_client.h>

#include <algorithm>
#include <map>
#include <set>

#include "beast_connection.h"

namespace spillway::cloud {
namespace {

constexpr Duration kMaxIdle = std::chrono::seconds(30);  // servers close theirs after a minute

bool may_repeat(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
}

// One call of send(): what its coroutine in the background works with. Shared, because the caller
// may leave before the end.
struct Exchange {
  explicit Exchange(Timers& timers) : done(timers) {}
  HttpRequest request;
  std::unique_ptr<BeastConnection> connection;
  Signal done;
  std::optional<Result<HttpResponse>> result;
  bool abandoned = false;

  void abandon() {
    abandoned = true;
    if (connection) connection->close();
  }
};

class BeastClient final : public HttpClient {
 public:
  BeastClient(Runtime runtime, BeastHttpOptions options, std::shared_ptr<TlsTrust> trust)
      : runtime_(std::move(runtime)),
        options_(std::move(options)),
        state_(std::make_shared<State>()) {
    state_->trust = std::move(trust);
  }
  BeastClient(const BeastClient&) = delete;
  BeastClient& operator=(const BeastClient&) = delete;
  ~BeastClient() override { state_->shut_down(); }

  void shut_down() override { state_->shut_down(); }

  Task<Result<HttpResponse>> send(HttpRequest request, Duration timeout) override {
    if (state_->shut) co_return fail(ErrorCode::kCancelled, "the HTTP client is shut down");
    const auto& allowed = options_.allowed_origins;
    const std::string origin = request.url.origin();
    const bool known = std::find(allowed.begin(), allowed.end(), origin) != allowed.end();
    if (!known && !options_.any_origin) {
      co_return invalid("requests to " + origin + " are not allowed: name it in the configuration");
    }
    const MonotonicTime deadline = runtime_.clock.monotonic() + timeout;
    const auto exchange = std::make_shared<Exchange>(runtime_.timers);
    exchange->request = std::move(request);
    const Guard guard(state_, exchange);
    asio::co_spawn(
        runtime_.executor,
        run(state_, exchange, runtime_.executor, &runtime_.clock, options_.max_idle_per_origin),
        asio::detached);
    co_await exchange->done.wait(deadline);
    std::optional<Result<HttpResponse>>& result = exchange->result;
    if (result.has_value()) co_return std::move(result.value());
    if (state_->shut) co_return fail(ErrorCode::kCancelled, "the request was cancelled");
    co_return fail(ErrorCode::kTimeout,
                   "no complete answer from " + origin + " within " + format_duration(timeout));
  }

 private:
  struct Idle {
    std::unique_ptr<BeastConnection> connection;
    MonotonicTime since{};
  };
  // Outlives the client while exchanges come to their end.
  struct State {
    std::shared_ptr<TlsTrust> trust;
    std::map<std::string, std::vector<Idle>> idle;  // by origin
    std::set<std::shared_ptr<Exchange>> running;
    bool shut = false;

    void shut_down() {
      shut = true;
      idle.clear();
      const auto all = running;
      for (const auto& exchange : all) {
        exchange->abandon();
        exchange->done.notify();
      }
    }
  };
  // However send() ends, its exchange lets go of the connection.
  class Guard {
   public:
    Guard(std::shared_ptr<State> state, std::shared_ptr<Exchange> exchange)
        : state_(std::move(state)), exchange_(std::move(exchange)) {
      state_->running.insert(exchange_);
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() {
      state_->running.erase(exchange_);
      if (!exchange_->result) exchange_->abandon();
    }

   private:
    std::shared_ptr<State> state_;
    std::shared_ptr<Exchange> exchange_;
  };

  static std::unique_ptr<BeastConnection> take_idle(State& state, const std::string& origin,
                                                    MonotonicTime now) {
    const auto found = state.idle.find(origin);
    if (found == state.idle.end()) return nullptr;
    std::vector<Idle>& kept = found->second;
    while (!kept.empty()) {
      Idle last = std::move(kept.back());
      kept.pop_back();
      if (now - last.since < kMaxIdle && last.connection->fit_for_reuse()) {
        return std::move(last.connection);
      }
    }
    return nullptr;
  }

  static Task<void> run(std::shared_ptr<State> state, std::shared_ptr<Exchange> exchange,
                        asio::any_io_executor executor, const Clock* clock, std::size_t max_idle) {
    const Url url = exchange->request.url;
    const std::string origin = url.origin();
    exchange->connection = take_idle(*state, origin, clock->monotonic());
    bool reused = exchange->connection != nullptr;
    while (!exchange->abandoned) {
      if (!reused) {
        exchange->connection = make_beast_connection(executor, state->trust, url.scheme == "https");
        const auto connected = co_await exchange->connection->connect(url);
        if (!connected) {
          finish(*exchange, fail(connected.error()));
          co_return;
        }
      }
      auto outcome = co_await exchange->connection->exchange(exchange->request);
      if (outcome) {
        if (!exchange->abandoned) keep(*state, origin, *exchange, clock->monotonic(), max_idle);
        finish(*exchange, *std::move(outcome));
        co_return;
      }
      const bool again = reused && outcome.error().silent && may_repeat(exchange->request.method);
      if (!again) {
        finish(*exchange, fail(outcome.error().error));
        co_return;
      }
      reused = false;
    }
  }

  static void keep(State& state, const std::string& origin, Exchange& exchange, MonotonicTime now,
                   std::size_t max_idle) {
    // Peers that are not spoken to any more (pods come and go) leave nothing behind.
    for (auto at = state.idle.begin(); at != state.idle.end();) {
      std::erase_if(at->second, [&](const Idle& idle) { return now - idle.since >= kMaxIdle; });
      at = at->second.empty() ? state.idle.erase(at) : std::next(at);
    }
    auto& kept = state.idle[origin];
    if (state.shut || kept.size() >= max_idle || !exchange.connection->fit_for_reuse()) return;
    kept.push_back({.connection = std::move(exchange.connection), .since = now});
  }

  // Nobody waits for an abandoned one, and its timer may be gone.
  static void finish(Exchange& exchange, Result<HttpResponse> result) {
    if (exchange.abandoned) return;
    exchange.result = std::move(result);
    exchange.done.notify();
  }

  Runtime runtime_;
  BeastHttpOptions options_;
  std::shared_ptr<State> state_;
};

}  // namespace

Result<std::unique_ptr<HttpClient>> make_beast_http_client(const Runtime& runtime,
                                                           BeastHttpOptions options) {
  TRY(trust, make_tls_trust(options.ca_bundle));
  return std::make_unique<BeastClient>(runtime, std::move(options), std::move(trust));
}

}  // namespace spillway::cloud
