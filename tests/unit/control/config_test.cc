#include <spillway/control/config.h>
#include <spillway/control/config_watcher.h>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/virtual_time.h"

namespace spillway::control {
namespace {

constexpr const char* kWhole = R"(# every key that there is
feeds:
  - name: aws-us-east-1
    awsSpot:
      region: us-east-1
      endpoint: "http://127.0.0.1:9999"
      credentials: {directory: /var/run/secrets/aws}
    pollInterval: 2m
    freshFor: 20m
  - name: recorded
    file: {path: /etc/spillway/prices.csv, region: us-east-1}
  - name: stated
    fixed:
      prices:
        - {instanceType: p3.2xlarge, zone: us-east-1a, perNodeHour: "0.97"}
        - {instanceType: p3.8xlarge, perNodeHour: 3.1}
onDemandCatalogue: {path: /etc/spillway/on-demand.csv}
placement: {moveMarginPercent: 20, minRun: 5m, restartDelay: 90s, assumedDuration: 8h}
)";

std::string problem(const std::string& yaml) {
  const auto config = parse_config(yaml);
  if (config) return "accepted";
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
  return config.error().message;
}

TEST(Config, reads_every_key) {
  const auto config = parse_config(kWhole);
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->market.feeds.size(), 3U);
  const market::FeedConfig& aws = config->market.feeds[0];
  EXPECT_EQ(aws.name, FeedName("aws-us-east-1"));
  EXPECT_EQ(aws.poll_interval, std::chrono::minutes(2));
  EXPECT_EQ(aws.freshness, Duration(std::chrono::minutes(20)));
  const auto& spot = std::get<market::AwsSpotSource>(aws.source);
  EXPECT_EQ(spot.region, Region("us-east-1"));
  EXPECT_EQ(spot.endpoint, "http://127.0.0.1:9999");
  EXPECT_EQ(spot.credentials_folder, "/var/run/secrets/aws");
  const auto& file = std::get<market::FileSource>(config->market.feeds[1].source);
  EXPECT_EQ(file, (market::FileSource{.path = "/etc/spillway/prices.csv",
                                      .region = Region("us-east-1")}));
  const auto& fixed = std::get<market::FixedSource>(config->market.feeds[2].source);
  ASSERT_EQ(fixed.prices.size(), 2U);
  EXPECT_EQ(fixed.prices[0].per_node, HourlyRate(Money::micros(970'000)));
  EXPECT_EQ(fixed.prices[0].zone, Zone("us-east-1a"));
  EXPECT_EQ(fixed.prices[1].per_node, HourlyRate(Money::micros(3'100'000)));
  EXPECT_EQ(config->market.on_demand_catalogue, "/etc/spillway/on-demand.csv");
  EXPECT_EQ(config->placement.move_margin_percent, 20);
  EXPECT_EQ(config->placement.min_run, std::chrono::minutes(5));
  EXPECT_EQ(config->placement.restart_delay, std::chrono::seconds(90));
  EXPECT_EQ(config->placement.assumed_duration, std::chrono::hours(8));
}

TEST(Config, everything_may_be_left_out) {
  for (const std::string yaml : {"", "# nothing\n", "feeds:\nplacement:\nonDemandCatalogue:\n",
                                 "feeds: []\n", "{}", "stores: []\nagent: {image: \"\"}\n"}) {
    const auto config = parse_config(yaml);
    ASSERT_TRUE(config) << yaml << ": " << config.error().message;
    EXPECT_EQ(config->market, market::MarketConfig{}) << yaml;
    EXPECT_EQ(config->placement.min_run, plan::Config{}.min_run) << yaml;
  }
}

TEST(Config, credentials_come_from_the_environment_unless_a_directory_is_named) {
  for (const std::string credentials : {"", ", credentials: environment"}) {
    const auto config =
        parse_config("feeds: [{name: a, awsSpot: {region: us-east-1" + credentials + "}}]");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(std::get<market::AwsSpotSource>(config->market.feeds[0].source).credentials_folder,
              "");
  }
}

TEST(Config, stores_have_a_bucket_an_address_and_an_identity) {
  const auto config = parse_config(R"(
stores:
  - {name: main, bucket: my-checkpoints, region: eu-west-1, prefix: training}
  - name: inside
    bucket: checkpoints
    endpoint: https://s3.example.com:9000
    credentials: {directory: /var/run/secrets/store}
    caFile: /etc/spillway/ca.pem
    prune: true
    pods: {endpoint: "http://10.0.0.1:9000", credentials: {secret: keys}}
agent: {image: "registry.example.com/spillway-agent:1"}
)");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_EQ(config->stores.size(), 2U);
  const StoreConfig& main = config->stores[0];
  EXPECT_EQ(main.s3.endpoint.host, "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(main.s3.addressing, storage::Addressing::kVirtualHost);
  EXPECT_EQ(main.credentials, CredentialSource::kWorkload);
  EXPECT_EQ(main.pods.credentials, "web-identity");
  EXPECT_FALSE(main.prune);
  const StoreConfig& inside = config->stores[1];
  EXPECT_EQ(inside.s3.addressing, storage::Addressing::kPath) << "of an endpoint of one's own";
  EXPECT_EQ(inside.credentials_folder, "/var/run/secrets/store");
  EXPECT_EQ(inside.pods.secret, "keys");
  EXPECT_EQ(inside.pods.endpoint->port, 9000);
  EXPECT_TRUE(inside.prune);
  EXPECT_EQ(config->agent.image, "registry.example.com/spillway-agent:1");
  EXPECT_EQ(uri_of(main, job_key(main, {Namespace("team-a"), ObjectName("llama")}, Uid("u1"))),
            "s3://my-checkpoints/training/team-a/llama/u1/");
}

struct Refused {
  const char* yaml;
  const char* sentence;  // the whole of it
};

class ConfigRefuses : public ::testing::TestWithParam<Refused> {};

TEST(Config, notices_may_come_from_a_queue) {
  EXPECT_FALSE(parse_config("").value().notices);
  const auto config = parse_config(
      "notices: {sqs: {queue: 'https://sqs.eu-west-1.amazonaws.com/1/q', region: eu-west-1}}");
  ASSERT_TRUE(config) << config.error().message;
  ASSERT_TRUE(config->notices);
  EXPECT_EQ(config->notices->queue.url.to_string(), "https://sqs.eu-west-1.amazonaws.com/1/q");
  EXPECT_EQ(config->notices->queue.region.str(), "eu-west-1");
  EXPECT_EQ(config->notices->credentials_folder, "");
  const auto bad = [](const char* yaml) { return parse_config(yaml).error().message; };
  EXPECT_NE(bad("notices: {sqs: {region: x}}").find("has no 'queue'"), std::string::npos);
  EXPECT_NE(bad("notices: {sqs: {queue: q, region: x}}").find("write the URL of the queue"),
            std::string::npos);
  EXPECT_NE(bad("notices: {kafka: {}}").find("write one of sqs"), std::string::npos);
}

TEST_P(ConfigRefuses, with_a_sentence_that_says_what_to_write) {
  EXPECT_EQ(problem(GetParam().yaml), GetParam().sentence);
}

INSTANTIATE_TEST_SUITE_P(
    UnknownKeys, ConfigRefuses,
    ::testing::Values(
        Refused{"placement: {}\nfeed: []\n",
                "line 2: 'feed' is not a known key: write one of feeds, onDemandCatalogue, "
                "placement, stores, agent, notices"},
        Refused{"feeds:\n  - name: a\n    awsspot: {region: us-east-1}\n",
                "line 3: 'awsspot' is not a known key in 'feeds[0]': write one of name, awsSpot, "
                "file, fixed, "
                "pollInterval, freshFor"},
        Refused{"feeds:\n  - name: a\n    awsSpot: {region: us-east-1, pollInterval: 5m}\n",
                "line 3: 'pollInterval' is not a known key in 'feeds[0].awsSpot': write one of "
                "region, endpoint, "
                "credentials"},
        Refused{"feeds: [{name: a, awsSpot: {region: r, credentials: {folder: /x}}}]",
                "line 1: 'folder' is not a known key in 'feeds[0].awsSpot.credentials': write one "
                "of directory"},
        Refused{"feeds: [{name: a, file: {file: /x}}]",
                "line 1: 'file' is not a known key in 'feeds[0].file': write one of path, region"},
        Refused{"feeds: [{name: a, fixed: {price: []}}]",
                "line 1: 'price' is not a known key in 'feeds[0].fixed': write one of prices"},
        Refused{"feeds: [{name: a, fixed: {prices: [{type: p3}]}}]",
                "line 1: 'type' is not a known key in 'feeds[0].fixed.prices[0]': write one of "
                "instanceType, zone, "
                "perNodeHour"},
        Refused{"stores: [{name: main}]",
                "line 1: 'stores[0]' has no 'bucket': write one, such as my-checkpoints"},
        Refused{"stores: [{name: a, bucket: one}, {name: a, bucket: two}]",
                "line 1: 'stores[1]' has the name 'a' of another store: give each its own"},
        Refused{"stores: [{name: a, bucket: one, pods: {credentials: mine}}]",
                "line 1: 'stores[0].pods.credentials' has to be web-identity, container, "
                "environment or {secret: NAME}, a Secret of the workload's namespace"},
        Refused{"onDemandCatalogue: {file: /x}",
                "line 1: 'file' is not a known key in 'onDemandCatalogue': write one of path"},
        Refused{"placement:\n  stockOutBase: 2m\n",
                "line 2: 'stockOutBase' is not a known key in 'placement': write one of "
                "moveMarginPercent, minRun, "
                "restartDelay, assumedDuration"},
        Refused{"placement: {minRun: 1m, minRun: 2m}",
                "line 1: 'minRun' is written twice: keep one"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigRefuses,
    ::testing::Values(
        Refused{"placement: {moveMarginPercent: 101}",
                "line 1: 'placement.moveMarginPercent' has to be a whole number from 0 to 100"},
        Refused{"placement: {moveMarginPercent: 1.5}",
                "line 1: 'placement.moveMarginPercent' has to be a whole number from 0 to 100"},
        Refused{
            "placement: {minRun: ten minutes}",
            "line 1: 'placement.minRun' is 'ten minutes': write a time such as 90s, 10m or 1h30m"},
        Refused{"placement: {restartDelay: [6m]}",
                "line 1: 'placement.restartDelay' has to be a time such as 90s, 10m or 1h30m"},
        Refused{"placement: {assumedDuration: 0s}",
                "line 1: 'placement.assumedDuration' is '0s': write a time from 1m to 720h"},
        Refused{"placement: [1]",
                "line 1: 'placement' has to be a mapping with the keys moveMarginPercent, minRun, "
                "restartDelay, "
                "assumedDuration"},
        Refused{"- 1\n",
                "line 1: the file has to be a mapping with the keys feeds, onDemandCatalogue, "
                "placement, stores, agent, notices"},
        Refused{"feeds: {name: a}",
                "line 1: 'feeds' has to be a list: begin each element with '- '"},
        Refused{"feeds: [{file: {path: /x}}]",
                "line 1: 'feeds[0]' has no 'name': write one, such as aws-us-east-1"},
        Refused{"feeds:\n  - {name: a}\n",
                "line 2: 'feeds[0]' has to have exactly one of awsSpot, file and fixed"},
        Refused{"feeds:\n  - {name: a, file: {path: /x}, fixed: {prices: []}}\n",
                "line 2: 'feeds[0]' has to have exactly one of awsSpot, file and fixed"},
        Refused{"feeds: [{name: a, awsSpot: {endpoint: http://127.0.0.1}}]",
                "line 1: 'feeds[0].awsSpot' has no 'region': write one, such as us-east-1"},
        Refused{
            "feeds: [{name: a, awsSpot: {region: r, credentials: here}}]",
            "line 1: 'feeds[0].awsSpot.credentials' has to be environment or {directory: PATH}"},
        Refused{"feeds: [{name: a, awsSpot: {region: r, credentials: {}}}]",
                "line 1: 'feeds[0].awsSpot.credentials' has no 'directory': write one, such as "
                "/var/run/secrets/aws"},
        Refused{
            "feeds: [{name: a, file: {region: r}}]",
            "line 1: 'feeds[0].file' has no 'path': write one, such as /etc/spillway/prices.csv"},
        Refused{"feeds: [{name: a, fixed: {prices: [{perNodeHour: 1}]}}]",
                "line 1: 'feeds[0].fixed.prices[0]' has no 'instanceType': write one, such as "
                "p3.2xlarge"},
        Refused{"feeds: [{name: a, fixed: {prices: [{instanceType: p3, perNodeHour: abc}]}}]",
                "line 1: 'feeds[0].fixed.prices[0].perNodeHour' is 'abc': write US dollars per "
                "hour as a plain "
                "decimal, such as \"0.97\""},
        Refused{
            "feeds:\n  - name: a\n    file: {path: /x}\n    pollInterval: 10m\n    freshFor: 5m\n",
            "line 5: 'feeds[0].freshFor' is shorter than pollInterval (10m), so that every price "
            "would be stale "
            "between polls: write at least three times the interval"},
        Refused{"onDemandCatalogue: {}",
                "line 1: 'onDemandCatalogue' has no 'path': write one, such as "
                "/etc/spillway/on-demand.csv"}));

INSTANTIATE_TEST_SUITE_P(
    Yaml, ConfigRefuses,
    ::testing::Values(
        Refused{"placement: &p {minRun: 1m}\n",
                "line 1: anchors and aliases ('&' and '*') are not accepted: write the value out"},
        Refused{"placement: {}\n---\nplacement: {}\n",
                "the file has more than one document: remove what follows '---'"},
        Refused{"feeds: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
                "line 1: nothing here is nested that deep: remove brackets"},
        Refused{"placement: {minRun: 1m\n",
                "line 2: this is not YAML: end of map flow not found"}));

TEST(Config, sources_are_checked_by_the_market) {
  EXPECT_NE(problem("feeds: [{name: a, file: {path: /x}}, {name: a, file: {path: /y}}]")
                .find("two price feeds named 'a'"),
            std::string::npos);
}

TEST(Config, size_is_bounded) {
  EXPECT_NE(problem(std::string(kMaxConfigBytes + 1, '#')).find("write at most 1048576"),
            std::string::npos);
}

TEST(Config, a_missing_file_is_named) {
  const auto content = read_config_file("/nonexistent/spillway.yaml");
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().message,
            "there is no configuration file '/nonexistent/spillway.yaml': write the path of a "
            "file, or leave --config out");
}

class Watching : public ::testing::Test {
 protected:
  Watching() : time_(io_), random_(make_random(1)) {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("config_watcher_" +
               std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::create_directories(folder_);
  }
  ~Watching() override { std::filesystem::remove_all(folder_); }

  // As the kubelet does it: all at once, by renaming.
  void write(const std::string& content) {
    std::ofstream(folder_ / "partial") << content;
    std::filesystem::rename(folder_ / "partial", path());
  }
  [[nodiscard]] std::string path() const { return folder_ / "config.yaml"; }

  void watch(const std::string& content) {
    write(content);
    watcher_.emplace(Runtime{io_.get_executor(), time_, time_, *random_}, path(), content,
                     [this](const OperatorConfig& config) { taken_up_.push_back(config); });
    asio::co_spawn(io_, watcher_->run(), asio::detached);
    time_.settle();
  }
  void TearDown() override {
    if (!watcher_) return;
    watcher_->stop();
    time_.settle();
  }

  asio::io_context io_;
  testing::VirtualTime time_;
  std::unique_ptr<Random> random_;
  std::filesystem::path folder_;
  std::vector<OperatorConfig> taken_up_;
  std::optional<ConfigWatcher> watcher_;
};

TEST_F(Watching, an_unchanged_file_is_left_alone) {
  watch("placement: {minRun: 1m}");
  time_.run_for(std::chrono::minutes(1));
  EXPECT_TRUE(taken_up_.empty());
  EXPECT_EQ(watcher_->facts().accepted, 1U);
  EXPECT_TRUE(watcher_->facts().current);
}

TEST_F(Watching, a_changed_file_is_taken_up_within_seconds) {
  watch("placement: {minRun: 1m}");
  write("placement: {minRun: 7m}");
  time_.run_for(std::chrono::seconds(6));
  ASSERT_EQ(taken_up_.size(), 1U);
  EXPECT_EQ(taken_up_[0].placement.min_run, std::chrono::minutes(7));
  EXPECT_EQ(watcher_->facts().accepted, 2U);
}

TEST_F(Watching, a_bad_file_is_counted_once_and_the_old_one_stays) {
  watch("placement: {minRun: 1m}");
  write("placement: {minrun: 7m}");
  time_.run_for(std::chrono::minutes(1));
  EXPECT_TRUE(taken_up_.empty());
  EXPECT_EQ(watcher_->facts().refused, 1U);
  EXPECT_FALSE(watcher_->facts().current);
}

TEST_F(Watching, the_old_file_put_back_is_current_again_without_being_taken_up) {
  watch("placement: {minRun: 1m}");
  write("nonsense: 1");
  time_.run_for(std::chrono::seconds(6));
  write("placement: {minRun: 1m}");
  time_.run_for(std::chrono::seconds(6));
  EXPECT_TRUE(taken_up_.empty());
  EXPECT_TRUE(watcher_->facts().current);
}

TEST_F(Watching, a_file_that_vanishes_and_comes_back_is_survived) {
  watch("placement: {minRun: 1m}");
  std::filesystem::remove(path());
  time_.run_for(std::chrono::minutes(1));
  EXPECT_EQ(watcher_->facts().refused, 1U);
  write("placement: {minRun: 2m}");
  time_.run_for(std::chrono::seconds(6));
  ASSERT_EQ(taken_up_.size(), 1U);
  EXPECT_TRUE(watcher_->facts().current);
}

}  // namespace
}  // namespace spillway::control
