#include <spillway/sim/recorded_market.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "market_folder.h"

namespace spillway::sim {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kHistory = "instance_type,az,timestamp_utc,usd_per_hour\n";

Instant at(const char* text) {
  return parse_instant(text).value();
}

api::CapacityPool pool(api::Tier tier, const char* zone = "us-east-1a") {
  api::CapacityPool pool;
  pool.meta.key.name = ObjectName("the-pool");
  pool.spec.tier = tier;
  pool.spec.accelerator = {.model = AcceleratorModel("V100"), .per_node = AcceleratorCount(1)};
  pool.spec.instance_type = InstanceType("p3.2xlarge");
  pool.spec.location = {
      .provider = api::Provider("aws"), .region = Region("us-east-1"), .zone = Zone(zone)};
  pool.spec.price.feed = FeedName("aws");
  return pool;
}

std::string error_of(const std::string& path) {
  const auto market = RecordedMarket::read(path);
  return market ? "no error" : market.error().message;
}

RecordedTrace trace(const char* text) {
  return parse_trace(json::parse(text), "a.json").value();
}
std::string trace_error(const char* text) {
  const auto parsed = parse_trace(json::parse(text), "a.json");
  return parsed ? "no error" : parsed.error().message;
}

// ---- traces

TEST(RecordedTrace, a_trace_of_ones_says_yes_or_no_and_one_of_counts_says_how_many) {
  EXPECT_TRUE(trace(R"({"metadata":{"gap_seconds":600},"data":[1,0,1]})").yes_or_no());
  EXPECT_FALSE(trace(R"({"metadata":{"gap_seconds":600},"data":[1,0,4]})").yes_or_no());
  EXPECT_EQ(trace(R"({"metadata":{"gap_seconds":600},"data":[1,0,1]})").length(),
            std::chrono::minutes(30));
}

TEST(RecordedTrace, a_start_is_read) {
  EXPECT_EQ(
      trace(R"({"metadata":{"gap_seconds":60,"start":"2023-02-15T00:00:00Z"},"data":[1]})").start,
      at("2023-02-15T00:00:00Z"));
}

TEST(RecordedTrace, what_is_wrong_is_said_with_its_place) {
  EXPECT_THAT(trace_error(R"({"data":[1]})"),
              AllOf(HasSubstr("a.json"), HasSubstr("metadata.gap_seconds")));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":0},"data":[1]})"),
              HasSubstr("gap_seconds 0"));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":600},"data":[1,null,1]})"),
              AllOf(HasSubstr("gap at data[1]"), HasSubstr("record every tick")));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":600},"data":[1,1,-1]})"),
              AllOf(HasSubstr("negative number -1 at data[2]"), HasSubstr("write 0")));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":600},"data":[0.5]})"),
              HasSubstr("0.5 at data[0]"));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":600},"data":[]})"), HasSubstr("\"data\""));
  EXPECT_THAT(trace_error(R"({"metadata":{"gap_seconds":600},"data":[true]})"),
              HasSubstr("true at data[0]"));
}

TEST(RecordedTrace, a_coding_that_is_turned_around_is_refused) {
  for (const char* metadata :
       {R"("inverted":true)", R"("available":0)", R"("encoding":"0=available")",
        R"("coding":"1 = preempted")", R"("available_value":"0")"}) {
    const std::string text =
        std::string(R"({"metadata":{"gap_seconds":600,)") + metadata + R"(},"data":[0,1]})";
    EXPECT_THAT(trace_error(text.c_str()), HasSubstr("0 means available")) << metadata;
  }
  EXPECT_EQ(
      trace_error(R"({"metadata":{"gap_seconds":600,"encoding":"1=available"},"data":[0,1]})"),
      "no error");
}

TEST(RecordedTrace, a_file_name_says_whose_it_is) {
  const auto name = parse_trace_name("us-west-2a_v100_8.json");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->zone, Zone("us-west-2a"));
  EXPECT_EQ(name->accelerators, 8);
  EXPECT_TRUE(same_model(name->model, AcceleratorModel("V100")));
  EXPECT_TRUE(same_model(name->model, AcceleratorModel("V100-SXM2-16GB")));
  EXPECT_FALSE(same_model(name->model, AcceleratorModel("A100")));
  EXPECT_FALSE(parse_trace_name("prices.json").has_value());
  EXPECT_FALSE(parse_trace_name("us-west-2a_v100_x.json").has_value());
  EXPECT_FALSE(parse_trace_name("us-west-2a_v100_0.json").has_value());
}

// ---- folders

TEST(RecordedMarket, a_history_prices_the_spot_pool_of_its_type_and_zone) {
  MarketFolder folder;
  folder.write("b.csv", std::string(kHistory) +
                            "p3.2xlarge,us-east-1a,2020-01-02T00:00:00Z,0.95\n"
                            "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,0.90\n"
                            "p3.2xlarge,us-east-1b,2020-01-04T00:00:00Z,7\n");
  folder.write("deeper/a.csv",
               std::string(kHistory) + "p3.2xlarge,us-east-1a,2020-01-01T12:00:00Z,0.90\n");
  const auto market = RecordedMarket::read(folder.path()).value();
  const PoolRecord record = market.record_of(pool(api::Tier::kSpot)).value();
  EXPECT_THAT(record.spot, ElementsAre(PriceChange{.at = at("2020-01-01T00:00:00Z"),
                                                   .per_node = HourlyRate::parse("0.90").value()},
                                       PriceChange{.at = at("2020-01-02T00:00:00Z"),
                                                   .per_node = HourlyRate::parse("0.95").value()}));
  EXPECT_EQ(record.prices_end, at("2020-01-04T00:00:00Z"));
  EXPECT_EQ(record.on_demand, std::nullopt);
}

TEST(RecordedMarket, a_catalogue_says_what_nodes_cost_on_demand) {
  MarketFolder folder;
  folder.write("od.csv",
               "InstanceType,AcceleratorName,AcceleratorCount,Price,SpotPrice,Region,"
               "AvailabilityZone\np3.2xlarge,V100,1,3.06,0.91,us-east-1,us-east-1a\n");
  const auto market = RecordedMarket::read(folder.path()).value();
  const PoolRecord on_demand = market.record_of(pool(api::Tier::kOnDemand)).value();
  EXPECT_EQ(on_demand.constant, HourlyRate::parse("3.06").value());
  const PoolRecord spot = market.record_of(pool(api::Tier::kSpot)).value();
  EXPECT_EQ(spot.constant, HourlyRate::parse("0.91").value());
  EXPECT_EQ(spot.on_demand, HourlyRate::parse("3.06").value());
}

TEST(RecordedMarket, a_pool_without_prices_is_named_with_the_row_that_is_missing) {
  MarketFolder folder;
  folder.write("a.csv", std::string(kHistory) + "p3.2xlarge,us-east-1b,2020-01-01T00:00:00Z,1\n");
  const auto market = RecordedMarket::read(folder.path()).value();
  const auto spot = market.record_of(pool(api::Tier::kSpot));
  ASSERT_FALSE(spot.has_value());
  EXPECT_THAT(spot.error().message, AllOf(HasSubstr("the-pool"), HasSubstr("p3.2xlarge"),
                                          HasSubstr("us-east-1a"), HasSubstr("add rows")));
  const auto on_demand = market.record_of(pool(api::Tier::kOnDemand));
  ASSERT_FALSE(on_demand.has_value());
  EXPECT_THAT(on_demand.error().message, AllOf(HasSubstr("the-pool"), HasSubstr("catalogue")));
}

TEST(RecordedMarket, a_trace_belongs_to_the_pool_that_its_name_says) {
  MarketFolder folder;
  const std::string history = std::string(kHistory) +
                              "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,1\n" +
                              "p3.2xlarge,us-east-1b,2020-01-01T00:00:00Z,1\n";
  folder.write("a.csv", history);
  folder.write("us-east-1a_v100_1.json", R"({"metadata":{"gap_seconds":600},"data":[1,0]})");
  folder.write("us-east-1b_v100_8.json", R"({"metadata":{"gap_seconds":600},"data":[1,0]})");
  const auto market = RecordedMarket::read(folder.path()).value();
  const PoolRecord record = market.record_of(pool(api::Tier::kSpot)).value();
  ASSERT_NE(record.trace, nullptr);
  EXPECT_EQ(record.trace->source, "us-east-1a_v100_1.json");
  EXPECT_EQ(market.record_of(pool(api::Tier::kSpot, "us-east-1b"))->trace, nullptr);
}

TEST(RecordedMarket, a_join_says_whose_a_trace_is_and_when_it_began) {
  MarketFolder folder;
  folder.write("a.csv", std::string(kHistory) + "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,1\n");
  folder.write("traces/any.json", R"({"metadata":{"gap_seconds":600},"data":[1,0]})");
  folder.write("traces/availability.csv",
               "file,zone,instance_type,starts_at\n"
               "any.json,us-east-1a,p3.2xlarge,2020-01-01T06:00:00Z\n");
  const auto market = RecordedMarket::read(folder.path()).value();
  const PoolRecord record = market.record_of(pool(api::Tier::kSpot)).value();
  ASSERT_NE(record.trace, nullptr);
  EXPECT_EQ(record.trace->start, at("2020-01-01T06:00:00Z"));
}

TEST(RecordedMarket, other_json_is_left_out_and_noted) {
  MarketFolder folder;
  folder.write("advisor.json", R"({"ranges": []})");
  folder.write("README.md", "no data");
  const auto market = RecordedMarket::read(folder.path()).value();
  EXPECT_THAT(market.notes(), ElementsAre(HasSubstr("advisor.json is left out")));
}

TEST(RecordedMarket, a_broken_file_is_one_sentence_with_its_place) {
  MarketFolder folder;
  folder.write("a.csv", std::string(kHistory) + "p3.2xlarge,us-east-1a,2020-01-01T00:00:00Z,-1\n");
  EXPECT_THAT(error_of(folder.path()),
              AllOf(HasSubstr("a.csv, line 2"), HasSubstr("negative"), HasSubstr("write US")));
  folder.write("a.csv", "\xff\xfei\0n\0");
  EXPECT_THAT(error_of(folder.path()), AllOf(HasSubstr("a.csv"), HasSubstr("UTF-8")));
  folder.write("a.csv", "one,two\n1,2\n");
  EXPECT_THAT(error_of(folder.path()), AllOf(HasSubstr("a.csv"), HasSubstr("columns")));
  folder.write("a.csv", kHistory);
  folder.write("b.json", "{\"metadata\": ");
  EXPECT_THAT(error_of(folder.path()), AllOf(HasSubstr("b.json"), HasSubstr("not valid JSON")));
  folder.write("b.json", "{}");
  folder.write("availability.csv", "file,zone,instance_type\nnone.json,z,t\n");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("none.json"));
}

TEST(RecordedMarket, a_folder_that_is_not_there_or_empty_is_said) {
  MarketFolder folder;
  EXPECT_THAT(error_of(folder.path()), HasSubstr("no .csv or .json file"));
  EXPECT_THAT(error_of(folder.path() + "/none"), HasSubstr("no market folder"));
}

// ---- ranges

std::map<PoolName, PoolRecord> records(const char* first, const char* end) {
  PoolRecord record;
  record.spot = {{.at = at(first), .per_node = HourlyRate::parse("1").value()}};
  record.prices_end = at(end);
  return {{PoolName("the-pool"), record}};
}

TEST(Range, without_a_wish_it_is_what_every_pool_has_records_for) {
  auto pools = records("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z");
  const RecordedTrace day =
      trace(R"({"metadata":{"gap_seconds":86400,"start":"2020-01-10T00:00:00Z"},"data":[1,1]})");
  pools[PoolName("another")].trace = &day;
  EXPECT_EQ(choose_range(pools, {}, {}).value(),
            (TimeRange{.from = at("2020-01-10T00:00:00Z"), .to = at("2020-01-12T00:00:00Z")}));
}

TEST(Range, a_trace_without_a_date_bounds_the_length) {
  auto pools = records("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z");
  const RecordedTrace hour = trace(R"({"metadata":{"gap_seconds":3600},"data":[1]})");
  pools[PoolName("another")].trace = &hour;
  EXPECT_EQ(choose_range(pools, {}, {})->to, at("2020-01-01T01:00:00Z"));
  EXPECT_EQ(choose_range(pools, {}, at("2020-01-03T00:00:00Z"))->to, at("2020-01-03T00:00:00Z"));
}

TEST(Range, wrong_ranges_are_one_sentence_each) {
  const auto pools = records("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z");
  const auto error = [&](const char* from, const char* to) {
    const auto range = choose_range(pools, at(from), at(to));
    return range ? "no error" : range.error().message;
  };
  EXPECT_THAT(error("2020-01-02T00:00:00Z", "2020-01-02T00:00:00Z"), HasSubstr("empty"));
  EXPECT_THAT(error("2020-01-03T00:00:00Z", "2020-01-02T00:00:00Z"), HasSubstr("backward"));
  EXPECT_THAT(error("2020-01-03T00:00:00Z", "2022-01-02T00:00:00Z"), HasSubstr("366 days"));
  EXPECT_THAT(error("2019-12-31T00:00:00Z", "2020-01-02T00:00:00Z"),
              AllOf(HasSubstr("the-pool"), HasSubstr("--from 2020-01-01T00:00:00Z")));
  EXPECT_THAT(choose_range({}, {}, {}).error().message, HasSubstr("write --from and --to"));
}

}  // namespace
}  // namespace spillway::sim
