#include <spillway/sim/operator_process.h>

#include <utility>

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
      elector_(options.lease ? std::make_unique<kube::LeaderElector>(
                                   runtime_, connection_, metrics_, *options.lease,
                                   [this](bool leads) { on_leadership(leads); })
                             : nullptr),
      client_(runtime_, connection_,
              elector_ ? static_cast<const kube::Fence&>(*elector_) : open_fence_, metrics_,
              options.client),
      events_(std::make_unique<kube::EventRecorder>(
          client_,
          kube::EventSource{.controller = "spillway.dev/operator", .instance = "simulated"},
          kube::EventLimits{})),
      market_(make_market(runtime_, prices, options)),
      controller_(std::make_unique<control::Controller>(
          runtime_, client_, *market_, *events_, [this] { return leading(); }, connect(options))),
      control_tasks_(time.executor(), timers_),
      election_tasks_(time.executor(), timers_),
      tasks_(time.executor(), timers_) {
  connection_.set_faults(std::move(faults));
  if (options.off_switch) {
    off_switch_ = std::make_unique<control::OffSwitch>(
        runtime_, client_, *events_, [this] { return leading(); }, controller_->world(),
        *options.off_switch);
    control::connect(*controller_, *off_switch_);
  }
  market_->start(tasks_);
  tasks_.spawn(events_->run());
  control_tasks_.spawn(controller_->run());
  if (off_switch_) control_tasks_.spawn(off_switch_->run());
  if (elector_) election_tasks_.spawn(elector_->run());
}

control::ControllerOptions OperatorProcess::connect(const OperatorOptions& options) {
  control::ControllerOptions connected = options.controller;
  if (!options.checkpoints) return connected;
  const SimulatedCheckpoints& checkpoints = *options.checkpoints;
  to_stores_ = checkpoints.to_stores();
  to_pods_ = checkpoints.to_pods();
  stores_ = std::make_unique<control::Stores>(runtime_, checkpoints.stores, *to_stores_,
                                              checkpoints.environment);
  connected.checkpoints.stores = stores_.get();
  connected.checkpoints.pods = to_pods_.get();
  connected.checkpoints.agent = checkpoints.agent;
  return connected;
}

OperatorProcess::~OperatorProcess() {
  SPILLWAY_CHECK(ended());
}

void OperatorProcess::kill() {
  if (!alive()) return;
  controller_->stop();
  if (off_switch_) off_switch_->stop();
  market_->stop();
  events_->stop(time_.monotonic());
  if (elector_) elector_->stop();
  connection_.close();
  if (to_stores_) to_stores_->shut_down();
  if (to_pods_) to_pods_->shut_down();
  timers_.kill();
}

// Leadership that is lost ends the process, as it ends the program: whatever was under way may be
// half done, and somebody else goes on with it from what is there.
void OperatorProcess::on_leadership(bool leads) {
  if (leads) {
    controller_->look_again();
    if (off_switch_) off_switch_->look_again();
    return;
  }
  if (!alive() || shutting_down_) return;
  kill();
  if (on_death_) on_death_();
}

void OperatorProcess::shut_down(Duration patience) {
  if (!alive() || std::exchange(shutting_down_, true)) return;
  tasks_.spawn(end_in_order(time_.monotonic() + patience));
}

Task<void> OperatorProcess::end_in_order(MonotonicTime until) {
  market_->stop();
  controller_->stop();
  if (off_switch_) off_switch_->stop();
  co_await control_tasks_.drained(until);
  if (elector_) {
    elector_->stop();
    co_await election_tasks_.drained(until);
    // An answer that does not come leaves the lease to run out by itself.
    [[maybe_unused]] const Result<void> released = co_await elector_->release();
  }
  kill();
}

}  // namespace spillway::sim
