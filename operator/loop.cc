#include "loop.h"

#include <cstdlib>

#include <spillway/cloud/beast_http_client.h>
#include <spillway/cloud/workload_identity.h>
#include <spillway/core/check.h>
#include <spillway/core/log.h>
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
  feeds.reserve(config.feeds.size());
  const auto environment = [](const char* name) { return std::getenv(name); };
  for (const market::FeedConfig& feed : config.feeds)
    feeds.push_back(market::make_feed(runtime, feed, http, environment));
  return feeds;
}

const char* environment(const char* name) {
  return std::getenv(name);
}

std::string authorities_of(const std::vector<control::StoreConfig>& stores) {
  std::string bundle;
  for (const control::StoreConfig& store : stores) {
    if (!store.authorities.empty()) bundle += store.authorities + "\n";
  }
  return bundle;
}

std::unique_ptr<cloud::HttpClient> beast_client(const Runtime& runtime,
                                                cloud::BeastHttpOptions options) {
  auto client = cloud::make_beast_http_client(runtime, options);
  if (!client) {
    log::error("the certificates of the stores are not usable",
               {{"error", client.error().message}});
    options.ca_bundle.clear();
    client = cloud::make_beast_http_client(runtime, std::move(options));
    SPILLWAY_CHECK(client.has_value());  // only a bundle can be wrong
  }
  return *std::move(client);
}

std::unique_ptr<cloud::HttpClient> http_for_stores(const Runtime& runtime,
                                                   const control::OperatorConfig& config) {
  if (config.stores.empty()) return nullptr;
  return beast_client(runtime,
                      {.allowed_origins = control::Stores::origins(config.stores, environment),
                       .ca_bundle = authorities_of(config.stores)});
}

std::unique_ptr<cloud::HttpClient> http_for_pods(const Runtime& runtime,
                                                 const control::OperatorConfig& config) {
  if (config.stores.empty()) return nullptr;
  return beast_client(runtime, {.any_origin = true, .max_idle_per_origin = 0});
}

control::ControllerOptions with_checkpoints(control::ControllerOptions options,
                                            const control::OperatorConfig& config,
                                            const control::Stores* stores,
                                            cloud::HttpClient* pods) {
  options.checkpoints.stores = stores;
  options.checkpoints.pods = pods;
  options.checkpoints.agent = config.agent;
  return options;
}

}  // namespace

Loop::Loop(const Runtime& runtime, const control::OperatorConfig& config, kube::Client& client,
           kube::EventRecorder& events, std::function<bool()> leading,
           control::ControllerOptions options, std::optional<control::OffSwitchOptions> off_switch)
    : http_(http_for(runtime, config.market)),
      store_http_(http_for_stores(runtime, config)),
      pod_http_(http_for_pods(runtime, config)),
      stores_(store_http_ ? std::make_unique<control::Stores>(runtime, config.stores, *store_http_,
                                                              environment)
                          : nullptr),
      market_(runtime, config.market, feeds_of(runtime, config.market, *http_)),
      controller_(runtime, client, market_, events, leading,
                  with_checkpoints(std::move(options), config, stores_.get(), pod_http_.get())),
      feed_tasks_(runtime.executor, runtime.timers),
      control_tasks_(runtime.executor, runtime.timers) {
  if (off_switch) {
    off_switch_ = std::make_unique<control::OffSwitch>(runtime, client, events, leading,
                                                       controller_.world(), *std::move(off_switch));
    control::connect(controller_, *off_switch_);
  }
  if (config.notices) open_queue(runtime, *config.notices, std::move(leading));
}

void Loop::open_queue(const Runtime& runtime, const control::EventQueueConfig& config,
                      std::function<bool()> leading) {
  auto identity = cloud::read_workload_identity(environment, config.queue.region);
  if (!identity && config.credentials_folder.empty()) {
    log::error("the queue of notices is not read", {{"error", identity.error().message}});
    return;
  }
  cloud::HttpClientOptions options{.allowed_origins = {config.queue.url.origin()}};
  if (identity) {
    if (auto origin = identity->origin()) options.allowed_origins.push_back(*std::move(origin));
  }
  queue_http_ = cloud::make_http_client(runtime, std::move(options));
  queue_credentials_ = config.credentials_folder.empty()
                           ? cloud::make_workload_credentials(runtime, *queue_http_,
                                                              *std::move(identity), environment)
                           : cloud::make_file_credentials(config.credentials_folder);
  queue_client_ =
      std::make_unique<cloud::SqsClient>(runtime, *queue_http_, *queue_credentials_, config.queue);
  queue_ = std::make_unique<control::EventQueue>(
      runtime, *queue_client_,
      control::EventQueue::Listener{
          .leading = std::move(leading),
          .hear = [this](control::InstanceWord word) { controller_.hear(std::move(word)); },
          .acted_on =
              [this](const std::string& instance) { return controller_.acted_on(instance); }});
}

void Loop::start() {
  market_.start(feed_tasks_);
  control_tasks_.spawn(controller_.run());
  if (queue_) control_tasks_.spawn(queue_->run());
  if (off_switch_) control_tasks_.spawn(off_switch_->run());
}

void Loop::look_again() {
  controller_.look_again();
  if (off_switch_) off_switch_->look_again();
}

std::vector<std::string> Loop::troubles() const {
  std::vector<std::string> sentences = controller_.troubles();
  if (!off_switch_) return sentences;
  for (std::string& sentence : off_switch_->troubles())
    sentences.push_back(std::move(sentence));
  return sentences;
}

void Loop::stop_prices() {
  market_.stop();
}

void Loop::stop() {
  market_.stop();
  controller_.stop();
  if (off_switch_) off_switch_->stop();
  if (queue_) {
    queue_->stop();
    queue_http_->shut_down();
  }
  if (store_http_) store_http_->shut_down();
  if (pod_http_) pod_http_->shut_down();
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
