// Bad input gets one sentence that says what to write instead.

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "options.h"
#include "prices.h"
#include "trace.h"

namespace spillway::regret {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(std::string_view text) {
  const auto trace = parse_trace(text, "zone-1_v100_1", 1);
  return trace ? "accepted" : trace.error().message;
}

TEST(Trace, CountsInstancesAndNamesItsZone) {
  const auto trace = parse_trace(R"({"metadata": {"gap_seconds": 600}, "data": [0, 1, 4]})",
                                 "us-west-2a_v100_4", 4);
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->tick, 600);
  EXPECT_EQ(trace->zone, Zone("us-west-2a"));
  EXPECT_THAT(trace->available, ElementsAre(0, 0, 1));
  EXPECT_EQ(trace->most_at_once, 4);
}

TEST(Trace, RefusesAGapANegativeNumberAndAFraction) {
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": [1, null, 1]})"),
              HasSubstr("gap at data[1]"));
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": [1, -1]})"),
              HasSubstr("negative number -1 at data[1]"));
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": [1, 0.5]})"),
              HasSubstr("whole number of instances"));
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": [1, "up"]})"),
              HasSubstr("whole number of instances"));
}

TEST(Trace, RefusesAFileThatIsInvertedByItsOwnWordOrItsMean) {
  for (const char* metadata : {R"("encoding": "0 = available")", R"("note": "1=preempted")",
                               R"("available": 0)", R"("inverted": true)"}) {
    const std::string text =
        std::string(R"({"metadata": {"gap_seconds": 600, )") + metadata + R"(}, "data": [1, 0]})";
    EXPECT_THAT(refusal(text), HasSubstr("0 means available")) << metadata;
  }
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": [0, 0, 0, 0]})"),
              HasSubstr("inverted"));
  EXPECT_EQ(
      refusal(R"({"metadata": {"gap_seconds": 600, "encoding": "1 = available"}, "data": [1, 0]})"),
      "accepted");
}

TEST(Trace, RefusesAMissingStepAndWhatIsNoTrace) {
  EXPECT_THAT(refusal(R"({"metadata": {}, "data": [1]})"), HasSubstr("metadata.gap_seconds"));
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 0}, "data": [1]})"),
              HasSubstr("gap_seconds 0"));
  EXPECT_THAT(refusal(R"({"metadata": {"gap_seconds": 600}, "data": []})"), HasSubstr("no list"));
  EXPECT_THAT(refusal("[1, 0]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("{"), HasSubstr("not a JSON object"));
}

constexpr std::string_view kPrices =
    "instance_type,az,timestamp_utc,usd_per_hour\n"
    "small,zone-a,2020-01-01T00:00:00Z,1.00\n"
    "small,zone-a,2020-01-01T02:00:00Z,2.00\n"
    "large,zone-b,2020-01-01T01:00:00Z,8.00\n"
    "large,zone-a,2020-01-01T00:00:00Z,9.00\n";

TEST(Prices, HoldUntilTheNextChangeFromTheFirstInstantOfTheType) {
  const auto file = PriceFile::parse(kPrices, "prices.csv");
  ASSERT_TRUE(file) << file.error().message;
  const auto small = file->dollars_per_tick(InstanceType("small"), Zone("zone-a"), 3600, 4);
  ASSERT_TRUE(small);
  EXPECT_THAT(*small, ElementsAre(1, 1, 2, 2));
  const auto late = file->dollars_per_tick(InstanceType("large"), Zone("zone-b"), 3600, 2);
  ASSERT_TRUE(late);
  EXPECT_THAT(*late, ElementsAre(8, 8)) << "before its first price that price holds";
}

TEST(Prices, ChooseTheTypeByItsMeanPrice) {
  const auto file = PriceFile::parse(kPrices, "prices.csv");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->type_near(HourlyRate(Money::dollars(1))), InstanceType("small"));
  EXPECT_EQ(file->type_near(HourlyRate(Money::dollars(7))), InstanceType("large"));
}

TEST(Prices, RefuseAZoneThatIsNotThereAndLinesThatAreNone) {
  const auto file = PriceFile::parse(kPrices, "prices.csv");
  ASSERT_TRUE(file);
  const auto none = file->dollars_per_tick(InstanceType("small"), Zone("zone-b"), 3600, 1);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("no price of small in zone zone-b"));
  const std::string header = "instance_type,az,timestamp_utc,usd_per_hour\n";
  for (const auto& [line, sentence] : std::vector<std::pair<std::string, std::string>>{
           {"small,zone-a,2020-01-01T00:00:00Z\n",
            "line 2 does not have the 4 cells of the first line"},
           {"small,zone-a,yesterday,1\n", "line 2"},
           {"small,zone-a,2020-01-01T00:00:00Z,-1\n", "line 2"},
           {"small,zone-a,2020-01-01T00:00:00Z,0\n", "price of zero"},
           {"", "has no prices"}}) {
    const auto refused = PriceFile::parse(header + line, "prices.csv");
    ASSERT_FALSE(refused) << line;
    EXPECT_THAT(refused.error().message, HasSubstr(sentence));
  }
  const auto headless = PriceFile::parse("az,price\n", "prices.csv");
  ASSERT_FALSE(headless);
  EXPECT_THAT(headless.error().message, HasSubstr("must name the column instance_type once"));
}

TEST(Prices, TakeColumnsInAnyOrderAndPassOverOthers) {
  const auto file = PriceFile::parse(
      "usd_per_hour, region,\"az\",timestamp_utc,instance_type\r\n"
      "1.5,east,zone-a,2020-01-01T00:00:00.000Z,small\r\n",
      "prices.csv");
  ASSERT_TRUE(file) << file.error().message;
  const auto prices = file->dollars_per_tick(InstanceType("small"), Zone("zone-a"), 60, 2);
  ASSERT_TRUE(prices) << prices.error().message;
  EXPECT_THAT(*prices, ElementsAre(1.5, 1.5));
}

std::string refusal_of(const std::function<void(Options&)>& change) {
  Options options;
  options.availability = {"no-such-file.json"};
  change(options);
  const auto setup = check(options);
  return setup ? "accepted" : setup.error().message;
}

TEST(Options, AreCheckedBeforeFilesAreRead) {
  EXPECT_THAT(refusal_of([](Options&) {}), HasSubstr("cannot read 'no-such-file.json'"));
  EXPECT_THAT(refusal_of([](Options& o) { o.availability.clear(); }), HasSubstr("--availability"));
  EXPECT_THAT(refusal_of([](Options& o) { o.deadline_hours = 48.1; }),
              HasSubstr("--deadline-hours 48.1 is not feasible"));
  EXPECT_THAT(refusal_of([](Options& o) { o.changeover_hours = -1; }),
              HasSubstr("--changeover-hours is -1"));
  EXPECT_THAT(refusal_of([](Options& o) { o.windows = 0; }), HasSubstr("--windows is 0"));
  EXPECT_THAT(refusal_of([](Options& o) { o.spot_price = "-1"; }),
              HasSubstr("--spot-price is '-1'"));
  EXPECT_THAT(refusal_of([](Options& o) { o.sees = "some"; }), HasSubstr("write all or launches"));
  EXPECT_THAT(refusal_of([](Options& o) { o.part = "third"; }),
              HasSubstr("write all, first or second"));
  EXPECT_THAT(refusal_of([](Options& o) { o.instance_type = "small"; }),
              HasSubstr("give --prices too"));
}

}  // namespace
}  // namespace spillway::regret
