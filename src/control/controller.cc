#include <spillway/control/controller.h>

#include <algorithm>

#include <spillway/api/codec.h>
#include <spillway/control/keys.h>
#include <spillway/control/replica_saves.h>
#include <spillway/core/log.h>

namespace spillway::control {

// A reflector and the sink through which it and our own writes feed one store.
struct Controller::Cache {
  kube::ResourceType type;
  std::unique_ptr<kube::ObjectSink> sink;
  std::unique_ptr<kube::Reflector> reflector;
  bool followed = true;  // from the start
};

Controller::Controller(Runtime runtime, kube::Client& client, market::MarketKeeper& market,
                       kube::EventRecorder& events, std::function<bool()> leading,
                       ControllerOptions options)
    : runtime_(runtime),
      client_(client),
      market_(market),
      leading_(std::move(leading)),
      options_(std::move(options)),
      changed_(runtime.timers),
      tasks_(runtime.executor, runtime.timers),
      builder_({.observe = options_.observe}),
      reconciler_(options_.observe, {.agent = options_.checkpoints.agent}),
      window_(options_.fold),
      urgent_(runtime.timers),
      recorded_(runtime.timers) {
  options_.plan.programmes = &programmes_;
  add_caches();
  const auto sink_of = [this](const kube::ResourceType& type) -> kube::ObjectSink* {
    for (const auto& cache : caches_) {
      if (cache->type == type) return cache->sink.get();
    }
    return nullptr;
  };
  executor_ = std::make_unique<Executor>(client_, sink_of, events, tasks_, options_.executor,
                                         [this] { changed_.notify(); });
  const CheckpointAccess& access = options_.checkpoints;
  if (access.stores != nullptr && access.pods != nullptr) {
    book_ = std::make_unique<CheckpointBook>(
        runtime_, tasks_, [this] { changed_.notify(); }, access.book);
    requests_ = std::make_unique<SaveRequests>(
        runtime_, tasks_, *access.pods, [this] { changed_.notify(); }, access.requests);
  }
  market_.on_change([this](const std::vector<PoolName>&) { changed_.notify(); });
}

Controller::~Controller() = default;

template <class T>
void Controller::add_cache(kube::ResourceType type, kube::Store<T>& store,
                           typename kube::StoreSink<T>::Decode decode, std::string selector) {
  auto cache = std::make_unique<Cache>();
  cache->type = type;
  cache->sink = std::make_unique<kube::StoreSink<T>>(store, std::move(decode));
  kube::ReflectorOptions options = options_.reflector;
  options.selectors.labels = std::move(selector);
  cache->reflector =
      std::make_unique<kube::Reflector>(client_, type, *cache->sink, std::move(options));
  store.set_listener([this](const ObjectKey&, kube::Change) { changed_.notify(); },
                     [this] { changed_.notify(); });
  caches_.push_back(std::move(cache));
}

void Controller::add_caches() {
  const std::string ours =
      std::string(label::kManagedBy) + "=" + std::string(label::kManagedByValue);
  const auto ignore = api::UnknownFields::kIgnore;
  add_cache<api::CapacityPool>(
      kCapacityPools, world_.capacity_pools,
      [=](const auto& o) { return api::read<api::CapacityPool>(o, ignore); }, "");
  add_cache<api::TrainingJob>(
      kTrainingJobs, world_.training_jobs,
      [=](const auto& o) { return api::read<api::TrainingJob>(o, ignore); }, "");
  add_cache<api::InferencePool>(
      kInferencePools, world_.inference_pools,
      [=](const auto& o) { return api::read<api::InferencePool>(o, ignore); }, "");
  add_cache<api::CostPolicy>(
      kCostPolicies, world_.cost_policies,
      [=](const auto& o) { return api::read<api::CostPolicy>(o, ignore); }, "");
  add_cache<NamespaceView>(kNamespaces, world_.namespaces, &NamespaceView::from_json, "");
  add_cache<kube::Node>(kube::kNodes, world_.nodes, &kube::Node::from_json, "");
  add_cache<kube::Pod>(kube::kPods, world_.pods, &kube::Pod::from_json, "");
  add_cache<kube::Job>(kube::kJobs, world_.jobs, &kube::Job::from_json, ours);
  add_cache<kube::Deployment>(kube::kDeployments, world_.deployments, &kube::Deployment::from_json,
                              ours);
  add_cache<kube::Service>(kube::kServices, world_.services, &kube::Service::from_json, ours);
  add_cache<kube::PodDisruptionBudget>(kube::kPodDisruptionBudgets, world_.budgets,
                                       &kube::PodDisruptionBudget::from_json, ours);
  add_cache<kube::Service>(kGatewayPools, world_.gateway_pools, &kube::Service::from_json, ours);
  caches_.back()->followed = false;
  const auto hours_changed = [this] {
    changed_.notify();
    hours_changed_();
  };
  const auto hours_listener = [=](const ObjectKey&, kube::Change) { hours_changed(); };
  world_.cost_policies.set_listener(hours_listener, hours_changed);
  world_.namespaces.set_listener(hours_listener, hours_changed);
  const auto service_changed = [this] {
    changed_.notify();
    service_changed_();
  };
  world_.inference_pools.set_listener([=](const ObjectKey&, kube::Change) { service_changed(); },
                                      service_changed);
  // What is urgent about a node, or follows from a job, is looked at outside the store's call.
  const auto changed = [this] { changed_.notify(); };
  world_.nodes.set_listener(
      [this](const ObjectKey& key, kube::Change) {
        changed_nodes_.insert(key);
        changed_.notify();
        urgent_.notify();
      },
      changed);
  world_.training_jobs.set_listener(
      [this](const ObjectKey& key, kube::Change) {
        changed_.notify();
        if (!requests_) return;
        changed_jobs_.insert(key);
        recorded_.notify();
      },
      changed);
}

Task<void> Controller::run() {
  for (const auto& cache : caches_) {
    if (cache->followed) tasks_.spawn(cache->reflector->run());
  }
  if (book_) tasks_.spawn(book_->run());
  if (requests_) tasks_.spawn(ask_when_recorded());
  tasks_.spawn(loop());
  co_await tasks_.drained(MonotonicTime::max());
}

void Controller::stop() {
  stopping_ = true;
  executor_->stop();
  if (book_) book_->stop();
  if (requests_) requests_->stop();
  for (const auto& cache : caches_)
    cache->reflector->stop();
  changed_.notify();
  urgent_.notify();
  recorded_.notify();
}

// An API server without that kind answers 404, again and again: it is asked only where somebody
// wants one, or had one.
void Controller::follow_gateway_pools() {
  const auto cache = std::ranges::find_if(
      caches_, [](const auto& candidate) { return candidate->type == kGatewayPools; });
  if ((*cache)->followed) return;
  (*cache)->followed = std::ranges::any_of(picture_.inference, [](const auto& pool) {
    return pool->spec.gateway ||
           api::find_condition(pool->status.conditions, api::condition::kGatewayPool) != nullptr;
  });
  if ((*cache)->followed) tasks_.spawn((*cache)->reflector->run());
}

void Controller::look_again() {
  changed_.notify();
}

void Controller::set_plan_config(const plan::Config& config) {
  options_.plan = config;
  options_.plan.programmes = &programmes_;
  changed_.notify();
}

std::vector<std::string> Controller::troubles() const {
  std::vector<std::string> sentences;
  for (const auto& cache : caches_) {
    // Without the Gateway API's kind all else works; the pools that want one say what is missing.
    if (cache->type == kGatewayPools) continue;
    if (const auto& trouble = cache->reflector->trouble()) {
      sentences.push_back(cache->type.to_string() + ": " + trouble->message);
    }
  }
  return sentences;
}

MonotonicTime Controller::next_look() const {
  const MonotonicTime now = runtime_.clock.monotonic();
  MonotonicTime next = now + options_.longest_rest;
  if (wake_at_)
    next = std::min(next, now + std::max(*wake_at_ - runtime_.clock.now(), Duration(1)));
  if (const auto retry = executor_->next_retry()) next = std::min(next, *retry);
  if (prices_awaited_until_) next = std::min(next, *prices_awaited_until_);
  if (key_again_) next = std::min(next, *key_again_);
  return next;
}

// Lets a burst of events arrive, so that it is planned as one, unless something cannot wait.
Task<void> Controller::settle() {
  const MonotonicTime asked = runtime_.clock.monotonic();
  std::optional<MonotonicTime> urgent_since;
  while (!stopping_) {
    const MonotonicTime now = runtime_.clock.monotonic();
    if (!urgent_since && has_urgent_news()) urgent_since = now;
    const MonotonicTime until =
        urgent_since ? std::min(window_.next_urgent(*urgent_since), window_.next(asked))
                     : window_.next(asked);
    if (now >= until) break;
    co_await urgent_.wait(until);
  }
}

// A node is said to go, which was not known at the last pass.
bool Controller::has_urgent_news() const {
  return heard_news_ || std::ranges::any_of(changed_nodes_, [this](const ObjectKey& key) {
           const auto node = world_.nodes.find(key);
           return node != nullptr && notices_.is_news(*node);
         });
}

Duration Controller::processor_time() const {
  return options_.processor_time ? options_.processor_time()
                                 : runtime_.clock.monotonic().time_since_epoch();
}

Task<void> Controller::loop() {
  while (!stopping_) {
    co_await changed_.wait(next_look());
    if (stopping_) break;
    if (!world_.synced()) continue;
    co_await settle();
    if (stopping_) break;
    watch_prices();
    // A pool whose price was never asked for is no input yet (a plan waits for all of them).
    prices_awaited_until_ = market_.awaiting_until();
    if (leading_() && book_ && token_key_.empty() && !options_.observe) co_await find_token_key();
    if (stopping_) break;
    if (leading_() && !prices_awaited_until_) pass();
    changed_nodes_.clear();
    heard_news_ = false;
    co_await make_programmes();
  }
}

// Tables that the pass asked for in vain, outside of it; then it is asked again. Each takes some 10
// ms, and whatever is due goes before the next.
Task<void> Controller::make_programmes() {
  constexpr int kMostAtOnce = 8;  // between two passes
  const auto pause = runtime_.timers.make();
  int made = 0;
  while (!stopping_ && made < kMostAtOnce && !has_urgent_news() && programmes_.make_wanted()) {
    ++made;
    co_await pause->wait_until(runtime_.clock.monotonic());
  }
  if (made > 0) changed_.notify();
}

void Controller::watch_prices() {
  std::vector<market::PricedPool> pools;
  world_.capacity_pools.for_each([&](const Shared<api::CapacityPool>& pool) {
    pools.push_back({.pool = PoolName(pool->meta.key.name.str()),
                     .instance_type = pool->spec.instance_type,
                     .region = pool->spec.location.region,
                     .zone = pool->spec.location.zone,
                     .tier = pool->spec.tier,
                     .fixed = pool->spec.price.fixed,
                     .feed = pool->spec.price.feed.value_or(FeedName()),
                     .on_demand = pool->spec.price.on_demand});
  });
  market_.watch(std::move(pools));
}

void Controller::pass() {
  // Kubernetes times are whole seconds: deciding on the same keeps what is decided and what is read
  // back equal.
  const Instant now = std::chrono::floor<std::chrono::seconds>(runtime_.clock.now());
  const MonotonicTime started = runtime_.clock.monotonic();
  const Duration spent_before = processor_time();
  const auto price_of = [this](const PoolName& pool) {
    market::PoolPrice price = market_.price_of(pool);
    return std::pair(std::move(price.price), price.on_demand);
  };
  notices_.learn(world_.nodes, recorded_deadlines(), now);
  picture_ = builder_.build(world_, executor_->assumptions(), price_of, now, observed());
  const MonotonicTime built = runtime_.clock.monotonic();
  follow_gateway_pools();
  memory_.learn_from_picture(picture_, now);
  memory_.show(picture_);
  if (facts_.passes == 0) save_record_.recall(picture_);
  save_record_.show(picture_);
  plan_ = plan::make_plan(picture_.snapshot, now, options_.plan);
  save_record_.learn(picture_, plan_);
  decide_replicas(picture_, plan_, now, options_.plan.interruption);
  const MonotonicTime planned = runtime_.clock.monotonic();
  memory_.learn_from_plan(picture_, plan_, now);
  const auto trouble_of = [this](const kube::ObjectReference& subject) {
    return executor_->trouble_of(subject);
  };
  Reconciliation result = reconciler_.reconcile(world_, picture_, plan_, memory_, trouble_of, now);
  for (Work& work : policies_.work(world_, picture_, plan_, now))
    result.work.push_back(std::move(work));
  wake_at_ = result.wake_at;
  if (const auto due = policies_.wake_at(); due && (!wake_at_ || *due < *wake_at_)) wake_at_ = due;
  follow_checkpoints();
  start(std::move(result.work));
  const MonotonicTime done = runtime_.clock.monotonic();
  window_.note(processor_time() - spent_before, done);
  facts_.build.add(built - started);
  facts_.plan.add(planned - built);
  facts_.reconcile.add(done - planned);
  facts_.workloads = picture_.training.size() + picture_.inference.size();
  facts_.at = now;
  ++facts_.passes;
}

void Controller::start(std::vector<Work> work) {
  facts_.chains = 0;
  for (Work& item : work) {
    if (executor_->busy(item.subject) || !executor_->may_try(item.subject)) continue;
    executor_->start(std::move(item));
    ++facts_.chains;
  }
}

}  // namespace spillway::control
