// The market server without its sockets: what is answered to which request.
#include <spillway/cloud/sigv4.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ec2_api.h"
#include "ec2_spot.h"
#include "routes.h"
#include "support/virtual_time.h"

namespace spillway::market_server {
namespace {

using ::testing::HasSubstr;

Instant at(const char* text) {
  return parse_instant(text).value();
}

constexpr const char* kPrices =
    "instance_type,az,timestamp_utc,usd_per_hour\n"
    "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,1.0\n"
    "p3.2xlarge,us-east-1a,2020-01-02T00:00:00Z,1.1\n"
    "p3.2xlarge,us-east-1a,2020-01-03T00:00:00Z,1.2\n"
    "p3.2xlarge,us-east-1b,2020-01-01T12:00:00Z,2.0\n"
    "p3.8xlarge,us-east-1a,2020-01-01T00:00:00Z,5.0\n"
    "p3.2xlarge,eu-west-1a,2020-01-01T00:00:00Z,3.0\n";

RecordedMarket market_of(const char* csv, const char* on_demand = nullptr) {
  market::OnDemandCatalogue catalogue;
  if (on_demand != nullptr) {
    catalogue = market::OnDemandCatalogue(market::parse_recording(on_demand).value());
  }
  return RecordedMarket::make(market::parse_recording(csv).value(), catalogue,
                              at("2020-01-01T00:00:00Z"))
      .value();
}

TEST(Wildcard, matches_as_ec2_filters_do) {
  EXPECT_TRUE(matches_wildcard("us-east-*", "us-east-1a"));
  EXPECT_TRUE(matches_wildcard("*", ""));
  EXPECT_TRUE(matches_wildcard("p3.?xlarge", "p3.2xlarge"));
  EXPECT_FALSE(matches_wildcard("p3.?xlarge", "p3.16xlarge"));
  EXPECT_TRUE(matches_wildcard("*x*large", "p3.16xlarge"));
  EXPECT_TRUE(matches_wildcard("a\\*b", "a*b"));
  EXPECT_FALSE(matches_wildcard("a\\*b", "axb"));
  EXPECT_FALSE(matches_wildcard("", "a"));
  EXPECT_FALSE(matches_wildcard("a", "ab"));
  EXPECT_TRUE(matches_wildcard("a*b*c", "a-b-b-c"));
  EXPECT_FALSE(matches_wildcard("?", ""));
}

TEST(RecordedMarketTest,
     shows_nothing_later_than_market_time_and_the_last_change_before_the_start) {
  const RecordedMarket market = market_of(kPrices);
  PriceQuery query{.instance_types = {"p3.2xlarge"}, .zones = {"us-east-1a"}};
  EXPECT_EQ(market.select(query, at("2020-01-02T12:00:00Z")).size(), 2U);
  query.start = at("2026-11-21T00:00:00Z");  // now, years after the recording
  const auto now = market.select(query, at("2020-01-02T12:00:00Z"));
  ASSERT_EQ(now.size(), 1U);
  EXPECT_EQ(now[0].at, at("2020-01-02T00:00:00Z"));  // as recorded
  query.start = at("2020-01-01T06:00:00Z");
  EXPECT_EQ(market.select(query, at("2020-01-09T00:00:00Z")).size(), 3U);
  query.end = at("2020-01-02T00:00:00Z");
  EXPECT_EQ(market.select(query, at("2020-01-09T00:00:00Z")).size(), 2U);
  EXPECT_TRUE(market.select(PriceQuery{}, at("2019-12-31T00:00:00Z")).empty());
}

TEST(RecordedMarketTest, answers_newest_first_and_by_region) {
  const RecordedMarket market = market_of(kPrices);
  const auto rows = market.select({.region = Region("us-east-1")}, at("2020-01-09T00:00:00Z"));
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_TRUE(std::is_sorted(rows.begin(), rows.end(),
                             [](const auto& a, const auto& b) { return a.at > b.at; }));
  EXPECT_EQ(region_of(Zone("us-east-1a")), Region("us-east-1"));
  EXPECT_EQ(region_of(Zone("use1-az1")), Region());
}

TEST(RecordedMarketTest, is_capped_at_on_demand) {
  const RecordedMarket market =
      market_of(kPrices,
                "InstanceType,Price,SpotPrice,Region,AvailabilityZone\n"
                "p3.8xlarge,4.5,,us-east-1,\np3.2xlarge,1.05,,eu-west-1,\n");
  const PriceQuery query{.instance_types = {"p3.8xlarge"}};
  EXPECT_EQ(price_text(market.select(query, at("2020-01-09T00:00:00Z"))[0].price), "4.500000");
}

TEST(RecordedMarketTest, names_the_first_bad_line) {
  const auto recording = market::parse_recording(
      "instance_type,az,timestamp_utc,usd_per_hour\np3,a,2020-01-01T00:00:00Z,1\np3,a,x,1\n");
  const auto market = RecordedMarket::make(recording.value(), {}, {});
  ASSERT_FALSE(market);
  EXPECT_THAT(market.error().message, HasSubstr("line 3"));
}

class Ec2ApiTest : public ::testing::Test {
 protected:
  ServerResponse get(const cloud::QueryParameters& extra, std::string_view version = "2016-11-15",
                     std::string_view action = "DescribeSpotPriceHistory") {
    cloud::QueryParameters parameters{{"Action", std::string(action)},
                                      {"Version", std::string(version)}};
    parameters.insert(parameters.end(), extra.begin(), extra.end());
    return api().answer({.method = "GET", .path = "/", .query = cloud::encode_form(parameters)});
  }
  market::SpotPricePage page(const cloud::QueryParameters& extra) {
    const ServerResponse response = get(extra);
    EXPECT_EQ(response.status, 200) << response.body;
    return market::parse_spot_price_page(response.body).value();
  }
  void expect_error(const ServerResponse& response, int status, const std::string& code) {
    EXPECT_EQ(response.status, status) << response.body;
    EXPECT_THAT(response.body, HasSubstr("<Response><Errors><Error><Code>" + code + "</Code>"));
    EXPECT_THAT(response.body, HasSubstr("<RequestID>"));
  }
  Ec2Api& api() {
    if (!api_) api_ = std::make_unique<Ec2Api>(market_, time_, clock_, options_);
    return *api_;
  }

  asio::io_context io_;
  testing::VirtualTime clock_{io_, at("2026-11-21T09:00:00Z")};
  RecordedMarket market_ = market_of(kPrices);
  MarketTime time_{clock_, at("2020-01-02T12:00:00Z"), 60};
  Ec2ApiOptions options_;
  std::unique_ptr<Ec2Api> api_;
};

TEST_F(Ec2ApiTest, market_time_runs_at_its_speed) {
  const cloud::QueryParameters now{{"InstanceType.1", "p3.2xlarge"},
                                   {"AvailabilityZone", "us-east-1a"},
                                   {"StartTime", "2026-11-21T09:00:00Z"}};
  EXPECT_EQ(page(now).items.at(0).price, HourlyRate::parse("1.1").value());
  clock_.run_for(std::chrono::minutes(12));  // twelve hours of market time
  EXPECT_EQ(page(now).items.at(0).price, HourlyRate::parse("1.2").value());
}

TEST_F(Ec2ApiTest, filters_by_lists_and_by_filters_with_wildcards) {
  EXPECT_EQ(page({}).items.size(), 5U);
  EXPECT_EQ(page({{"InstanceType.1", "p3.8xlarge"}, {"InstanceType.2", "nothing"}}).items.size(),
            1U);
  EXPECT_EQ(page({{"AvailabilityZone", "us-east-1b"}}).items.size(), 1U);
  EXPECT_EQ(page({{"ProductDescription.1", "Windows"}}).items.size(), 0U);
  EXPECT_EQ(page({{"ProductDescription.1", "Linux/UNIX"}}).items.size(), 5U);
  EXPECT_EQ(page({{"Filter.1.Name", "availability-zone"},
                  {"Filter.1.Value.1", "us-east-*"},
                  {"Filter.2.Name", "instance-type"},
                  {"Filter.2.Value.1", "p3.2*"},
                  {"Filter.2.Value.2", "p5*"}})
                .items.size(),
            3U);
  EXPECT_EQ(page({{"Filter.1.Name", "spot-price"}, {"Filter.1.Value.1", "1.1*"}}).items.size(), 1U);
  EXPECT_EQ(
      page({{"Filter.1.Name", "timestamp"}, {"Filter.1.Value.1", "2020-01-01T00*"}}).items.size(),
      3U);
  EXPECT_EQ(
      page({{"Filter.1.Name", "product-description"}, {"Filter.1.Value.1", "Win*"}}).items.size(),
      0U);
}

TEST_F(Ec2ApiTest, pages_fit_together_while_the_market_goes_on) {
  std::size_t items = 0;
  std::string token;
  int pages = 0;
  do {
    cloud::QueryParameters parameters{{"MaxResults", "2"}};
    if (!token.empty()) parameters.emplace_back("NextToken", token);
    const auto result = page(parameters);
    items += result.items.size();
    token = result.next_token;
    ++pages;
    clock_.run_for(std::chrono::hours(1));
  } while (!token.empty());
  EXPECT_EQ(items, 5U);  // not the sixth, which came later
  EXPECT_EQ(pages, 3);
}

TEST_F(Ec2ApiTest, answers_each_mistake_with_ec2s_code) {
  expect_error(get({}, "2016-11-15", "RunInstances"), 400, "InvalidAction");
  expect_error(get({}, "2009-01-01"), 400, "NoSuchVersion");
  expect_error(api().answer({.method = "GET", .path = "/"}), 400, "MissingAction");
  expect_error(
      api().answer({.method = "GET", .path = "/", .query = "Action=DescribeSpotPriceHistory"}), 400,
      "MissingParameter");
  expect_error(api().answer({.method = "GET", .path = "/", .query = "Action=%zz"}), 400,
               "MalformedQueryString");
  expect_error(api().answer({.method = "PUT", .path = "/"}), 405, "InvalidRequest");
  for (const char* name : {"Foo", "InstanceType", "InstanceType.0", "InstanceType.x",
                           "InstanceType.1.2", "Filter.1", "Filter.1.Values.1", "Filter.x.Name"}) {
    expect_error(get({{name, "v"}}), 400, "UnknownParameter");
  }
  const std::vector<std::pair<const char*, const char*>> bad_values{
      {"MaxResults", "0"}, {"MaxResults", "1001"}, {"MaxResults", "ten"},
      {"DryRun", "yes"},   {"StartTime", "x"},     {"EndTime", "yesterday"}};
  for (const auto& [name, value] : bad_values) {
    expect_error(get({{name, value}}), 400, "InvalidParameterValue");
  }
  expect_error(get({{"StartTime", "2020-01-02T00:00:00Z"}, {"EndTime", "2020-01-01T00:00:00Z"}}),
               400, "InvalidParameterValue");
  expect_error(get({{"Filter.1.Name", "color"}, {"Filter.1.Value.1", "red"}}), 400,
               "InvalidParameterValue");
  expect_error(get({{"Filter.1.Value.1", "red"}}), 400, "MissingParameter");
  expect_error(get({{"Filter.1.Name", "instance-type"}}), 400, "InvalidParameterValue");
  expect_error(get({{"AvailabilityZone", "a"}, {"AvailabilityZoneId", "b"}}), 400,
               "InvalidParameterCombination");
  expect_error(get({{"DryRun", "true"}}), 412, "DryRunOperation");
  const std::string token = page({{"MaxResults", "1"}}).next_token;
  for (const std::string& bad : {std::string("x"), std::string("a-b-c-d"), token + "0",
                                 "0" + token.substr(1), token.substr(1)}) {
    expect_error(get({{"NextToken", bad}}), 400, "InvalidNextToken");
  }
  expect_error(get({{"NextToken", token}, {"AvailabilityZone", "us-east-1a"}}), 400,
               "InvalidNextToken");  // of another request
}

TEST_F(Ec2ApiTest, never_writes_what_it_was_sent_as_markup) {
  const ServerResponse response = get({{"<b>&", "v"}});
  EXPECT_THAT(response.body, HasSubstr("&lt;b&gt;&amp;"));
}

TEST_F(Ec2ApiTest, throttles_with_a_bucket_that_refills) {
  options_.throttle = ThrottleLimits{.burst = 2, .per_second = 0.5};
  EXPECT_EQ(get({}).status, 200);
  EXPECT_EQ(get({}).status, 200);
  expect_error(get({}), 503, "RequestLimitExceeded");
  clock_.run_for(std::chrono::seconds(2));
  EXPECT_EQ(get({}).status, 200);
  expect_error(get({}), 503, "RequestLimitExceeded");
}

TEST_F(Ec2ApiTest, checks_signatures_when_it_has_keys) {
  options_.keys.emplace("AKID", Secret("secret"));
  expect_error(get({}), 403, "MissingAuthenticationToken");

  const auto send = [&](const char* id, const char* secret, const char* region, Duration skew) {
    cloud::HttpRequest request{.method = "POST",
                               .url = cloud::parse_url("http://h:1/").value(),
                               .body = "Action=DescribeSpotPriceHistory&Version=2016-11-15"};
    EXPECT_TRUE(cloud::sign(request, {.access_key_id = id, .secret_access_key = Secret(secret)},
                            {.region = Region(region), .service = cloud::ServiceName("ec2")},
                            clock_.now() + skew));
    ServerRequest received{
        .method = "POST", .path = "/", .headers = request.headers, .body = request.body};
    received.headers.push_back({"Host", "h:1"});
    return api().answer(received);
  };
  const auto good = send("AKID", "secret", "eu-west-1", Duration(0));
  ASSERT_EQ(good.status, 200) << good.body;
  EXPECT_EQ(market::parse_spot_price_page(good.body)->items.size(), 1U);  // of that region
  expect_error(send("AKID", "wrong", "eu-west-1", Duration(0)), 403, "SignatureDoesNotMatch");
  expect_error(send("NOBODY", "secret", "eu-west-1", Duration(0)), 401, "AuthFailure");
  expect_error(send("AKID", "secret", "eu-west-1", -std::chrono::minutes(6)), 400,
               "RequestExpired");
}

class RoutesTest : public Ec2ApiTest {
 protected:
  ServerResponse call(const char* method, const char* path, const char* query = "",
                      const char* body = "") {
    return make_handler(api(), time_, {.admin = true, .on_demand_csv = "csv"})(
        {.method = method, .path = path, .query = query, .body = body});
  }
  std::string shown_at() {
    return nlohmann::json::parse(call("GET", "/admin/time").body).at("at").get<std::string>();
  }
};

TEST_F(RoutesTest, moves_market_time_by_body_or_query) {
  EXPECT_EQ(call("POST", "/admin/time", "", R"({"at":"2020-02-01T00:00:00Z","speed":0})").status,
            200);
  EXPECT_EQ(shown_at(), "2020-02-01T00:00:00Z");
  clock_.run_for(std::chrono::hours(1));
  EXPECT_EQ(shown_at(), "2020-02-01T00:00:00Z");  // stands still
  EXPECT_EQ(call("POST", "/admin/time", "at=2020-03-01T00:00:00Z&speed=2").status, 200);
  clock_.run_for(std::chrono::hours(1));
  EXPECT_EQ(shown_at(), "2020-03-01T02:00:00Z");
  EXPECT_EQ(call("POST", "/admin/time", "", R"({"speed":1})").status, 200);
  EXPECT_EQ(shown_at(), "2020-03-01T02:00:00Z");  // what is left out stays
}

TEST_F(RoutesTest, refuses_nonsense_and_changes_nothing) {
  const std::string before = shown_at();
  for (const char* body : {"x", "[]", R"({"at":5})", R"({"at":"soon"})", R"({"speed":-1})",
                           R"({"speed":1e9})", R"({"speed":"fast"})", R"({"when":"now"})"}) {
    EXPECT_EQ(call("POST", "/admin/time", "", body).status, 400) << body;
  }
  EXPECT_EQ(call("DELETE", "/admin/time").status, 405);
  EXPECT_EQ(shown_at(), before);
}

TEST_F(RoutesTest, serves_health_and_the_on_demand_file_but_admin_only_when_asked_for) {
  EXPECT_EQ(call("GET", "/healthz").status, 200);
  EXPECT_EQ(call("GET", "/on-demand.csv").body, "csv");
  EXPECT_EQ(call("GET", "/nothing").status, 404);
  const Handler closed = make_handler(api(), time_, {});
  EXPECT_EQ(closed({.method = "GET", .path = "/admin/time"}).status, 404);
  EXPECT_EQ(closed({.method = "GET", .path = "/on-demand.csv"}).status, 404);
}

}  // namespace
}  // namespace spillway::market_server
