#include <spillway/market/feed.h>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/virtual_time.h"

namespace spillway::market {
namespace {

HourlyRate rate(std::string_view text) {
  return HourlyRate::parse(text).value();
}
PriceKey key(std::string_view type, std::string_view zone) {
  return {InstanceType(type), Zone(zone)};
}

class FileFeedTest : public ::testing::Test {
 protected:
  FileFeedTest() {
    std::string name = (std::filesystem::temp_directory_path() / "prices-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    path_ = folder_ / "prices.csv";
  }
  ~FileFeedTest() override { std::filesystem::remove_all(folder_); }

  // Writes the file as if at the given virtual time.
  void write(const std::string& text, Instant modified_at) const {
    std::ofstream(path_) << text;
    const auto since_epoch = modified_at.time_since_epoch();
    std::filesystem::last_write_time(
        path_, std::chrono::file_clock::from_sys(std::chrono::sys_time<Duration>(since_epoch)));
  }
  std::unique_ptr<PriceFeed> feed(std::string_view region = "") {
    return make_file_feed(runtime_, FeedName("file"),
                          {.path = path_.string(), .region = Region(region)});
  }
  Result<PollResult> poll(PriceFeed& feed, std::vector<PriceKey> wanted) {
    std::optional<Result<PollResult>> out;
    asio::co_spawn(io_, feed.poll(std::move(wanted)),
                   [&](const std::exception_ptr& thrown, Result<PollResult> result) {
                     ASSERT_FALSE(thrown);
                     out = std::move(result);
                   });
    time_.settle();
    return std::move(*out);
  }

  asio::io_context io_;
  testing::VirtualTime time_{io_, parse_instant("2020-01-10T00:00:00Z").value()};
  std::unique_ptr<Random> random_ = make_random(1);
  Runtime runtime_{io_.get_executor(), time_, time_, *random_};
  std::filesystem::path folder_, path_;
};

constexpr const char* kHistory =
    "instance_type,az,timestamp_utc,usd_per_hour\n"
    "p3,a,2020-01-12T00:00:00Z,3\n"
    "p3,a,2020-01-08T00:00:00Z,1\n"
    "p3,a,2020-01-09T00:00:00Z,2\n"
    "p3,b,2020-01-11T00:00:00Z,5\n";

TEST_F(FileFeedTest, gives_the_newest_change_that_is_not_in_the_future) {
  write(kHistory, time_.now());
  const auto file = feed();
  auto result = poll(*file, {key("p3", "a"), key("p3", "b"), key("p3", "c")});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->observations.size(), 1U);  // nothing is known of b yet, nor ever of c
  EXPECT_EQ(result->observations[0].spot, rate("2"));
  EXPECT_EQ(result->observations[0].changed_at, parse_instant("2020-01-09T00:00:00Z").value());
  time_.run_for(std::chrono::hours(72));
  result = poll(*file, {key("p3", "a"), key("p3", "b")});
  ASSERT_EQ(result->observations.size(), 2U);
  EXPECT_EQ(result->observations[0].spot, rate("3"));
}

TEST_F(FileFeedTest, a_file_was_heard_when_it_was_written) {
  const Instant written = time_.now() - std::chrono::hours(5);
  write(kHistory, written);
  EXPECT_EQ(poll(*feed(), {key("p3", "a")})->observations[0].heard_at, written);
  write(kHistory, time_.now() + std::chrono::hours(5));  // a clock ahead of ours
  EXPECT_EQ(poll(*feed(), {key("p3", "a")})->observations[0].heard_at, time_.now());
}

TEST_F(FileFeedTest, is_read_again_when_it_changes_and_counts_refusals_once) {
  write(std::string(kHistory) + "p3,a,2020-01-09T01:00:00Z,-4\n", time_.now());
  const auto file = feed();
  EXPECT_EQ(poll(*file, {key("p3", "a")})->refused.of(Refusal::kNegative), 1U);
  EXPECT_EQ(poll(*file, {key("p3", "a")})->refused.total(), 0U);
  time_.run_for(std::chrono::minutes(5));
  write(std::string(kHistory) + "p3,a,2020-01-09T01:00:00Z,4\n", time_.now());
  const auto result = poll(*file, {key("p3", "a")});
  EXPECT_EQ(result->observations[0].spot, rate("4"));
}

TEST_F(FileFeedTest, reads_a_catalogue_of_its_region_with_regional_on_demand_rows) {
  write(
      "InstanceType,Price,SpotPrice,Region,AvailabilityZone\n"
      "p3,3.06,0.5,r1,z1\np3,9.99,0.1,r2,z1\np4,30,,r1,\n",
      time_.now());
  const auto file = feed("r1");
  const auto result = poll(*file, {key("p3", "z1"), key("p4", "z7")});
  ASSERT_EQ(result->observations.size(), 2U);
  EXPECT_EQ(result->observations[0].spot, rate("0.5"));
  EXPECT_EQ(result->observations[0].on_demand, rate("3.06"));
  EXPECT_FALSE(result->observations[1].spot);
  EXPECT_EQ(result->observations[1].on_demand, rate("30"));
}

TEST_F(FileFeedTest, says_what_is_wrong_with_the_file) {
  const auto file = feed();
  EXPECT_EQ(poll(*file, {key("p3", "a")}).error().code, ErrorCode::kNotFound);
  write("nonsense\n", time_.now());
  const auto result = poll(*file, {key("p3", "a")});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find(path_.string()), std::string::npos);
}

TEST_F(FileFeedTest, the_fixed_feed_prefers_the_price_of_the_very_zone) {
  const auto fixed = make_fixed_feed(
      FeedName("fixed"),
      {{{InstanceType("p3"), Zone(), rate("2")}, {InstanceType("p3"), Zone("a"), rate("1")}}});
  const auto result = poll(*fixed, {key("p3", "a"), key("p3", "b"), key("p4", "a")});
  ASSERT_EQ(result->observations.size(), 2U);
  EXPECT_EQ(result->observations[0].spot, rate("1"));
  EXPECT_EQ(result->observations[1].spot, rate("2"));
}

}  // namespace
}  // namespace spillway::market
