#include <spillway/market/recording.h>

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace spillway::market {
namespace {

HourlyRate rate(std::string_view text) {
  return HourlyRate::parse(text).value();
}

TEST(ParsePrice, takes_plain_decimals) {
  EXPECT_EQ(parse_price("0.918600"), rate("0.9186"));
  EXPECT_EQ(parse_price("7.912300000"), rate("7.9123"));
  EXPECT_EQ(parse_price("98"), rate("98"));
  EXPECT_EQ(parse_price("10000"), kAbsurdRate);
}

TEST(ParsePrice, refuses_everything_else_by_its_reason) {
  const std::vector<std::pair<const char*, Refusal>> table{
      {"", Refusal::kNotDecimal},      {"abc", Refusal::kNotDecimal},
      {"NaN", Refusal::kNotDecimal},   {"nan", Refusal::kNotDecimal},
      {"inf", Refusal::kNotDecimal},   {"1e3", Refusal::kNotDecimal},
      {"1,5", Refusal::kNotDecimal},   {"+1", Refusal::kNotDecimal},
      {"$3.06", Refusal::kNotDecimal}, {"3.", Refusal::kNotDecimal},
      {".5", Refusal::kNotDecimal},    {"0x10", Refusal::kNotDecimal},
      {"3 .06", Refusal::kNotDecimal}, {"-abc", Refusal::kNotDecimal},
      {"1.2.3", Refusal::kNotDecimal}, {"<html>", Refusal::kNotDecimal},
      {"0", Refusal::kZero},           {"0.000000000", Refusal::kZero},
      {"0.0000001", Refusal::kZero},   {"-1", Refusal::kNegative},
      {"-0.0001", Refusal::kNegative}, {"10000.01", Refusal::kAbsurd},
      {"999999999", Refusal::kAbsurd}, {"99999999999999999999999", Refusal::kAbsurd},
  };
  for (const auto& [text, refusal] : table) {
    const auto price = parse_price(text);
    ASSERT_FALSE(price) << text;
    EXPECT_EQ(price.error(), refusal) << text << ": " << to_string(price.error());
  }
}

TEST(History, reads_rows_in_any_column_order_with_windows_line_ends) {
  const auto recording = parse_recording(
      "\xEF\xBB\xBF"
      "usd_per_hour,az,timestamp_utc,note,instance_type\r\n"
      "0.5,us-east-1a,2020-01-01T00:00:00Z,x,p3.2xlarge\r\n\r\n"
      "0.6,us-east-1a,2020-01-01T01:00:00.000Z,,p3.2xlarge");
  ASSERT_TRUE(recording) << recording.error().message;
  ASSERT_EQ(recording->prices.size(), 2U);
  EXPECT_TRUE(recording->refused.empty());
  EXPECT_EQ(recording->prices[1].spot, rate("0.6"));
  EXPECT_EQ(recording->prices[1].zone, Zone("us-east-1a"));
  EXPECT_EQ(recording->prices[1].changed_at, parse_instant("2020-01-01T01:00:00Z").value());
}

TEST(History, leaves_out_bad_rows_one_by_one_and_names_their_lines) {
  const auto recording = parse_recording(
      "instance_type,az,timestamp_utc,usd_per_hour\n"
      "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,0.9\n"
      "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z\n"
      "p3.2xlarge,us-east-1a,yesterday,0.9\n"
      "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,-0.9\n"
      ",us-east-1a,2020-01-01T00:00:00Z,0.9\n"
      "p3.2xlarge,us east,2020-01-01T00:00:00Z,0.9\n"
      "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,NaN\n"
      "p3.2xlarge,us-east-1b,2020-01-01T00:00:00Z,0.8\n");
  ASSERT_TRUE(recording);
  EXPECT_EQ(recording->prices.size(), 2U);
  const std::vector<std::pair<std::size_t, Refusal>> expected{
      {3, Refusal::kBadRow}, {4, Refusal::kBadTime}, {5, Refusal::kNegative},
      {6, Refusal::kBadRow}, {7, Refusal::kBadRow},  {8, Refusal::kNotDecimal}};
  ASSERT_EQ(recording->refused.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(recording->refused[i].line, expected[i].first);
    EXPECT_EQ(recording->refused[i].refusal, expected[i].second);
    EXPECT_FALSE(recording->refused[i].message.empty());
  }
}

constexpr const char* kCatalogue =
    "InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,AvailabilityZone\n"
    "p3.2xlarge,V100,1,3.06,0.4798,us-east-2,use2-az1\n"
    "p3.2xlarge,V100,1,3.823,,eu-west-1,euw1-az1\n"
    "p3.2xlarge,V100,1,,1.2,us-west-2,usw2-az1\n"
    "p4d.24xlarge,A100,8,32.77,,us-east-2,\n";

TEST(Catalogue, reads_both_prices_and_lets_either_be_absent) {
  const auto recording = parse_recording(kCatalogue);
  ASSERT_TRUE(recording);
  EXPECT_TRUE(recording->refused.empty());
  ASSERT_EQ(recording->prices.size(), 4U);
  EXPECT_EQ(recording->prices[0].on_demand, rate("3.06"));
  EXPECT_EQ(recording->prices[0].spot, rate("0.4798"));
  EXPECT_FALSE(recording->prices[0].changed_at);
  EXPECT_FALSE(recording->prices[1].spot);
  EXPECT_FALSE(recording->prices[2].on_demand);
}

TEST(Catalogue, finds_on_demand_prices_by_region_and_never_guesses) {
  const OnDemandCatalogue catalogue(parse_recording(kCatalogue).value());
  EXPECT_EQ(catalogue.find(InstanceType("p3.2xlarge"), Region("us-east-2")), rate("3.06"));
  EXPECT_EQ(catalogue.find(InstanceType("p3.2xlarge"), Region("eu-west-1")), rate("3.823"));
  EXPECT_FALSE(catalogue.find(InstanceType("p3.2xlarge"), Region("us-west-2")));
  EXPECT_FALSE(catalogue.find(InstanceType("p3.2xlarge"), Region()));  // the regions disagree
  EXPECT_EQ(catalogue.find(InstanceType("p4d.24xlarge"), Region()), rate("32.77"));
  EXPECT_FALSE(catalogue.find(InstanceType("p5.48xlarge"), Region("us-east-2")));
}

TEST(Catalogue, takes_the_highest_of_several_prices) {
  const OnDemandCatalogue catalogue(
      parse_recording("InstanceType,Price,SpotPrice,Region,AvailabilityZone\n"
                      "a,1,,r,z1\na,3,,r,z2\na,2,,r,z3\n")
          .value());
  EXPECT_EQ(catalogue.find(InstanceType("a"), Region("r")), rate("3"));
  EXPECT_EQ(catalogue.size(), 1U);
}

TEST(HistoryJson, reads_what_the_aws_command_prints) {
  const auto recording = parse_recording(R"({"SpotPriceHistory":[
    {"AvailabilityZone":"us-east-1a","InstanceType":"p3.2xlarge","ProductDescription":"Linux/UNIX",
     "SpotPrice":"0.918600","Timestamp":"2020-01-01T02:00:00+02:00"},
    {"AvailabilityZone":"us-east-1a","InstanceType":"p3.2xlarge","ProductDescription":"Windows",
     "SpotPrice":"4.5","Timestamp":"2020-01-01T00:00:00+00:00"},
    {"AvailabilityZone":"us-east-1a","InstanceType":"p3.2xlarge","ProductDescription":"Linux/UNIX",
     "SpotPrice":0.9,"Timestamp":"2020-01-01T00:00:00+00:00"}, 7]})");
  ASSERT_TRUE(recording) << recording.error().message;
  ASSERT_EQ(recording->prices.size(), 1U);
  EXPECT_EQ(recording->prices[0].changed_at, parse_instant("2020-01-01T00:00:00Z").value());
  ASSERT_EQ(recording->refused.size(), 3U);
  EXPECT_EQ(recording->refused[0].refusal, Refusal::kOtherProduct);
  EXPECT_EQ(recording->refused[1].refusal, Refusal::kNotDecimal);  // prices are decimal strings
  EXPECT_EQ(recording->refused[2].refusal, Refusal::kBadRow);
}

TEST(Recording, refuses_what_has_no_known_format_with_a_hint) {
  for (const char* bad : {"", " \n", "a,b,c\n1,2,3\n", "{", "{}", "{\"SpotPriceHistory\":1}",
                          "<html>Bad Gateway</html>", "[1]"}) {
    const auto recording = parse_recording(bad);
    ASSERT_FALSE(recording) << bad;
    EXPECT_EQ(recording.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_NE(parse_recording("a,b").error().message.find("instance_type,az"), std::string::npos);
}

TEST(Recording, survives_deeply_nested_json) {
  EXPECT_FALSE(parse_recording("{\"SpotPriceHistory\":" + std::string(200'000, '[')));
}

TEST(RecordedMarket, is_read_without_a_refused_row) {
  const char* shared = std::getenv("SPILLWAY_SHARED");
  const std::filesystem::path folder =
      (shared != nullptr ? std::filesystem::path(shared)
                         : std::filesystem::path(SPILLWAY_SOURCE_DIR) / ".." / "shared") /
      "data" / "spot-prices";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the recorded markets are not at " << folder << "; set SPILLWAY_SHARED";
  }
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".csv") continue;
    const auto text = read_price_file(file.path().string());
    ASSERT_TRUE(text);
    const auto recording = parse_recording(*text);
    ASSERT_TRUE(recording) << file.path() << recording.error().message;
    EXPECT_TRUE(recording->refused.empty()) << recording->refused.front().message;
    EXPECT_FALSE(recording->prices.empty());
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace spillway::market
