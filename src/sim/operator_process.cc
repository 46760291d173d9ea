#include <spillway/sim/operator_process.h>

#include <spillway/core/check.h>

namespace spillway::sim {
namespace {

std::unique_ptr<market::MarketKeeper> make_market(const Runtime& runtime, const PriceBook& prices,
                                                  const OperatorOptions& options) {
  market::MarketConfig config;
  std::vector<std::unique_ptr<market::PriceFeed>> feeds;
  for (const SimulatedFeed& feed : options.feeds) {
    config.feeds.push_back({.name = feed.name,
                            .poll_interval = feed.poll_interval,
                            .freshness = feed.freshness,
                            .source = market::FixedSource{}});
    feeds.push_back(prices.make_feed(feed.name));
  }
  return std::make_unique<market::MarketKeeper>(runtime, std::move(config), std::move(feeds));
}

}  // namespace

OperatorProcess::OperatorProcess(VirtualTime& time, ApiServer& server, const PriceBook& prices,
                                 std::uint64_t seed, OperatorOptions options, FaultPlan faults,
                                 std::function<void()> on_death)
    : time_(time),
      on_death_(std::move(on_death)),
      timers_(time),
      random_(make_random(seed)),
      runtime_{.executor = time.executor(), .clock = time, .timers = timers_, .random = *random_},
      connection_(time, timers_, server, options.network,
                  [this] {
                    kill();
                    if (on_death_) on_death_();
                  }),
      client_(runtime_, connection_, fence_, metrics_, options.client),
      events_(std::make_unique<kube::EventRecorder>(
          client_,
          kube::EventSource{.controller = "spillway.dev/operator", .instance = "simulated"},
          kube::EventLimits{})),
      market_(make_market(runtime_, prices, options)),
      controller_(std::make_unique<control::Controller>(
          runtime_, client_, *market_, *events_, [] { return true; }, options.controller)),
      tasks_(time.executor(), timers_) {
  connection_.set_faults(std::move(faults));
  market_->start(tasks_);
  tasks_.spawn(events_->run());
  tasks_.spawn(controller_->run());
}

OperatorProcess::~OperatorProcess() {
  SPILLWAY_CHECK(ended());
}

void OperatorProcess::kill() {
  if (!alive()) return;
  controller_->stop();
  market_->stop();
  events_->stop(time_.monotonic());
  connection_.close();
  timers_.kill();
}

}  // namespace spillway::sim
