#include "operator.h"

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

#include <spillway/core/log.h>
#include <spillway/kube/beast_transport.h>

namespace spillway::program {
namespace {

constexpr Duration kDrainTime = std::chrono::seconds(15);  // for writes under way; of 30 s in all
constexpr Duration kFlushTime = std::chrono::seconds(4);   // for events
constexpr Duration kLeaseTime = std::chrono::seconds(5);
constexpr Duration kLook = std::chrono::seconds(1);
constexpr auto kLastHandlers = std::chrono::seconds(1);
constexpr int kFailure = 1;

std::unique_ptr<kube::Transport> transport_to(const Runtime& runtime,
                                              const kube::ClusterConfig& cluster) {
  kube::BeastTransportOptions options;
  options.user_agent = std::string("spillway-operator/") + SPILLWAY_VERSION;
  return kube::make_beast_transport(runtime, cluster.server, cluster.credentials,
                                    std::move(options));
}

kube::LeaseOptions lease_of(const Options& options) {
  // Standbys are few, so they need not spread; looking every two seconds, one takes over within 17
  // s of the leader's last renewal.
  return {.lease = {options.ns, ObjectName("spillway-operator")},
          .identity = options.identity,
          .jitter = 0};
}

kube::ClientOptions client_options(const Options& options) {
  kube::ClientOptions client;
  client.limit = options.limit;
  return client;
}

// With the authorities of its stores. What cannot be read is told; requests then fail with the
// reason.
control::OperatorConfig with_authorities(control::OperatorConfig config) {
  for (control::StoreConfig& store : config.stores) {
    if (store.ca_file.empty()) continue;
    std::ifstream file(store.ca_file, std::ios::binary);
    store.authorities.assign(std::istreambuf_iterator<char>(file), {});
    if (!file || store.authorities.empty()) {
      log::error("the certificates of a store cannot be read",
                 {{"store", store.name.str()}, {"file", store.ca_file}});
    }
  }
  return config;
}

// Of the processor, for the thread that asks: all control flow is on one.
Duration thread_time() {
  timespec used{};
  if (::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) != 0) return {};
  return std::chrono::duration_cast<Duration>(std::chrono::seconds(used.tv_sec) +
                                              std::chrono::nanoseconds(used.tv_nsec));
}

}  // namespace

Operator::Operator(asio::io_context& io, const Runtime& runtime, Options options,
                   Configuration configuration, const kube::ClusterConfig& cluster)
    : io_(io),
      runtime_(runtime),
      options_(std::move(options)),
      wanted_(configuration.values),
      in_force_(with_authorities(std::move(configuration.values))),
      transport_(transport_to(runtime, cluster)),
      elector_(options_.leader_elect
                   ? std::make_unique<kube::LeaderElector>(
                         runtime, *transport_, client_metrics_, lease_of(options_),
                         [this](bool leads) { on_leadership(leads); })
                   : nullptr),
      client_(runtime, *transport_,
              elector_ ? static_cast<const kube::Fence&>(*elector_) : open_fence_, client_metrics_,
              client_options(options_)),
      events_(client_, {.controller = "spillway.dev/operator", .instance = options_.identity}, {}),
      loop_(make_loop()),
      metrics_([this] { return look(); }),
      signals_(runtime.executor, SIGTERM, SIGINT),
      life_(runtime.executor, runtime.timers),
      probe_tasks_(runtime.executor, runtime.timers),
      election_tasks_(runtime.executor, runtime.timers),
      event_tasks_(runtime.executor, runtime.timers),
      watcher_tasks_(runtime.executor, runtime.timers),
      changed_(runtime.timers) {
  if (options_.config_file.empty()) return;
  watcher_.emplace(runtime_, options_.config_file, std::move(configuration.content),
                   [this](const control::OperatorConfig& config) {
                     wanted_ = config;
                     changed_.notify();
                   });
}

control::ControllerOptions Operator::controller_options() const {
  control::ControllerOptions options;
  options.observe = options_.observe;
  options.plan = in_force_.placement;
  options.checkpoints.key_secret.ns = options_.ns;
  options.reflector.watch_timeout = options_.watch_timeout;
  options.processor_time = &thread_time;
  return options;
}

std::optional<control::OffSwitchOptions> Operator::off_switch_options() const {
  if (!options_.off_switch || options_.observe) return std::nullopt;
  control::OffSwitchOptions options{.own = options_.ns};
  options.reflector.watch_timeout = options_.watch_timeout;
  return options;
}

std::unique_ptr<Loop> Operator::make_loop() {
  return std::make_unique<Loop>(
      runtime_, in_force_, client_, events_, [this] { return leading(); }, controller_options(),
      off_switch_options());
}

Result<void> Operator::listen() {
  control::ProbeSources sources{.not_ready = [this] { return not_ready(); },
                                .metrics = [this] { return metrics_.text(); }};
  TRY(probes, control::ProbeServer::listen(runtime_, options_.listen, std::move(sources)));
  probes_ = std::move(probes);
  return {};
}

int Operator::run() {
  try {
    life_.spawn(live());
    while (!ended_)
      io_.run_one();
    io_.run_for(kLastHandlers);
    clean_ = clean_ && io_.stopped();
  } catch (const std::exception& error) {
    // The only place where exceptions are caught. What threw is in an unknown state: end as in a
    // crash, from which a start recovers.
    log::error("ending because of an unexpected error", {{"error", error.what()}});
    std::_Exit(kFailure);
  }
  // Something did not end in time; taking it apart under its feet is worse than leaving it.
  if (!clean_) std::_Exit(0);
  return 0;
}

Task<void> Operator::live() {
  start();
  while (!ending_) {
    co_await changed_.wait(MonotonicTime::max());
    if (!ending_) co_await take_up();
  }
  co_await shut_down();
  ended_ = true;
}

// Probes first: health is answered before anything else works.
void Operator::start() {
  on_signal();
  probes_->start(probe_tasks_);
  event_tasks_.spawn(events_.run());
  loop_->start();
  if (elector_) election_tasks_.spawn(elector_->run());
  if (watcher_) watcher_tasks_.spawn(watcher_->run());
}

void Operator::on_signal() {
  signals_.async_wait([this](const boost::system::error_code& error, int) {
    if (error) return;
    if (ending_) {
      log::warning("a second signal: ending at once");
      std::_Exit(kFailure);
    }
    log::info("a signal: ending in order");
    ending_ = true;
    changed_.notify();
    on_signal();
  });
}

void Operator::on_leadership(bool leads) {
  if (leads) {
    loop_->look_again();
    return;
  }
  if (ending_) return;
  // Whatever was under way may be half done, and somebody else goes on with it from what is there.
  log::warning("leadership was lost: ending, to start again as a standby");
  std::_Exit(kFailure);
}

// The file has changed. Constants of the policy are taken up by the next pass; feeds and stores,
// and with them the allowed hosts, by a new loop.
Task<void> Operator::take_up() {
  const bool same_wiring = wanted_.market == in_force_.market &&
                           wanted_.stores == in_force_.stores && wanted_.agent == in_force_.agent &&
                           wanted_.notices == in_force_.notices;
  if (same_wiring) {
    in_force_ = wanted_;
    loop_->controller().set_plan_config(in_force_.placement);
    co_return;
  }
  log::info("feeds, stores, notices or the agent changed: the loop is started anew");
  loop_->stop_prices();
  // Until the last answer has come the loop goes on with the prices that it has.
  while (!ending_ && !co_await loop_->prices_drained(runtime_.clock.monotonic() + kLook)) {
  }
  loop_->stop();
  while (!ending_ && !co_await loop_->drained(runtime_.clock.monotonic() + kLook)) {
  }
  if (ending_) co_return;
  in_force_ = with_authorities(wanted_);
  loop_.reset();
  loop_ = make_loop();
  loop_->start();
}

// Stop intake, let writes under way end, tell what happened, give the lease to others.
Task<void> Operator::shut_down() {
  if (watcher_) watcher_->stop();
  loop_->stop();
  if (!co_await loop_->drained(runtime_.clock.monotonic() + kDrainTime)) {
    log::warning("not everything under way ended in time");
    clean_ = false;
  }
  const MonotonicTime flushed = runtime_.clock.monotonic() + kFlushTime;
  events_.stop(flushed);
  if (co_await event_tasks_.drained(flushed) == Wake::kTime) clean_ = false;
  if (elector_) co_await give_lease_back();
  transport_->close();
  probes_->stop();
  signals_.cancel();
  const MonotonicTime closed = runtime_.clock.monotonic() + kLook;
  if (co_await probe_tasks_.drained(closed) == Wake::kTime) clean_ = false;
  if (co_await watcher_tasks_.drained(closed) == Wake::kTime) clean_ = false;
  log::info("ended");
}

Task<void> Operator::give_lease_back() {
  elector_->stop();
  if (co_await election_tasks_.drained(runtime_.clock.monotonic() + kLeaseTime) == Wake::kTime) {
    log::warning("the lease is not given back: the API server does not answer");
    clean_ = false;
    co_return;
  }
  const Result<void> released = co_await elector_->release();
  if (!released) {
    log::warning("the lease is not given back: it runs out by itself",
                 {{"error", released.error().message}});
  }
}

std::vector<std::string> Operator::not_ready() {
  if (ending_) return {"shutting down"};
  synced_once_ = synced_once_ || loop_->controller().synced();
  if (synced_once_) return {};  // short gaps of the API server are survived, not reported
  std::vector<std::string> sentences = loop_->troubles();
  if (sentences.empty()) sentences.emplace_back("the caches are being filled");
  return sentences;
}

control::MetricsView Operator::look() {
  control::MetricsView view = control::view_of(loop_->controller(), client_metrics_);
  view.leading = leading();
  view.observe = options_.observe;
  view.off_switch = loop_->off_switch();
  view.events_queued = events_.queued();
  view.market = loop_->market().metrics();
  if (watcher_) view.config = watcher_->facts();
  return view;
}

}  // namespace spillway::program
