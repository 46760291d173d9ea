#include <spillway/cloud/sigv4.h>
#include <spillway/market/feed.h>

#include <gtest/gtest.h>

#include <deque>

#include "support/virtual_time.h"

namespace spillway::market {
namespace {

const Secret kSecret("secret");

// Answers in turn with prepared results and remembers the requests.
class ScriptedHttp final : public cloud::HttpClient {
 public:
  Task<Result<cloud::HttpResponse>> send(cloud::HttpRequest request, Duration) override {
    requests.push_back(std::move(request));
    if (answers.empty()) co_return fail(ErrorCode::kUnavailable, "no more answers");
    auto answer = std::move(answers.front());
    answers.pop_front();
    co_return answer;
  }
  void shut_down() override {}

  [[nodiscard]] std::string parameter(std::size_t request, std::string_view name) const {
    const auto form = cloud::decode_form(requests.at(request).body);
    for (const auto& [key, value] : form.value()) {
      if (key == name) return value;
    }
    return "";
  }
  std::vector<cloud::HttpRequest> requests;
  std::deque<Result<cloud::HttpResponse>> answers;
};

cloud::HttpResponse error_answer(const std::string& code, int status = 503) {
  return {.status = status,
          .body = "<Response><Errors><Error><Code>" + code +
                  "</Code><Message>m</Message></Error></Errors></Response>"};
}

struct Row {
  std::string type, zone, price, time = "2026-01-01T00:00:00Z", product = "Linux/UNIX", id = "";
};
cloud::HttpResponse page(const std::vector<Row>& rows, const std::string& token = "") {
  std::string body = "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet>";
  for (const Row& row : rows) {
    body += "<item><instanceType>" + row.type + "</instanceType><productDescription>" +
            row.product + "</productDescription><spotPrice>" + row.price +
            "</spotPrice><timestamp>" + row.time + "</timestamp><availabilityZone>" + row.zone +
            "</availabilityZone><availabilityZoneId>" + row.id + "</availabilityZoneId></item>";
  }
  return {.status = 200,
          .body = body + "</spotPriceHistorySet><nextToken>" + token +
                  "</nextToken></DescribeSpotPriceHistoryResponse>"};
}

PriceKey key(std::string_view type, std::string_view zone) {
  return {InstanceType(type), Zone(zone)};
}
HourlyRate rate(std::string_view text) {
  return HourlyRate::parse(text).value();
}

class AwsSpotFeedTest : public ::testing::Test {
 protected:
  void make(PollLimits limits = {}) {
    feed_ = make_aws_spot_feed(
        runtime_, FeedName("aws"),
        {.region = Region("us-east-1"), .endpoint = "http://127.0.0.1:1"}, http_,
        cloud::make_static_credentials({.access_key_id = "id", .secret_access_key = kSecret}),
        limits);
  }
  void start(std::vector<PriceKey> wanted) {
    if (!feed_) make();
    asio::co_spawn(io_, feed_->poll(std::move(wanted)),
                   [&](const std::exception_ptr& thrown, Result<PollResult> result) {
                     ASSERT_FALSE(thrown);
                     result_ = std::move(result);
                   });
    time_.settle();
  }
  Result<PollResult> poll(std::vector<PriceKey> wanted) {
    start(std::move(wanted));
    time_.run_for(std::chrono::minutes(10));
    return std::move(*result_);
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_, parse_instant("2026-01-02T03:04:05Z").value()};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  ScriptedHttp http_;
  std::unique_ptr<PriceFeed> feed_;
  std::optional<Result<PollResult>> result_;
};

TEST_F(AwsSpotFeedTest, sends_one_signed_form_for_all_types) {
  http_.answers.emplace_back(page({{"a", "z1", "1.5"}, {"b", "z1", "2.5"}, {"b", "z9", "9"}}));
  const auto result = poll({key("b", "z1"), key("a", "z1"), key("a", "z2")});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(http_.requests.size(), 1U);
  EXPECT_EQ(http_.parameter(0, "InstanceType.1"), "a");
  EXPECT_EQ(http_.parameter(0, "InstanceType.2"), "b");
  EXPECT_EQ(http_.parameter(0, "InstanceType.3"), "");
  EXPECT_EQ(http_.parameter(0, "StartTime"), "2026-01-02T03:04:05Z");
  ASSERT_EQ(result->observations.size(), 2U);
  EXPECT_EQ(result->observations[0].key, key("a", "z1"));
  EXPECT_EQ(result->observations[1].spot, rate("2.5"));
  EXPECT_FALSE(result->observations[0].heard_at);  // heard with this poll

  const cloud::HttpRequest& sent = http_.requests[0];
  cloud::RequestToSign received{.method = sent.method,
                                .path = sent.url.path,
                                .query = sent.url.query,
                                .headers = sent.headers,
                                .payload_hash = cloud::sha256_hex(sent.body)};
  received.headers.push_back({"Host", sent.url.authority()});
  const auto verified = cloud::verify(
      received, cloud::ServiceName("ec2"), cloud::PathStyle::kNormalised,
      [](std::string_view) { return &kSecret; }, parse_instant("2026-01-02T03:04:05Z").value());
  EXPECT_TRUE(verified) << verified.error().message;
}

TEST_F(AwsSpotFeedTest, follows_pages_and_keeps_the_newest_of_each_key) {
  http_.answers.emplace_back(page({{"a", "z", "1", "2026-01-01T05:00:00Z"}}, "t1"));
  http_.answers.emplace_back(page({{"a", "z", "2", "2026-01-01T06:00:00Z"}}, "t2"));
  http_.answers.emplace_back(page({{"a", "z", "3", "2026-01-01T04:00:00Z"}}));
  const auto result = poll({key("a", "z")});
  ASSERT_TRUE(result);
  EXPECT_EQ(http_.parameter(1, "NextToken"), "t1");
  EXPECT_EQ(http_.parameter(2, "NextToken"), "t2");
  EXPECT_EQ(http_.parameter(2, "StartTime"), http_.parameter(0, "StartTime"));
  ASSERT_EQ(result->observations.size(), 1U);
  EXPECT_EQ(result->observations[0].spot, rate("2"));
}

TEST_F(AwsSpotFeedTest, batches_instance_types) {
  make({.instance_types_per_request = 2});
  for (int i = 0; i < 3; ++i)
    http_.answers.emplace_back(page({}));
  ASSERT_TRUE(poll({key("a", "z"), key("b", "z"), key("c", "z"), key("d", "z"), key("e", "z")}));
  EXPECT_EQ(http_.requests.size(), 3U);
  EXPECT_EQ(http_.parameter(2, "InstanceType.1"), "e");
}

TEST_F(AwsSpotFeedTest, answers_under_the_zone_name_or_id_it_was_asked_for) {
  http_.answers.emplace_back(
      page({{"a", "us-east-1a", "1", "2026-01-01T00:00:00Z", "Linux/UNIX", "use1-az4"}}));
  const auto result = poll({key("a", "use1-az4")});
  ASSERT_EQ(result->observations.size(), 1U);
  EXPECT_EQ(result->observations[0].key, key("a", "use1-az4"));
}

TEST_F(AwsSpotFeedTest, takes_the_vpc_name_of_a_product_for_the_same_market) {
  http_.answers.emplace_back(
      page({{"a", "z", "1", "2026-01-01T00:00:00Z", "Linux/UNIX"},
            {"a", "z", "2", "2026-01-01T01:00:00Z", "Linux/UNIX (Amazon VPC)"}}));
  const auto result = poll({key("a", "z")});
  ASSERT_EQ(result->observations.size(), 1U);
  EXPECT_EQ(result->observations[0].spot, rate("2"));
  EXPECT_EQ(result->refused.total(), 0U);
}

TEST_F(AwsSpotFeedTest, refuses_bad_prices_and_other_products_without_losing_the_rest) {
  http_.answers.emplace_back(page({{"a", "z", "0"},
                                   {"a", "z", "NaN"},
                                   {"a", "z", "-3"},
                                   {"a", "z", "0.01", "2026-01-01T00:00:00Z", "Windows"},
                                   {"b", "z", "4"}}));
  const auto result = poll({key("a", "z"), key("b", "z")});
  ASSERT_TRUE(result);
  ASSERT_EQ(result->observations.size(), 1U);
  EXPECT_EQ(result->observations[0].key, key("b", "z"));
  EXPECT_EQ(result->refused.total(), 4U);
  EXPECT_EQ(result->refused.of(Refusal::kOtherProduct), 1U);
}

TEST_F(AwsSpotFeedTest, waits_out_throttling_and_then_succeeds) {
  http_.answers.emplace_back(error_answer("RequestLimitExceeded"));
  http_.answers.emplace_back(error_answer("RequestLimitExceeded"));
  http_.answers.emplace_back(page({{"a", "z", "1"}}));
  start({key("a", "z")});
  EXPECT_EQ(http_.requests.size(), 1U);
  time_.run_for(std::chrono::milliseconds(499));
  EXPECT_EQ(http_.requests.size(), 1U);  // never before half of the pause
  time_.run_for(std::chrono::milliseconds(502));
  EXPECT_EQ(http_.requests.size(), 2U);
  time_.run_for(std::chrono::seconds(2));
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->observations.size(), 1U);
}

TEST_F(AwsSpotFeedTest, gives_up_after_bounded_throttling) {
  for (int i = 0; i < 20; ++i)
    http_.answers.emplace_back(error_answer("RequestLimitExceeded"));
  const auto result = poll({key("a", "z")});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kThrottled);
  EXPECT_EQ(http_.requests.size(), 5U);
}

TEST_F(AwsSpotFeedTest, does_not_retry_what_will_not_succeed) {
  http_.answers.emplace_back(error_answer("AuthFailure", 401));
  EXPECT_EQ(poll({key("a", "z")}).error().code, ErrorCode::kUnauthorized);
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(AwsSpotFeedTest, bounds_the_pages_and_refuses_a_loop) {
  make({.max_pages = 3});
  for (int i = 0; i < 9; ++i)
    http_.answers.emplace_back(page({}, "t" + std::to_string(i)));
  EXPECT_EQ(poll({key("a", "z")}).error().code, ErrorCode::kInternal);
  EXPECT_EQ(http_.requests.size(), 3U);

  http_.answers.clear();
  for (int i = 0; i < 9; ++i)
    http_.answers.emplace_back(page({}, "same"));
  EXPECT_NE(poll({key("a", "z")}).error().message.find("repeats"), std::string::npos);
}

TEST_F(AwsSpotFeedTest, asks_for_nothing_when_nothing_is_wanted) {
  const auto result = poll({});
  ASSERT_TRUE(result);
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(AwsSpotFeedTest, stops_in_the_middle_of_a_pause) {
  http_.answers.emplace_back(error_answer("RequestLimitExceeded"));
  start({key("a", "z")});
  ASSERT_FALSE(result_);
  feed_->stop();
  time_.settle();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error().code, ErrorCode::kCancelled);
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(AwsSpotFeedTest, a_page_that_is_no_xml_is_an_error_not_an_empty_market) {
  http_.answers.emplace_back(cloud::HttpResponse{.status = 200, .body = "<html>login</html>"});
  EXPECT_EQ(poll({key("a", "z")}).error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace spillway::market
