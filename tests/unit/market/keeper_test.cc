#include <spillway/market/keeper.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/virtual_time.h"

namespace spillway::market {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

HourlyRate rate(std::string_view text) {
  return HourlyRate::parse(text).value();
}

// Says what the test put in; counts polls.
class ScriptedFeed final : public PriceFeed {
 public:
  explicit ScriptedFeed(std::string_view name) : name_(name) {}
  [[nodiscard]] const FeedName& name() const override { return name_; }
  Task<Result<PollResult>> poll(std::vector<PriceKey> wanted) override {
    ++polls;
    last_wanted = wanted;
    if (error) co_return fail(*error);
    PollResult out;
    for (const PriceKey& key : wanted) {
      const auto found = prices.find(key);
      if (found != prices.end())
        out.observations.push_back({.key = key, .spot = found->second, .on_demand = on_demand});
    }
    co_return out;
  }

  int polls = 0;
  std::vector<PriceKey> last_wanted;
  std::map<PriceKey, HourlyRate> prices;
  std::optional<HourlyRate> on_demand;
  std::optional<Error> error;

 private:
  FeedName name_;
};

PricedPool spot_pool(std::string_view name, std::string_view zone) {
  return {.pool = PoolName(name),
          .instance_type = InstanceType("p3"),
          .region = Region("r"),
          .zone = Zone(zone),
          .tier = api::Tier::kSpot,
          .feed = FeedName("aws"),
          .on_demand = rate("3")};
}
PriceKey key(std::string_view zone) {
  return {InstanceType("p3"), Zone(zone)};
}

class KeeperTest : public ::testing::Test {
 protected:
  void make(MarketConfig config = {}) {
    if (config.feeds.empty()) {
      config.feeds.push_back({.name = FeedName("aws"), .source = AwsSpotSource{Region("r")}});
    }
    auto feed = std::make_unique<ScriptedFeed>("aws");
    feed_ = feed.get();
    std::vector<std::unique_ptr<PriceFeed>> feeds;
    feeds.push_back(std::move(feed));
    keeper_ = std::make_unique<MarketKeeper>(runtime_, std::move(config), std::move(feeds));
    keeper_->on_change([this](const std::vector<PoolName>& pools) {
      for (const PoolName& pool : pools)
        heard_.push_back(pool.str());
    });
  }
  void start() {
    keeper_->start(group_);
    time_.settle();
  }
  void TearDown() override {
    if (!keeper_) return;
    keeper_->stop();
    time_.settle();
    EXPECT_EQ(group_.running(), 0U);
  }
  PoolPrice price(std::string_view pool) { return keeper_->price_of(PoolName(pool)); }

  asio::io_context io_;
  testing::VirtualTime time_{io_};
  std::unique_ptr<Random> random_ = make_random(5);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  TaskGroup group_{io_.get_executor(), time_};
  std::unique_ptr<MarketKeeper> keeper_;
  ScriptedFeed* feed_ = nullptr;
  std::vector<std::string> heard_;
};

TEST_F(KeeperTest, polls_at_once_and_then_at_its_interval) {
  make();
  feed_->prices[key("a")] = rate("1");
  keeper_->watch({spot_pool("pool-a", "a")});
  start();
  EXPECT_EQ(feed_->polls, 1);
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kLive);
  EXPECT_EQ(price("pool-a").price.likely, rate("1"));
  EXPECT_EQ(price("pool-a").price.source, "feed aws");
  EXPECT_EQ(price("pool-a").on_demand, rate("3"));
  time_.run_for(hours(1));
  EXPECT_GE(feed_->polls, 12);
  EXPECT_LE(feed_->polls, 15);
}

TEST_F(KeeperTest, tells_of_a_change_once_and_is_silent_otherwise) {
  make();
  feed_->prices[key("a")] = rate("1");
  feed_->prices[key("b")] = rate("2");
  keeper_->watch({spot_pool("pool-a", "a"), spot_pool("pool-b", "b")});
  start();
  EXPECT_EQ(heard_, (std::vector<std::string>{"pool-a", "pool-b"}));
  heard_.clear();
  time_.run_for(hours(3));
  EXPECT_TRUE(heard_.empty());
  feed_->prices[key("b")] = rate("2.5");
  time_.run_for(minutes(5));
  EXPECT_EQ(heard_, std::vector<std::string>{"pool-b"});
}

TEST_F(KeeperTest, keeps_the_old_price_while_a_feed_is_down_and_shows_its_age) {
  make();
  feed_->prices[key("a")] = rate("1");
  keeper_->watch({spot_pool("pool-a", "a")});
  start();
  heard_.clear();
  feed_->error = Error{.code = ErrorCode::kUnavailable, .message = "refused"};
  time_.run_for(minutes(14));
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kLive);
  EXPECT_TRUE(heard_.empty());
  time_.run_for(minutes(2));
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kStale);
  EXPECT_EQ(price("pool-a").price.likely, rate("1"));
  EXPECT_GT(price("pool-a").price.upper, rate("1"));
  EXPECT_EQ(heard_, std::vector<std::string>{"pool-a"});  // told by time alone
  time_.run_for(hours(25));
  EXPECT_EQ(price("pool-a").price.upper, rate("3"));

  const MarketMetrics metrics = keeper_->metrics();
  EXPECT_GT(metrics.feeds[0].errors.at(ErrorCode::kUnavailable), 3U);
  EXPECT_EQ(metrics.feeds[0].last_error, "refused");
  EXPECT_GT(*metrics.pools[0].age, hours(25));

  feed_->error.reset();
  time_.run_for(minutes(5));
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kLive);
  EXPECT_EQ(keeper_->metrics().feeds[0].last_error, "");
}

TEST_F(KeeperTest, backs_off_from_a_failing_feed) {
  make();
  feed_->error = Error{.code = ErrorCode::kUnavailable, .message = "refused"};
  keeper_->watch({spot_pool("pool-a", "a")});
  start();
  time_.run_for(seconds(60));
  EXPECT_GE(feed_->polls, 3);  // 10, 20, 40 s with jitter
  EXPECT_LE(feed_->polls, 5);
  const int before = feed_->polls;
  time_.run_for(hours(2));
  EXPECT_LE(feed_->polls - before, 2 * 60 * 60 / 150 + 3);  // half of five minutes at least
}

TEST_F(KeeperTest, honours_the_servers_word_on_when_to_come_back) {
  make();
  feed_->error = Error{.code = ErrorCode::kThrottled, .message = "slow", .retry_after = minutes(4)};
  keeper_->watch({spot_pool("pool-a", "a")});
  start();
  time_.run_for(minutes(4) - seconds(1));
  EXPECT_EQ(feed_->polls, 1);
  time_.run_for(seconds(2));
  EXPECT_EQ(feed_->polls, 2);
}

TEST_F(KeeperTest, prices_a_new_pool_soon_but_never_in_a_burst) {
  make();
  keeper_->watch({});
  start();
  EXPECT_EQ(feed_->polls, 0);  // nothing to ask for
  for (int i = 0; i < 100; ++i) {
    const std::string zone = "z" + std::to_string(i);
    feed_->prices[key(zone)] = rate("1");
    keeper_->watch({spot_pool("pool", zone)});
    time_.run_for(std::chrono::milliseconds(100));
  }
  EXPECT_GE(feed_->polls, 2);
  EXPECT_LE(feed_->polls, 4);
  time_.run_for(seconds(5));
  EXPECT_EQ(price("pool").price.quality, PriceQuality::kLive);
}

TEST_F(KeeperTest, asks_only_for_what_pools_name) {
  make();
  PricedPool fixed = spot_pool("fixed", "c");
  fixed.fixed = rate("0.7");
  keeper_->watch({spot_pool("pool-a", "a"), spot_pool("pool-b", "b"), fixed});
  start();
  EXPECT_EQ(feed_->last_wanted.size(), 2U);
  keeper_->watch({spot_pool("pool-a", "a"), fixed});
  time_.run_for(minutes(6));
  EXPECT_EQ(feed_->last_wanted.size(), 1U);
  EXPECT_EQ(price("fixed").price.quality, PriceQuality::kLive);
  EXPECT_EQ(price("fixed").price.likely, rate("0.7"));
  EXPECT_EQ(price("fixed").price.source, "fixed");
  EXPECT_EQ(price("nobody").price.quality, PriceQuality::kUnknown);
}

TEST_F(KeeperTest, falls_back_for_a_feed_that_says_nothing_or_is_not_configured) {
  make();
  PricedPool lost = spot_pool("lost", "a");
  lost.feed = FeedName("absent");
  PricedPool bare = spot_pool("bare", "b");
  bare.on_demand.reset();
  keeper_->watch({spot_pool("pool-a", "a"), lost, bare});
  start();
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kFallback);
  EXPECT_EQ(price("pool-a").price.upper, rate("3"));
  EXPECT_EQ(price("lost").price.quality, PriceQuality::kFallback);
  EXPECT_EQ(price("lost").price.source, "feed absent is not configured");
  EXPECT_EQ(price("bare").price.quality, PriceQuality::kUnknown);
}

TEST_F(KeeperTest, takes_on_demand_prices_from_pool_catalogue_and_feed_in_that_order) {
  std::string folder = (std::filesystem::temp_directory_path() / "keeper-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string catalogue = folder + "/on-demand.csv";
  const auto write = [&](const char* price) {
    std::ofstream(catalogue) << "InstanceType,Price,SpotPrice,Region,AvailabilityZone\np3," << price
                             << ",,r,\n";
  };
  write("4");
  MarketConfig config{.on_demand_catalogue = catalogue};
  make(config);
  feed_->prices[key("a")] = rate("1");
  feed_->on_demand = rate("5");
  PricedPool listed = spot_pool("listed", "a");
  listed.on_demand.reset();
  PricedPool fed = listed;
  fed.pool = PoolName("fed");
  fed.region = Region("elsewhere");
  PricedPool on_demand = listed;
  on_demand.pool = PoolName("on-demand");
  on_demand.tier = api::Tier::kOnDemand;
  keeper_->watch({spot_pool("stated", "a"), listed, fed, on_demand});
  start();
  EXPECT_EQ(price("stated").on_demand, rate("3"));
  EXPECT_EQ(price("listed").on_demand, rate("4"));
  EXPECT_EQ(price("fed").on_demand, rate("5"));
  EXPECT_EQ(price("on-demand").price.likely, rate("4"));
  EXPECT_EQ(price("on-demand").price.source, "catalogue");

  write("6.5");
  std::filesystem::last_write_time(catalogue,
                                   std::filesystem::last_write_time(catalogue) + seconds(10));
  time_.run_for(minutes(6));
  EXPECT_EQ(price("listed").on_demand, rate("6.5"));
  std::ofstream(catalogue) << "broken";
  std::filesystem::last_write_time(catalogue,
                                   std::filesystem::last_write_time(catalogue) + seconds(20));
  time_.run_for(minutes(6));
  EXPECT_EQ(price("listed").on_demand, rate("6.5"));  // the last good one stays
  EXPECT_NE(keeper_->metrics().catalogue_error, "");
  std::filesystem::remove_all(folder);
}

TEST_F(KeeperTest, forgets_the_history_of_keys_that_nobody_names_any_more) {
  make();
  feed_->prices[key("a")] = rate("1");
  keeper_->watch({spot_pool("pool-a", "a")});
  start();
  keeper_->watch({});
  feed_->error = Error{.code = ErrorCode::kUnavailable, .message = "refused"};
  time_.run_for(minutes(30));
  keeper_->watch({spot_pool("pool-a", "a")});  // back within the hour: known, but older
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kStale);
  keeper_->watch({});
  time_.run_for(hours(2));
  keeper_->watch({spot_pool("pool-a", "a")});
  EXPECT_EQ(price("pool-a").price.quality, PriceQuality::kFallback);
}

}  // namespace
}  // namespace spillway::market
