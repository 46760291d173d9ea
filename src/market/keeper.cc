#include <spillway/market/keeper.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <spillway/core/check.h>
#include <spillway/core/log.h>

namespace spillway::market {
namespace {

constexpr Duration kBoundStep = std::chrono::minutes(5);  // as series.h widens
constexpr Duration kFirstBackoff = std::chrono::seconds(10);
constexpr Duration kShortestGap = std::chrono::seconds(5);  // between polls, whatever asks for them
constexpr Duration kForgetAfter = std::chrono::hours(1);
constexpr Duration kFirstAnswerWithin = std::chrono::seconds(10);

struct KeyState {
  PriceSeries spot;
  std::optional<HourlyRate> on_demand;
  std::optional<Instant> on_demand_heard_at;
  std::optional<Instant> unwanted_since;
  MonotonicTime wanted_at{};
  bool asked = false;  // a poll for it has ended, well or badly
};

struct FeedState {
  FeedState(FeedConfig c, std::unique_ptr<PriceFeed> f, Timers& timers)
      : config(std::move(c)), feed(std::move(f)), wake(timers) {
    metrics.name = config.name;
  }
  [[nodiscard]] std::string source() const { return "feed " + config.name.str(); }

  FeedConfig config;
  std::unique_ptr<PriceFeed> feed;
  Signal wake;
  std::map<PriceKey, KeyState> keys;
  bool new_keys = false;                // a key was added since the last poll began
  int failures = 0;                     // in a row
  std::optional<Duration> retry_after;  // of the last failure
  FeedMetrics metrics;
};

// What a listener is told about.
struct Shown {
  HourlyRate likely, upper, on_demand;
  PriceQuality quality;
  friend bool operator==(const Shown&, const Shown&) = default;
};

Shown shown(const PoolPrice& price) {
  return {price.price.likely, price.price.upper, price.on_demand, price.price.quality};
}

PriceKey key_of(const PricedPool& pool) {
  return {pool.instance_type, pool.zone};
}

// Until the quality or the bound of a price last heard at `heard_at` changes next: just after the
// freshness limit, then just after each whole step of silence.
Duration until_next_step(Instant heard_at, Duration freshness, Instant now) {
  if (freshness == Duration::max()) return kBoundStep;
  const Duration silence = now - heard_at - freshness;
  const Duration rest =
      silence <= Duration::zero() ? -silence : (kBoundStep - silence % kBoundStep) % kBoundStep;
  return rest + Duration(1);
}

}  // namespace

class MarketKeeper::Impl {
 public:
  Impl(const Runtime& runtime, MarketConfig config, std::vector<std::unique_ptr<PriceFeed>> feeds)
      : runtime_(runtime), config_(std::move(config)), clockwork_(runtime.timers) {
    SPILLWAY_CHECK(feeds.size() == config_.feeds.size());
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      feeds_.push_back(
          std::make_unique<FeedState>(config_.feeds[i], std::move(feeds[i]), runtime.timers));
    }
    read_catalogue();
  }

  void watch(std::vector<PricedPool> pools);
  [[nodiscard]] PoolPrice price_of(const PoolName& name) const;
  void start(TaskGroup& group);
  void stop();
  [[nodiscard]] std::optional<MonotonicTime> awaiting_until() const;
  [[nodiscard]] MarketMetrics metrics() const;
  void on_change(Listener listener) { listener_ = std::move(listener); }

 private:
  [[nodiscard]] const FeedState* feed_named(const FeedName& name) const;
  [[nodiscard]] const KeyState* key_state(const PricedPool& pool) const;
  [[nodiscard]] std::optional<HourlyRate> on_demand_of(const PricedPool& pool) const;
  [[nodiscard]] NodePrice spot_price(const PricedPool& pool) const;
  [[nodiscard]] NodePrice on_demand_price(const PricedPool& pool) const;
  [[nodiscard]] PoolPrice price(const PricedPool& pool) const;

  Task<void> run_feed(FeedState& feed);
  Task<void> poll(FeedState& feed);
  void take(FeedState& feed, const PollResult& result, Instant polled_at);
  void note_failure(FeedState& feed, const Error& error);
  Duration pause_after_failure(const FeedState& feed);
  Task<void> run_clockwork();
  [[nodiscard]] Duration next_look() const;
  void read_catalogue();
  void forget_unwanted();
  void announce();

  Runtime runtime_;
  MarketConfig config_;
  std::vector<std::unique_ptr<FeedState>> feeds_;
  std::map<PoolName, PricedPool> pools_;
  std::map<PoolName, Shown> shown_;
  OnDemandCatalogue catalogue_;
  std::string catalogue_error_;
  std::optional<std::filesystem::file_time_type> catalogue_version_;
  Listener listener_;
  Signal clockwork_;
  bool stopping_ = false;
};

const FeedState* MarketKeeper::Impl::feed_named(const FeedName& name) const {
  const auto found = std::find_if(feeds_.begin(), feeds_.end(),
                                  [&](const auto& feed) { return feed->config.name == name; });
  return found == feeds_.end() ? nullptr : found->get();
}

void MarketKeeper::Impl::watch(std::vector<PricedPool> pools) {
  const Instant now = runtime_.clock.now();
  pools_.clear();
  std::map<FeedName, std::set<PriceKey>> wanted;
  for (PricedPool& pool : pools) {
    if (!pool.fixed) wanted[pool.feed].insert(key_of(pool));
    PoolName name = pool.pool;
    pools_.insert_or_assign(std::move(name), std::move(pool));
  }
  for (const auto& feed : feeds_) {
    const std::set<PriceKey>& keys = wanted[feed->config.name];
    for (const PriceKey& key : keys) {
      const auto [entry, added] = feed->keys.try_emplace(key);
      entry->second.unwanted_since.reset();
      if (added) entry->second.wanted_at = runtime_.clock.monotonic();
      feed->new_keys |= added;
    }
    for (auto& [key, state] : feed->keys) {
      if (!keys.contains(key) && !state.unwanted_since) state.unwanted_since = now;
    }
    if (feed->new_keys) feed->wake.notify();
  }
  // Whoever sets the pools looks at their prices himself; only later changes are announced.
  std::erase_if(shown_, [&](const auto& entry) { return !pools_.contains(entry.first); });
  for (const auto& [name, pool] : pools_)
    shown_.insert_or_assign(name, shown(price(pool)));
  clockwork_.notify();
}

const KeyState* MarketKeeper::Impl::key_state(const PricedPool& pool) const {
  const FeedState* feed = feed_named(pool.feed);
  if (feed == nullptr) return nullptr;
  const auto found = feed->keys.find(key_of(pool));
  return found == feed->keys.end() ? nullptr : &found->second;
}

std::optional<HourlyRate> MarketKeeper::Impl::on_demand_of(const PricedPool& pool) const {
  if (pool.on_demand) return pool.on_demand;
  if (const auto listed = catalogue_.find(pool.instance_type, pool.region)) return listed;
  const KeyState* state = key_state(pool);
  return state == nullptr ? std::nullopt : state->on_demand;
}

NodePrice MarketKeeper::Impl::spot_price(const PricedPool& pool) const {
  const FeedState* feed = feed_named(pool.feed);
  const KeyState* state = key_state(pool);
  const auto on_demand = on_demand_of(pool);
  if (feed == nullptr) {
    return fallback_price(on_demand, "feed " + pool.feed.str() + " is not configured");
  }
  if (state == nullptr) return fallback_price(on_demand, feed->source());
  return state->spot.price_at(runtime_.clock.now(), freshness_of(feed->config), on_demand,
                              feed->source());
}

// On-demand prices are lists, not markets: a stated one is live, one that a feed reported ages
// without widening.
NodePrice MarketKeeper::Impl::on_demand_price(const PricedPool& pool) const {
  if (pool.on_demand) return stated_price(*pool.on_demand, "pool");
  if (const auto listed = catalogue_.find(pool.instance_type, pool.region)) {
    return stated_price(*listed, "catalogue");
  }
  const FeedState* feed = feed_named(pool.feed);
  const KeyState* state = key_state(pool);
  if (state == nullptr || !state->on_demand) return fallback_price(std::nullopt, "no catalogue");
  NodePrice price = stated_price(*state->on_demand, feed->source());
  price.observed_at = state->on_demand_heard_at;
  const Instant now = runtime_.clock.now();
  const Duration age = now - state->on_demand_heard_at.value_or(now);
  if (age > freshness_of(feed->config)) price.quality = PriceQuality::kStale;
  return price;
}

PoolPrice MarketKeeper::Impl::price(const PricedPool& pool) const {
  PoolPrice out{.on_demand = on_demand_of(pool).value_or(HourlyRate())};
  if (pool.fixed) {
    out.price = stated_price(*pool.fixed, "fixed");
  } else {
    out.price = pool.tier == api::Tier::kSpot ? spot_price(pool) : on_demand_price(pool);
  }
  return out;
}

PoolPrice MarketKeeper::Impl::price_of(const PoolName& name) const {
  const auto found = pools_.find(name);
  return found == pools_.end() ? PoolPrice{} : price(found->second);
}

std::optional<MonotonicTime> MarketKeeper::Impl::awaiting_until() const {
  const MonotonicTime now = runtime_.clock.monotonic();
  std::optional<MonotonicTime> until;
  for (const auto& feed : feeds_) {
    for (const auto& [key, state] : feed->keys) {
      const MonotonicTime limit = state.wanted_at + kFirstAnswerWithin;
      if (!state.asked && !state.unwanted_since && limit > now)
        until = std::max(until.value_or(limit), limit);
    }
  }
  return until;
}

void MarketKeeper::Impl::announce() {
  std::vector<PoolName> changed;
  for (const auto& [name, pool] : pools_) {
    const Shown now = shown(price(pool));
    const auto before = shown_.find(name);
    if (before != shown_.end() && before->second == now) continue;
    shown_.insert_or_assign(name, now);
    changed.push_back(name);
  }
  if (!changed.empty() && listener_) listener_(changed);
}

void MarketKeeper::Impl::start(TaskGroup& group) {
  for (const auto& feed : feeds_)
    group.spawn(run_feed(*feed));
  group.spawn(run_clockwork());
}

void MarketKeeper::Impl::stop() {
  stopping_ = true;
  clockwork_.notify();
  for (const auto& feed : feeds_) {
    feed->feed->stop();
    feed->wake.notify();
  }
}

Task<void> MarketKeeper::Impl::run_feed(FeedState& feed) {
  while (!stopping_) {
    feed.new_keys = false;
    const bool idle = feed.keys.empty();
    if (!idle) co_await poll(feed);
    // Between nine tenths and the whole of the interval: feeds of many clusters drift apart, and a
    // price is never older than the interval.
    const double share = 0.9 + 0.1 * runtime_.random.uniform();
    const auto interval = static_cast<double>(feed.config.poll_interval.count());
    const Duration pause = feed.failures > 0
                               ? pause_after_failure(feed)
                               : Duration(static_cast<std::int64_t>(interval * share));
    const Duration gap = feed.failures > 0 ? pause : std::min(kShortestGap, pause);
    const MonotonicTime now = runtime_.clock.monotonic();
    while (!stopping_) {
      const MonotonicTime until = now + (feed.new_keys ? (idle ? Duration::zero() : gap) : pause);
      if (runtime_.clock.monotonic() >= until) break;
      co_await feed.wake.wait(until);
    }
  }
}

Task<void> MarketKeeper::Impl::poll(FeedState& feed) {
  std::vector<PriceKey> wanted;
  for (const auto& [key, state] : feed.keys) {
    if (!state.unwanted_since) wanted.push_back(key);
  }
  if (wanted.empty()) co_return;
  ++feed.metrics.polls;
  // Prices are dated when they were asked for: the answer may have been under way for long.
  const Instant polled_at = runtime_.clock.now();
  const auto result = co_await feed.feed->poll(wanted);
  if (stopping_) co_return;
  bool first = false;
  for (const PriceKey& key : wanted) {
    const auto asked = feed.keys.find(key);
    if (asked != feed.keys.end()) first |= !std::exchange(asked->second.asked, true);
  }
  if (result) {
    take(feed, *result, polled_at);
  } else {
    note_failure(feed, result.error());
  }
  announce();
  if (first && listener_) listener_({});  // whoever waited for a first answer may go on
  clockwork_.notify();                    // what was heard sets the time of its next look
}

void MarketKeeper::Impl::take(FeedState& feed, const PollResult& result, Instant polled_at) {
  if (feed.failures > 0) log::info("price feed recovered", {{"feed", feed.config.name.str()}});
  feed.failures = 0;
  feed.metrics.last_success = polled_at;
  feed.metrics.last_error.clear();
  feed.metrics.refused.add(result.refused);
  if (result.refused.total() > 0) {
    log::warning("prices refused", {{"feed", feed.config.name.str()},
                                    {"count", static_cast<std::size_t>(result.refused.total())}});
  }
  for (const PriceObservation& seen : result.observations) {
    const auto found = feed.keys.find(seen.key);
    if (found == feed.keys.end()) continue;
    KeyState& state = found->second;
    const Instant heard_at = seen.heard_at.value_or(polled_at);
    if (seen.spot) state.spot.observe(*seen.spot, seen.changed_at, heard_at);
    if (seen.on_demand) {
      state.on_demand = seen.on_demand;
      state.on_demand_heard_at = heard_at;
    }
  }
}

void MarketKeeper::Impl::note_failure(FeedState& feed, const Error& error) {
  ++feed.failures;
  ++feed.metrics.errors[error.code];
  feed.metrics.last_error = error.message;
  feed.retry_after = error.retry_after;
  log::warning(
      "price feed failed, old prices stay",
      {{"feed", feed.config.name.str()}, {"error", error.message}, {"inARow", feed.failures}});
}

Duration MarketKeeper::Impl::pause_after_failure(const FeedState& feed) {
  const Duration doubled = kFirstBackoff * (std::int64_t{1} << std::min(feed.failures - 1, 10));
  const auto longest = static_cast<double>(std::min(doubled, feed.config.poll_interval).count());
  const Duration pause(
      static_cast<std::int64_t>(longest * (0.5 + 0.5 * runtime_.random.uniform())));
  return std::max(pause, feed.retry_after.value_or(Duration::zero()));
}

// Wakes when time alone changes a quality or a bound, and looks after the catalogue and the
// forgotten keys.
Task<void> MarketKeeper::Impl::run_clockwork() {
  while (!stopping_) {
    co_await clockwork_.wait(runtime_.clock.monotonic() + next_look());
    if (stopping_) co_return;
    read_catalogue();
    forget_unwanted();
    announce();
  }
}

Duration MarketKeeper::Impl::next_look() const {
  const Instant now = runtime_.clock.now();
  Duration next = kBoundStep;
  for (const auto& [name, pool] : pools_) {
    const FeedState* feed = pool.fixed ? nullptr : feed_named(pool.feed);
    const KeyState* state = feed == nullptr ? nullptr : key_state(pool);
    if (state == nullptr) continue;
    for (const auto& heard_at : {state->spot.heard_at(), state->on_demand_heard_at}) {
      if (!heard_at) continue;
      next = std::min(next, until_next_step(*heard_at, freshness_of(feed->config), now));
    }
  }
  return next;
}

void MarketKeeper::Impl::read_catalogue() {
  if (config_.on_demand_catalogue.empty()) return;
  std::error_code error;
  const auto version = std::filesystem::last_write_time(config_.on_demand_catalogue, error);
  if (!error && catalogue_version_ == version && catalogue_error_.empty()) return;
  const auto text = read_price_file(config_.on_demand_catalogue);
  const auto parsed = text ? parse_recording(*text) : tl::unexpected(text.error());
  const std::string problem =
      parsed ? std::string() : parsed.error().in("on-demand catalogue").message;
  if (parsed) {
    catalogue_ = OnDemandCatalogue(*parsed);
    catalogue_version_ = version;
  }
  if (!problem.empty() && problem != catalogue_error_) {
    log::warning("on-demand catalogue not read, the last one stays", {{"error", problem}});
  }
  catalogue_error_ = problem;
}

void MarketKeeper::Impl::forget_unwanted() {
  const Instant now = runtime_.clock.now();
  for (const auto& feed : feeds_) {
    std::erase_if(feed->keys, [&](const auto& entry) {
      return entry.second.unwanted_since && now - *entry.second.unwanted_since > kForgetAfter;
    });
  }
}

MarketMetrics MarketKeeper::Impl::metrics() const {
  MarketMetrics out{.catalogue_error = catalogue_error_};
  for (const auto& feed : feeds_)
    out.feeds.push_back(feed->metrics);
  const Instant now = runtime_.clock.now();
  for (const auto& [name, pool] : pools_) {
    const NodePrice current = price(pool).price;
    PoolPriceMetrics metrics{.pool = name, .quality = current.quality, .likely = current.likely};
    if (!pool.fixed) metrics.feed = pool.feed;
    if (current.observed_at) {
      metrics.age = std::max(now - *current.observed_at, Duration::zero());
    }
    out.pools.push_back(std::move(metrics));
  }
  return out;
}

MarketKeeper::MarketKeeper(const Runtime& runtime, MarketConfig config,
                           std::vector<std::unique_ptr<PriceFeed>> feeds)
    : impl_(std::make_unique<Impl>(runtime, std::move(config), std::move(feeds))) {}
MarketKeeper::~MarketKeeper() = default;
void MarketKeeper::on_change(Listener listener) {
  impl_->on_change(std::move(listener));
}
void MarketKeeper::watch(std::vector<PricedPool> pools) {
  impl_->watch(std::move(pools));
}
PoolPrice MarketKeeper::price_of(const PoolName& pool) const {
  return impl_->price_of(pool);
}
std::optional<MonotonicTime> MarketKeeper::awaiting_until() const {
  return impl_->awaiting_until();
}
void MarketKeeper::start(TaskGroup& group) {
  impl_->start(group);
}
void MarketKeeper::stop() {
  impl_->stop();
}
MarketMetrics MarketKeeper::metrics() const {
  return impl_->metrics();
}

}  // namespace spillway::market
