#include <spillway/control/metrics.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace spillway::control {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

// The text format, read strictly: each line is a comment or a series; families are not interleaved.
struct Exposition {
  std::map<std::string, std::string> type, help;  // by family
  std::map<std::string, double> series;           // by "name{labels}", as written

  explicit Exposition(const std::string& text) {
    static const std::regex comment(R"(# (HELP|TYPE) ([a-z_]+) (.+))");
    static const std::regex sample(
        R"(([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+))");
    std::istringstream lines(text);
    std::set<std::string> closed;
    std::string family;
    for (std::string line; std::getline(lines, line);) {
      std::smatch match;
      if (std::regex_match(line, match, comment)) {
        begin(match[2], family, closed);
        auto& texts = match[1] == "HELP" ? help : type;
        EXPECT_TRUE(texts.emplace(match[2], match[3]).second) << "twice: " << line;
      } else if (std::regex_match(line, match, sample)) {
        EXPECT_EQ(family_of(match[1], family), family) << line;
        EXPECT_TRUE(series.emplace(match[1].str() + match[2].str(), std::stod(match[3])).second)
            << "twice: " << line;
      } else {
        ADD_FAILURE() << "not a line of the format: " << line;
      }
    }
  }

 private:
  // The samples of a histogram carry the family's name with a part behind it.
  std::string family_of(const std::string& sample, const std::string& family) const {
    const auto known = type.find(family);
    if (known == type.end() || known->second != "histogram") return sample;
    for (const char* part : {"_bucket", "_sum", "_count"}) {
      if (sample == family + part) return family;
    }
    return sample;
  }
  static void begin(const std::string& name, std::string& family, std::set<std::string>& closed) {
    if (name == family) return;
    EXPECT_TRUE(closed.insert(name).second) << "the family " << name << " is interleaved";
    family = name;
  }
};

Instant noon() {
  return parse_instant("2026-11-21T12:00:00Z").value();
}
HourlyRate dollars(const char* text) {
  return HourlyRate::parse(text).value();
}

plan::Pool pool(const std::string& name, api::Tier tier, const char* price) {
  plan::Pool made{.name = PoolName(name),
                  .tier = tier,
                  .model = AcceleratorModel("V100"),
                  .location = {"aws", Region("us-east-1"), Zone("us-east-1a")},
                  .accelerators_per_node = AcceleratorCount(4),
                  .max_nodes = 8};
  made.offering.price = {
      .likely = dollars(price), .upper = dollars(price), .quality = api::PriceQuality::kLive};
  made.offering.on_demand = dollars("12.24");
  return made;
}

template <class T>
T named(const std::string& name) {
  T object;
  object.meta.key = {Namespace("team-a"), ObjectName(name)};
  object.meta.uid = Uid("uid-" + name);
  object.meta.resource_version = ResourceVersion("1");
  return object;
}

// A leader with two pools, a training job on spot and an inference pool on both.
class Metrics : public ::testing::Test {
 protected:
  Metrics() {
    view_.leading = true;
    view_.world = &world_;
    view_.picture = &picture_;
    view_.plan = &plan_;
    view_.client = &client_;
    picture_.snapshot.pools = {pool("reserved", api::Tier::kReserved, "5.00"),
                               pool("spot-a", api::Tier::kSpot, "3.60")};
    picture_.ready_nodes = {2, 3};
    plan_.pools = {{AcceleratorCount(8), AcceleratorCount(6), AcceleratorCount(2)},
                   {AcceleratorCount(12), AcceleratorCount(4), AcceleratorCount(8)}};
  }

  void add_training(const std::string& name, std::size_t pool, std::int64_t bound,
                    api::Attribution who = {.team = "a"}) {
    auto job = named<api::TrainingJob>(name);
    job.spec.replicas = 2;
    job.spec.accelerator.per_replica = AcceleratorCount(2);
    job.spec.attribution = std::move(who);
    job.status.phase = api::TrainingJobPhase::kRunning;
    world_.training_jobs.upsert(job);
    picture_.training.push_back(std::make_shared<const api::TrainingJob>(job));
    picture_.training_children.push_back({.bound = bound});
    picture_.snapshot.training.push_back(
        {.key = job.meta.key, .placement = plan::TrainingPlacement{.pool = pool}});
  }

  void add_inference(const std::string& name) {
    auto inference = named<api::InferencePool>(name);
    inference.spec.accelerator.per_replica = AcceleratorCount(1);
    picture_.inference.push_back(std::make_shared<const api::InferencePool>(inference));
    picture_.inference_children.push_back({.shares = {{PoolName("reserved"), {.bound = 2}},
                                                      {PoolName("spot-a"), {.bound = 1}},
                                                      {PoolName("gone"), {.bound = 1}}}});
    picture_.snapshot.inference.push_back({.key = inference.meta.key,
                                           .allocations = {{.pool = 0, .desired = 2, .ready = 2},
                                                           {.pool = 1, .desired = 2, .ready = 1}}});
    plan_.inference.push_back(
        {.shares = {{.pool = 0, .replicas = 2}, {.pool = 1, .replicas = 2}}, .unplaced = 3});
  }

  [[nodiscard]] Exposition scrape() const {
    return Exposition(MetricsCollector([this] { return view_; }).text());
  }

  World world_;
  Picture picture_;
  plan::Plan plan_;
  kube::ClientMetrics client_;
  MetricsView view_;
};

TEST_F(Metrics, names_units_and_help_follow_the_conventions) {
  add_training("llama", 1, 2);
  add_inference("chat");
  const Exposition text = scrape();
  for (const auto& [name, type] : text.type) {
    EXPECT_THAT(name, StartsWith("spillway_"));
    EXPECT_EQ(type == "counter", name.size() > 6 && name.substr(name.size() - 6) == "_total")
        << name;
    ASSERT_TRUE(text.help.contains(name)) << name;
    EXPECT_EQ(text.help.at(name).back(), '.') << name << ": " << text.help.at(name);
  }
  EXPECT_GT(text.series.size(), 60U);
}

TEST_F(Metrics, every_metric_is_in_the_manual) {
  std::ifstream file(SPILLWAY_SOURCE_DIR "/docs/operations.md");
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(manual.empty());
  for (const auto& family : metric_families(view_)) {
    EXPECT_NE(manual.find("`" + family.name + "`"), std::string::npos) << family.name;
  }
}

TEST_F(Metrics, pools_show_price_use_nodes_and_state) {
  picture_.snapshot.pools[1].offering.life.fresh = std::chrono::hours(2);
  picture_.snapshot.pools[1].offering.availability = api::Availability::kConstrained;
  view_.market.pools = {
      {.pool = PoolName("spot-a"), .feed = FeedName("aws"), .age = std::chrono::seconds(90)},
      {.pool = PoolName("reserved")}};
  const auto series = scrape().series;
  EXPECT_THAT(
      series,
      Contains(Pair(R"(spillway_pool_price_dollars_per_hour{pool="spot-a",tier="Spot"})", 3.6)));
  EXPECT_THAT(
      series,
      Contains(
          Pair(R"(spillway_pool_price_upper_dollars_per_hour{pool="spot-a",tier="Spot"})", 3.6)));
  EXPECT_THAT(
      series,
      Contains(Pair(R"(spillway_pool_on_demand_price_dollars_per_hour{pool="spot-a",tier="Spot"})",
                    12.24)));
  EXPECT_THAT(series,
              Contains(Pair(R"(spillway_pool_price_quality{pool="spot-a",quality="Live"})", 1)));
  EXPECT_THAT(series,
              Contains(Pair(R"(spillway_pool_price_quality{pool="spot-a",quality="Stale"})", 0)));
  EXPECT_THAT(series,
              Contains(Pair(R"(spillway_pool_price_age_seconds{pool="spot-a",feed="aws"})", 90)));
  EXPECT_THAT(series,
              Not(Contains(Key(R"(spillway_pool_price_age_seconds{pool="reserved",feed=""})"))));
  EXPECT_THAT(series,
              Contains(Pair(R"(spillway_pool_accelerators{pool="spot-a",state="free"})", 8)));
  EXPECT_THAT(series, Contains(Pair(R"(spillway_pool_nodes_ready{pool="spot-a"})", 3)));
  EXPECT_THAT(series, Contains(Pair(R"(spillway_pool_nodes_max{pool="spot-a"})", 8)));
  EXPECT_THAT(
      series,
      Contains(Pair(R"(spillway_pool_availability{pool="spot-a",availability="Constrained"})", 1)));
  EXPECT_THAT(
      series,
      Contains(Pair(R"(spillway_pool_expected_life_seconds{pool="spot-a",of="fresh"})", 7200)));
  EXPECT_THAT(
      series,
      Not(Contains(Key(R"(spillway_pool_expected_life_seconds{pool="reserved",of="fresh"})"))));
}

TEST_F(Metrics, an_unknown_price_is_absent_and_never_zero) {
  picture_.snapshot.pools[1].offering.price = {};
  add_training("llama", 1, 2);
  const auto series = scrape().series;
  EXPECT_THAT(
      series,
      Not(Contains(Key(StartsWith(R"(spillway_pool_price_dollars_per_hour{pool="spot-a")")))));
  EXPECT_THAT(series, Not(Contains(Key(StartsWith("spillway_workload_rate_dollars_per_hour")))));
  EXPECT_THAT(series,
              Contains(Pair(R"(spillway_pool_price_quality{pool="spot-a",quality="Unknown"})", 1)));
}

TEST_F(Metrics, workloads_cost_their_share_of_the_nodes_they_hold) {
  add_training("llama", 1, 1, {.team = "a", .project = "p", .environment = "prod"});
  add_training("waiting", 1, 0);
  add_inference("chat");
  const auto series = scrape().series;
  // 2 replicas x 2 of 4 accelerators at 3.60: a gang is charged as a whole.
  EXPECT_THAT(
      series,
      Contains(Pair(
          R"(spillway_workload_rate_dollars_per_hour{kind="TrainingJob",namespace="team-a",name="llama",)"
          R"(pool="spot-a",tier="Spot",team="a",project="p",environment="prod"})",
          3.6)));
  EXPECT_THAT(
      series,
      Contains(Pair(
          R"(spillway_workload_rate_dollars_per_hour{kind="TrainingJob",namespace="team-a",name="waiting",)"
          R"(pool="spot-a",tier="Spot",team="a",project="",environment=""})",
          0)));
  // 2 x 1 of 4 accelerators at 5.00.
  EXPECT_THAT(
      series,
      Contains(Pair(
          R"(spillway_workload_rate_dollars_per_hour{kind="InferencePool",namespace="team-a",name="chat",)"
          R"(pool="reserved",tier="Reserved",team="",project="",environment=""})",
          2.5)));
  EXPECT_THAT(
      series,
      Contains(Pair(
          R"(spillway_inference_replicas_desired{namespace="team-a",name="chat",pool="spot-a",tier="Spot"})",
          2)));
  EXPECT_THAT(
      series,
      Contains(Pair(
          R"(spillway_inference_replicas_ready{namespace="team-a",name="chat",pool="spot-a",tier="Spot"})",
          1)));
  EXPECT_THAT(
      series,
      Contains(Pair(R"(spillway_inference_replicas_unplaced{namespace="team-a",name="chat"})", 3)));
  EXPECT_THAT(series, Contains(Pair(R"(spillway_training_jobs{phase="Running"})", 2)));
  EXPECT_THAT(series, Contains(Pair(R"(spillway_training_jobs{phase="Failed"})", 0)));
}

TEST_F(Metrics, a_standby_says_nothing_of_pools_and_workloads) {
  add_training("llama", 1, 2);
  view_.leading = false;
  const auto series = scrape().series;
  EXPECT_THAT(series, Contains(Pair("spillway_leader", 0)));
  EXPECT_THAT(series, Not(Contains(Key(StartsWith("spillway_pool_")))));
  EXPECT_THAT(series, Not(Contains(Key(StartsWith("spillway_workload_")))));
  EXPECT_THAT(series, Not(Contains(Key(StartsWith("spillway_training_jobs")))));
}

TEST_F(Metrics, labels_are_escaped) {
  client_.undecodable_objects["a\"b\\c\nd"] = 1;
  EXPECT_THAT(
      scrape().series,
      Contains(Pair(R"(spillway_api_undecodable_objects_total{resource="a\"b\\c\nd"})", 1)));
}

TEST_F(Metrics, a_family_has_a_bounded_number_of_series_and_says_what_is_left_out) {
  for (int i = 0; i < 20; ++i)
    add_training("job-" + std::to_string(i), 1, 2);
  std::size_t rates = 0;
  for (const auto& family : metric_families(view_, 16)) {
    EXPECT_LE(family.metric.size(), 16U) << family.name;
    if (family.name == "spillway_workload_rate_dollars_per_hour") rates = family.metric.size();
    if (family.name == "spillway_metrics_truncated") EXPECT_EQ(family.metric.at(0).gauge.value, 4);
  }
  EXPECT_EQ(rates, 16U);
  EXPECT_THAT(scrape().series, Contains(Pair("spillway_metrics_truncated", 0)));
}

TEST_F(Metrics, the_loop_the_client_the_feeds_and_the_process_are_counted) {
  view_.pass = {.passes = 7, .workloads = 3, .at = noon()};
  view_.pass.plan.add(std::chrono::milliseconds(12));
  view_.pass.plan.add(std::chrono::milliseconds(1));
  view_.pass.plan.add(std::chrono::minutes(1));
  view_.executor.chains = 5;
  view_.executor.failures_by_code = {{"Conflict", 2}};
  view_.chains_in_flight = 1;
  view_.events_queued = 4;
  view_.config = {.accepted = 2, .refused = 1, .current = false, .accepted_at = noon()};
  client_.requests[{"apply", "trainingjobs.spillway.dev/status", "200"}] = {
      3, std::chrono::milliseconds(1500)};
  client_.watch_reconnects[{"pods", "expired"}] = 2;
  client_.throttled_time = std::chrono::milliseconds(250);
  client_.fenced_writes = 6;
  client_.events_dropped_spam = 9;
  market::FeedMetrics feed{.name = FeedName("aws"),
                           .polls = 10,
                           .errors = {{ErrorCode::kThrottled, 2}},
                           .last_success = noon()};
  feed.refused.add(market::Refusal::kZero);
  view_.market.feeds = {feed};
  const auto series = scrape().series;
  const double at = static_cast<double>(noon().time_since_epoch().count()) / 1000;
  const std::map<std::string, double> expected = {
      {"spillway_passes_total", 7},
      {R"(spillway_pass_seconds_bucket{stage="plan",le="0.001"})", 1},
      {R"(spillway_pass_seconds_bucket{stage="plan",le="0.01"})", 1},
      {R"(spillway_pass_seconds_bucket{stage="plan",le="0.025"})", 2},
      {R"(spillway_pass_seconds_bucket{stage="plan",le="10"})", 2},
      {R"(spillway_pass_seconds_bucket{stage="plan",le="+Inf"})", 3},
      {R"(spillway_pass_seconds_count{stage="plan"})", 3},
      {R"(spillway_pass_seconds_sum{stage="plan"})", 60.013},
      {R"(spillway_pass_seconds_count{stage="build"})", 0},
      {"spillway_last_pass_workloads", 3},
      {"spillway_last_pass_timestamp_seconds", at},
      {"spillway_chains_total", 5},
      {R"(spillway_chain_failures_total{code="Conflict"})", 2},
      {"spillway_chains_in_flight", 1},
      {"spillway_events_queued", 4},
      {R"(spillway_config_loads_total{result="accepted"})", 2},
      {R"(spillway_config_loads_total{result="refused"})", 1},
      {"spillway_config_current", 0},
      {"spillway_config_accepted_timestamp_seconds", at},
      {R"(spillway_api_requests_total{verb="apply",resource="trainingjobs.spillway.dev/status",code="200"})",
       3},
      {R"(spillway_api_request_seconds_total{verb="apply",resource="trainingjobs.spillway.dev/status",code="200"})",
       1.5},
      {R"(spillway_api_watch_reconnects_total{resource="pods",reason="expired"})", 2},
      {"spillway_api_throttled_seconds_total", 0.25},
      {"spillway_api_fenced_writes_total", 6},
      {R"(spillway_events_dropped_total{reason="spam"})", 9},
      {R"(spillway_feed_polls_total{feed="aws"})", 10},
      {R"(spillway_feed_errors_total{feed="aws",code="Throttled"})", 2},
      {"spillway_feed_last_success_timestamp_seconds{feed=\"aws\"}", at},
      {"spillway_leader", 1},
      {"spillway_observe", 0},
      {R"(spillway_cache_synced{kind="Pod"})", 0},
      {R"(spillway_cache_synced{kind="CostPolicy"})", 0},
      {R"(spillway_cache_synced{kind="Namespace"})", 0},
  };
  for (const auto& [name, value] : expected) {
    ASSERT_TRUE(series.contains(name)) << name;
    EXPECT_DOUBLE_EQ(series.at(name), value) << name;
  }
  EXPECT_THAT(series, Contains(Key(StartsWith("spillway_build_info{version="))));
  EXPECT_THAT(
      series,
      Contains(Pair(StartsWith(R"(spillway_feed_refused_prices_total{feed="aws",reason=)"), 1)));
}

}  // namespace
}  // namespace spillway::control
