#include "loop.h"

#include <cstdlib>

#include <spillway/market/feed.h>

namespace spillway::program {
namespace {

std::unique_ptr<cloud::HttpClient> http_for(const Runtime& runtime,
                                            const market::MarketConfig& config) {
  cloud::HttpClientOptions options;
  for (const market::FeedConfig& feed : config.feeds) {
    if (auto origin = market::origin_of(feed))
      options.allowed_origins.push_back(*std::move(origin));
  }
  return cloud::make_http_client(runtime, std::move(options));
}

std::vector<std::unique_ptr<market::PriceFeed>> feeds_of(const Runtime& runtime,
                                                         const market::MarketConfig& config,
                                                         cloud::HttpClient& http) {
  std::vector<std::unique_ptr<market::PriceFeed>> feeds;
  const auto environment = [](const char* name) { return std::getenv(name); };
  for (const market::FeedConfig& feed : config.feeds)
    feeds.push_back(market::make_feed(runtime, feed, http, environment));
  return feeds;
}

}  // namespace

Loop::Loop(const Runtime& runtime, const control::OperatorConfig& config, kube::Client& client,
           kube::EventRecorder& events, std::function<bool()> leading,
           control::ControllerOptions options)
    : http_(http_for(runtime, config.market)),
      market_(runtime, config.market, feeds_of(runtime, config.market, *http_)),
      controller_(runtime, client, market_, events, std::move(leading), std::move(options)),
      feed_tasks_(runtime.executor, runtime.timers),
      control_tasks_(runtime.executor, runtime.timers) {}

void Loop::start() {
  market_.start(feed_tasks_);
  control_tasks_.spawn(controller_.run());
}

void Loop::stop_prices() {
  market_.stop();
}

void Loop::stop() {
  market_.stop();
  controller_.stop();
}

Task<bool> Loop::prices_drained(MonotonicTime until) {
  co_return co_await feed_tasks_.drained(until) == Wake::kCancelled;
}

Task<bool> Loop::drained(MonotonicTime until) {
  const bool control = co_await control_tasks_.drained(until) == Wake::kCancelled;
  const bool prices = co_await prices_drained(until);
  co_return control&& prices;
}

}  // namespace spillway::program
