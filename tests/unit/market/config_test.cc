#include <spillway/market/config.h>

#include <gtest/gtest.h>

namespace spillway::market {
namespace {

FeedConfig aws(std::string_view name = "aws", std::string_view endpoint = "") {
  return {
      .name = FeedName(name),
      .source = AwsSpotSource{.region = Region("us-east-1"), .endpoint = std::string(endpoint)}};
}
std::string problem(std::vector<FeedConfig> feeds) {
  const auto checked = validate({.feeds = std::move(feeds)});
  return checked ? "" : checked.error().message;
}

TEST(MarketConfig, accepts_what_is_meant_to_work) {
  EXPECT_EQ(problem({}), "");
  EXPECT_EQ(problem({aws(), aws("other", "http://127.0.0.1:8081")}), "");
  EXPECT_EQ(problem({{.name = FeedName("f"), .source = FileSource{.path = "p.csv"}}}), "");
}

TEST(MarketConfig, refuses_each_mistake_with_a_sentence) {
  FeedConfig too_often = aws();
  too_often.poll_interval = std::chrono::milliseconds(999);
  FeedConfig always_stale = aws();
  always_stale.freshness = std::chrono::minutes(1);
  FeedConfig no_region = aws();
  no_region.source = AwsSpotSource{};
  FeedConfig free_lunch{.name = FeedName("f"),
                        .source = FixedSource{{{.instance_type = InstanceType("a")}}}};
  const std::vector<std::pair<std::vector<FeedConfig>, const char*>> table{
      {{aws(""), aws()}, "no 'name'"},
      {{aws(), aws()}, "two price feeds named 'aws'"},
      {{too_often}, "1s to 1h"},
      {{always_stale}, "stale between"},
      {{no_region}, "us-east-1"},
      {{aws("a", "ftp://x")}, "https://host"},
      {{aws("a", "https://x/?q=1")}, "query"},
      {{{.name = FeedName("f"), .source = FileSource{}}}, "'path'"},
      {{{.name = FeedName("f"), .source = FixedSource{}}}, "at least one price"},
      {{free_lunch}, "above 0"},
      {std::vector<FeedConfig>(33, aws()), "at most 32"},
  };
  for (const auto& [feeds, expected] : table) {
    EXPECT_NE(problem(feeds).find(expected), std::string::npos)
        << expected << ": " << problem(feeds);
  }
}

TEST(MarketConfig, knows_freshness_and_origin_of_each_source) {
  EXPECT_EQ(freshness_of(aws()), std::chrono::minutes(15));
  EXPECT_EQ(origin_of(aws()), "https://ec2.us-east-1.amazonaws.com:443");
  EXPECT_EQ(origin_of(aws("a", "http://127.0.0.1:5000/")), "http://127.0.0.1:5000");
  const FeedConfig file{.name = FeedName("f"), .source = FileSource{.path = "p"}};
  EXPECT_EQ(freshness_of(file), std::chrono::hours(24));
  EXPECT_FALSE(origin_of(file));
}

}  // namespace
}  // namespace spillway::market
